// Nested loops over operands that broadcast to one result.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/cpu/common.h"

namespace thaw::cpu {

/// The result's dims, neighbours merged where every operand is contiguous or constant across both.
/// The innermost is the row that a vector loop runs over; an operand's stride there is 1 or 0.
template <std::size_t N>
class Broadcast {
 public:
  using Offsets = std::array<std::int64_t, N>;

  Broadcast(const Shape& result, const std::array<const Shape*, N>& operands) {
    std::array<std::vector<std::int64_t>, N> strides;
    for (std::size_t o = 0; o < N; ++o) strides[o] = strides_of(*operands[o], result);
    for (int axis = 0; axis < result.rank(); ++axis) {
      Axis next{result[axis], {}};
      for (std::size_t o = 0; o < N; ++o)
        next.strides[o] = strides[o][static_cast<std::size_t>(axis)];
      if (next.size == 1) continue;
      if (!axes_.empty() && merges(axes_.back(), next)) {
        axes_.back() = {axes_.back().size * next.size, next.strides};
      } else {
        axes_.push_back(next);
      }
    }
    if (axes_.empty()) axes_.push_back({1, {}});
    row_ = axes_.back();
    axes_.pop_back();
    for (const Axis& axis : axes_) rows_ *= axis.size;
  }

  std::int64_t rows() const { return rows_; }
  std::int64_t row_size() const { return row_.size; }
  const Offsets& row_strides() const { return row_.strides; }

  /// Calls body(row, offsets of its first element) for rows [begin, end).
  template <class Body>
  void for_rows(std::int64_t begin, std::int64_t end, const Body& body) const {
    for (std::int64_t row = begin; row < end; ++row) {
      Offsets at{};
      std::int64_t rest = row;
      for (std::size_t i = axes_.size(); i-- > 0;) {
        const std::int64_t index = rest % axes_[i].size;
        rest /= axes_[i].size;
        for (std::size_t o = 0; o < N; ++o) at[o] += index * axes_[i].strides[o];
      }
      body(row, at);
    }
  }

 private:
  struct Axis {
    std::int64_t size = 1;
    Offsets strides{};
  };

  static std::vector<std::int64_t> strides_of(const Shape& operand, const Shape& result) {
    std::vector<std::int64_t> strides(static_cast<std::size_t>(result.rank()), 0);
    std::int64_t step = 1;
    for (int axis = operand.rank() - 1; axis >= 0; --axis) {
      const int to = axis + result.rank() - operand.rank();
      if (operand[axis] != 1) strides[static_cast<std::size_t>(to)] = step;
      step *= operand[axis];
    }
    return strides;
  }

  static bool merges(const Axis& outer, const Axis& inner) {
    for (std::size_t o = 0; o < N; ++o) {
      if (outer.strides[o] != inner.strides[o] * inner.size) return false;
    }
    return true;
  }

  std::vector<Axis> axes_;  // without the innermost
  Axis row_;
  std::int64_t rows_ = 1;
};

/// Splits the rows, or a single row's elements, over the pool; body(row, offsets, first, count).
template <std::size_t N, class Body>
void parallel_rows(const Args& args, const Broadcast<N>& loop, std::int64_t cost,
                   const Body& body) {
  if (loop.rows() == 1) {
    parallel(args, loop.row_size(), cost, [&](std::int64_t begin, std::int64_t end) {
      typename Broadcast<N>::Offsets at{};
      for (std::size_t o = 0; o < N; ++o) at[o] = begin * loop.row_strides()[o];
      body(std::int64_t{0}, at, begin, end - begin);
    });
    return;
  }
  parallel(args, loop.rows(), std::max<std::int64_t>(1, cost * loop.row_size()),
           [&](std::int64_t begin, std::int64_t end) {
             loop.for_rows(begin, end, [&](std::int64_t row, const auto& at) {
               body(row, at, std::int64_t{0}, loop.row_size());
             });
           });
}

/// Rows between gaps are worth a call for each from so many elements on.
constexpr std::int64_t kLeastRow = 32;

/// Calls body(index, count) for elements [begin, begin + count) of the result in pieces that no gap
/// of a view divides. Views with gaps have as many elements as the result.
template <class Body>
void for_pieces(const Args& args, std::int64_t begin, std::int64_t count, const Body& body) {
  for (const std::int64_t end = begin + count; begin < end;) {
    std::int64_t piece = end - begin;
    for (const std::span<const View> views : {args.in, args.out}) {
      for (const View& view : views) {
        if (view.pitch != 0) piece = std::min(piece, view.columns - begin % view.columns);
      }
    }
    body(begin, piece);
    begin += piece;
  }
}

}  // namespace thaw::cpu
