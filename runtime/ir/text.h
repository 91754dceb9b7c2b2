// Parts of a graph's text (docs/graph-text.md).
#pragma once

#include <string>

#include "runtime/ir/ops.h"

namespace thaw {

/// An op with its attributes: "softmax {axes = [-1]}". Throws Error(invalid_argument) with line and
/// column.
Op parse_op(const std::string& text);

}  // namespace thaw
