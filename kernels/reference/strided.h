// Kernels made of strided copies.
#pragma once

#include <vector>

#include "kernels/reference/dispatch.h"
#include "kernels/reference/loop.h"

namespace thaw::reference {

/// One copy from operand `in` to result `out`.
struct Move {
  StridedCopy copy;
  std::size_t in = 0, out = 0;
};

/// Runs the moves in order, whatever the elements are; null for what is not a tensor.
KernelPtr move_kernel(DType dtype, std::vector<Move> moves);
inline KernelPtr move_kernel(DType dtype, StridedCopy copy) {
  return move_kernel(dtype, {Move{std::move(copy), 0, 0}});
}

}  // namespace thaw::reference
