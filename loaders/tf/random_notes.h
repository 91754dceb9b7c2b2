// What a graph's user should know about its random numbers.
#pragma once

#include <string>
#include <vector>

#include "runtime/ir/graph.h"

namespace thaw::tf {

/// Adds a note for every node of the graph and its sub-graphs whose numbers differ from run to run.
void note_random_numbers(const Graph& graph, std::vector<std::string>& notes);

}  // namespace thaw::tf
