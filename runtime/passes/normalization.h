// What the passes that make and complete normalize share.
#pragma once

#include "runtime/ir/graph.h"

namespace thaw {

/// A constant that broadcasts against x without changing its shape.
bool spreads_over(const Graph& graph, ValueId constant, ValueId x);

/// Constants behind normalize -> its scale and offset; reshapes around it that only gather the axes
/// of a row go. Casts to a narrower type may stand between.
bool complete_normalization(Graph& graph);

}  // namespace thaw
