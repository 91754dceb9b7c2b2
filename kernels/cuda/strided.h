// Strides of operands, and loops over them that a device can run.
#pragma once

#include <vector>

#include "kernels/cuda/element.cuh"
#include "kernels/kernel.h"

namespace thaw::cuda {

using Ints = std::vector<std::int64_t>;

/// Elements between neighbours along each axis of a dense tensor.
Ints row_major_strides(const Shape& shape);
/// Strides of `operand` when walked with the indices of `result`, to which it broadcasts.
Ints broadcast_strides(const Shape& operand, const Shape& result);
/// A negative axis counts from the end. Throws Error(invalid_argument) when it is out of range.
int axis_of(std::int64_t axis, int rank);
std::vector<bool> axis_flags(const Ints& axes, int rank);
/// Product of dims[begin, end).
std::int64_t product(const Shape& shape, int begin, int end);

constexpr int kMostAxes = 8;

/// Where the i-th element, in row-major order, of a nest of axes lies in N operands.
template <int N>
struct StridedLoop {
  int axes = 0;
  bool narrow = true;  // 32-bit division is enough
  std::int64_t count = 1;
  std::int64_t size[kMostAxes] = {};
  std::int64_t stride[N][kMostAxes] = {};

  /// Axes of size 1 are dropped, neighbours that are contiguous for all operands merged. False if
  /// too many axes are left.
  bool set(const Ints& dims, const Ints* const (&strides)[N]) {
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
      count *= dims[axis];
      if (dims[axis] == 1) continue;
      std::int64_t steps[N];
      for (int n = 0; n < N; ++n) steps[n] = (*strides[n])[axis];
      if (axes > 0 && merges(steps, dims[axis])) {
        size[axes - 1] *= dims[axis];
      } else if (axes == kMostAxes) {
        return false;
      } else {
        size[axes++] = dims[axis];
      }
      for (int n = 0; n < N; ++n) stride[n][axes - 1] = steps[n];
    }
    narrow = count <= INT32_MAX;
    return true;
  }

  THAW_HOST_DEVICE void offsets(std::int64_t i, std::int64_t (&at)[N]) const {
    for (int n = 0; n < N; ++n) at[n] = 0;
    for (int axis = axes - 1; axis > 0; --axis) {
      std::int64_t index;
      if (narrow) {
        const auto whole = static_cast<std::uint32_t>(i);
        const auto here = static_cast<std::uint32_t>(size[axis]);
        i = whole / here;
        index = whole % here;
      } else {
        index = i % size[axis];
        i /= size[axis];
      }
      for (int n = 0; n < N; ++n) at[n] += index * stride[n][axis];
    }
    if (axes > 0) {
      for (int n = 0; n < N; ++n) at[n] += i * stride[n][0];
    }
  }

 private:
  bool merges(const std::int64_t (&steps)[N], std::int64_t inner) const {
    for (int n = 0; n < N; ++n) {
      if (stride[n][axes - 1] != steps[n] * inner) return false;
    }
    return true;
  }
};

}  // namespace thaw::cuda
