// Copies between strided blocks: concat, split, slices, transposes.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/cpu/common.h"

namespace thaw::cpu {

using Ints = std::vector<std::int64_t>;

/// Elements between neighbours along each axis of a dense tensor.
Ints dense_strides(const Shape& shape);

/// out[out_start + i . out_strides] = in[in_start + i . in_strides] for all i below dims.
/// Neighbouring axes that are contiguous on both sides are merged; a transposition runs in square
/// tiles.
class Move {
 public:
  Move(const Ints& dims, const Ints& in_strides, const Ints& out_strides, std::int64_t in_start = 0,
       std::int64_t out_start = 0);

  /// Elements of `size` bytes: 1, 2, 4, 8 or 16. With a row, the result's strides are multiples of
  /// it or less, and what it says stands for it.
  struct Row {
    std::int64_t size = 1, pitch = 1;
  };
  void run(const Args& args, std::size_t size, const void* in, void* out) const {
    run(args, size, in, out, Row{});
  }
  void run(const Args& args, std::size_t size, const void* in, void* out, const Row& row) const;

 private:
  struct Axis {
    std::int64_t size = 1, in = 0, out = 0;
  };
  template <class T>
  void run_as(const Args& args, const T* in, T* out, const Row& row) const;
  /// With strides of the result.
  template <class T>
  void tile(const T* in, T* out, std::int64_t row_out, std::int64_t column_out) const;

  std::vector<Axis> outer_;
  Axis row_{1, 1, 1};  // innermost in the result
  Axis column_;        // contiguous in the operand; size 1 unless this is a transposition
  std::int64_t in_start_, out_start_, count_ = 1;
};

/// A kernel that copies its operand 0 to a result of any type but string. `strides` of the operand
/// for the dims that the result is seen as; the result may have gaps between its last dimensions.
std::unique_ptr<Kernel> strided_copy(const Site& site, const Ints& dims, const Ints& strides,
                                     std::int64_t start = 0);

}  // namespace thaw::cpu
