// What happens to an imported graph before it leaves the loader.
#pragma once

#include <string>
#include <vector>

#include "runtime/ir/graph.h"

namespace thaw::tf {

/// Empties nodes without effect whose results nothing uses, then drops them and sub-graphs that no
/// node refers to. Inputs stay. The order of nodes and the names of outputs stay.
void drop_unused(Graph& graph);

}  // namespace thaw::tf
