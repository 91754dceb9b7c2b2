// Recurrent loops raised to ops::Rnn.
#pragma once

#include <string>
#include <vector>

#include "runtime/ir/builder.h"

namespace thaw::tf {

/// Replaces every While of the graph (and its sub-graphs) that is exactly a recurrent layer by an
/// ops::Rnn node. Loops that look recurrent but are not recognised are left and noted. Nodes that
/// became unused stay.
void raise_recurrent(Graph& graph, const Evaluator& evaluator, std::vector<std::string>& notes);

}  // namespace thaw::tf
