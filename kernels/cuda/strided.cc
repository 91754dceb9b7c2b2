#include "kernels/cuda/strided.h"

#include "thaw/error.h"

namespace thaw::cuda {

Ints row_major_strides(const Shape& shape) {
  Ints strides(static_cast<std::size_t>(shape.rank()), 0);
  if (shape.num_elements() == 0) return strides;  // the other dimensions' product may not fit
  std::int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[static_cast<std::size_t>(axis)] = step;
    step *= shape[axis];
  }
  return strides;
}

Ints broadcast_strides(const Shape& operand, const Shape& result) {
  const int shift = result.rank() - operand.rank();
  const Ints dense = row_major_strides(operand);
  Ints strides(static_cast<std::size_t>(result.rank()), 0);
  for (int axis = 0; axis < operand.rank(); ++axis) {
    if (operand[axis] == 1) continue;
    strides[static_cast<std::size_t>(axis + shift)] = dense[static_cast<std::size_t>(axis)];
  }
  return strides;
}

int axis_of(std::int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    throw Error(
        ErrorCode::invalid_argument,
        "axis " + std::to_string(axis) + " is out of range for rank " + std::to_string(rank));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

std::vector<bool> axis_flags(const Ints& axes, int rank) {
  std::vector<bool> flags(static_cast<std::size_t>(rank), false);
  for (std::int64_t axis : axes) flags[static_cast<std::size_t>(axis_of(axis, rank))] = true;
  return flags;
}

std::int64_t product(const Shape& shape, int begin, int end) {
  std::int64_t result = 1;
  for (int axis = begin; axis < end; ++axis) result *= shape[axis];
  return result;
}

}  // namespace thaw::cuda
