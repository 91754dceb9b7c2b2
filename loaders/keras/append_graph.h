// A finished graph as a part of one under construction.
#pragma once

#include <string>
#include <vector>

#include "runtime/ir/builder.h"

namespace thaw::keras {

/// Adds the nodes of `part` behind `operands`, which stand for its inputs, and gives its outputs.
/// Sub-graphs move along. State is kept under `owner`: the same part added twice shares it. Throws
/// Error(invalid_argument) naming the node that the operands do not fit.
std::vector<ValueId> append_graph(GraphBuilder& g, Graph part, const std::vector<ValueId>& operands,
                                  const std::string& owner);

}  // namespace thaw::keras
