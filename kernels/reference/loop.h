// Nested loops over strided operands.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "thaw/types.h"

namespace thaw::reference {

using Ints = std::vector<std::int64_t>;

/// Elements between neighbours along each axis of a dense tensor; zeros for a tensor without
/// elements.
Ints row_major_strides(const Shape& shape);
/// Strides of `operand` when walked with the indices of `result`, to which it broadcasts.
Ints broadcast_strides(const Shape& operand, const Shape& result);
/// A negative axis counts from the end. Throws Error(invalid_argument) when it is out of range.
int axis_of(std::int64_t axis, int rank);
/// Flags per axis. No duplicates are needed or harmful.
std::vector<bool> axis_flags(const Ints& axes, int rank);
/// Product of dims[begin, end). It fits if the shape has elements; else it may wrap, and does not
/// matter.
std::int64_t product(const Shape& shape, int begin, int end);

/// Loops over `dims` in row-major order; each of N operands advances by its own strides (in
/// elements). Axes of size 1 are dropped and neighbours that are contiguous for all operands are
/// merged.
template <std::size_t N>
class NestedLoop {
 public:
  using Offsets = std::array<std::int64_t, N>;

  NestedLoop() = default;
  NestedLoop(const Ints& dims, const std::array<Ints, N>& strides) {
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
      if (dims[axis] == 0) empty_ = true;
      if (dims[axis] == 1) continue;
      Axis next{dims[axis], {}};
      for (std::size_t n = 0; n < N; ++n) next.strides[n] = strides[n][axis];
      if (!axes_.empty() && merges(axes_.back(), next)) {
        axes_.back() = {axes_.back().size * next.size, next.strides};
      } else {
        axes_.push_back(next);
      }
    }
  }

  /// Calls body(offsets, strides, count) for each run of the innermost axis.
  template <class Body>
  void rows(const Body& body, Offsets offsets = {}) const {
    if (empty_) return;
    if (axes_.empty()) {
      body(offsets, Offsets{}, std::int64_t{1});
      return;
    }
    descend(0, offsets, body);
  }

  /// Calls body(offsets) for each element.
  template <class Body>
  void each(const Body& body, Offsets start = {}) const {
    rows(
        [&](Offsets offsets, const Offsets& strides, std::int64_t count) {
          for (std::int64_t i = 0; i < count; ++i) {
            body(offsets);
            for (std::size_t n = 0; n < N; ++n) offsets[n] += strides[n];
          }
        },
        start);
  }

 private:
  struct Axis {
    std::int64_t size;
    Offsets strides;
  };

  static bool merges(const Axis& outer, const Axis& inner) {
    for (std::size_t n = 0; n < N; ++n) {
      if (outer.strides[n] != inner.strides[n] * inner.size) return false;
    }
    return true;
  }

  template <class Body>
  void descend(std::size_t axis, Offsets offsets, const Body& body) const {
    const Axis& here = axes_[axis];
    if (axis + 1 == axes_.size()) {
      body(offsets, here.strides, here.size);
      return;
    }
    for (std::int64_t i = 0; i < here.size; ++i) {
      descend(axis + 1, offsets, body);
      for (std::size_t n = 0; n < N; ++n) offsets[n] += here.strides[n];
    }
  }

  std::vector<Axis> axes_;
  bool empty_ = false;
};

/// Copies in[in_start + ...] to out[out_start + ...] along two sets of strides: most ops that only
/// move elements are one or a few of these.
struct StridedCopy {
  NestedLoop<2> loop;
  std::int64_t in_start = 0, out_start = 0;

  StridedCopy(const Ints& dims, const Ints& in_strides, const Ints& out_strides,
              std::int64_t in_begin = 0, std::int64_t out_begin = 0)
      : loop(dims, {in_strides, out_strides}), in_start(in_begin), out_start(out_begin) {}

  template <class T>
  void run(const T* in, T* out) const {
    loop.rows(
        [&](const NestedLoop<2>::Offsets& at, const NestedLoop<2>::Offsets& by,
            std::int64_t count) {
          const T* from = in + at[0];
          T* to = out + at[1];
          for (std::int64_t i = 0; i < count; ++i) to[i * by[1]] = from[i * by[0]];
        },
        {in_start, out_start});
  }
};

}  // namespace thaw::reference
