// The work of one launch, from its op and types.
#pragma once

#include <span>

#include "runtime/ir/graph.h"

namespace thaw {

struct LaunchCost {
  double flops = 0;  // multiplications and additions of products; 0 for every other op
  double bytes = 0;  // read and written: each operand and result once, of a gather its rows
};

/// Types without a static shape, and strings, count nothing.
LaunchCost launch_cost(const Op& op, std::span<const TensorType* const> in,
                       std::span<const TensorType* const> out);

}  // namespace thaw
