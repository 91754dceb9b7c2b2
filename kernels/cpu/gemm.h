// Matrix product with a packed right operand: the workhorse of matmul, conv and rnn.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>

#include "kernels/backend.h"
#include "kernels/cpu/common.h"
#include "kernels/cpu/packed.h"
#include "runtime/ir/ops.h"

namespace thaw::cpu {

/// C[m, n] = activation(A B + bias). A's rows need not be dense: row r starts at a + (r /
/// inner_rows) * outer_stride + (r % inner_rows) * row_stride and consists of `segments` runs of
/// `segment_length` floats at segment_offsets (a convolution's window; one run for a plain matrix).
struct Gemm {
  const float* a = nullptr;
  std::int64_t inner_rows = 1, row_stride = 0, outer_stride = 0;
  const std::int64_t* segment_offsets = nullptr;  // null: one run at 0
  std::int64_t segments = 1, segment_length = 0;
  const void* packed = nullptr;  // by pack_matrix, in the form `storage`
  WeightStorage storage = WeightStorage::f32;
  const float* scales = nullptr;  // int8: one per packed column
  const float* bias = nullptr;    // [n] or null
  float* c = nullptr;
  // Row r of C starts at c + (r / inner_rows) * c_outer_stride + (r % inner_rows) * c_stride; 0: at
  // c + r * c_stride.
  std::int64_t c_stride = 0, c_outer_stride = 0;
  // Between c_run columns of a row, whole vectors, and the next ones c_gap floats are left out.
  std::int64_t c_run = 0, c_gap = 0;  // 0: no gaps

  /// Where column `column` of a row is.
  std::int64_t c_offset(std::int64_t column) const {
    return c_run == 0 ? column : column + column / c_run * c_gap;
  }
  std::int64_t m = 0, n = 0;
  UnaryFn activation;

  std::int64_t k() const { return segments * segment_length; }
};

/// Rows of one task at most; the result does not depend on who runs which task.
constexpr std::int64_t kGemmRows = 96;
/// Blocks that m rows fall into: alike in size, more where there are few column blocks, so many
/// that two threads have as many tasks each. Few rows stay together: each block reads B anew.
constexpr std::int64_t gemm_row_blocks(std::int64_t m, std::int64_t column_blocks) {
  const bool wide = column_blocks >= 4;
  const std::int64_t blocks = ceil_div(m, wide ? kGemmRows : kGemmRows / 2);
  const bool even = wide ? blocks * column_blocks % 2 == 0 : blocks % 2 == 0;
  const bool alone = m < kGemmRows / (wide ? 8 : 4) || (wide && column_blocks >= 16);
  return even || alone ? blocks : blocks + 1;
}
/// Columns of a packed block: four vectors of the chosen instruction set.
std::int64_t gemm_columns();
/// The number of float lanes of the chosen instruction set.
std::int64_t float_lanes();

/// Tasks of a product: row blocks x column blocks.
std::int64_t gemm_tasks(std::int64_t m, std::int64_t n);
/// Cost of one task for parallel().
std::int64_t gemm_cost(std::int64_t m, std::int64_t k);

/// Which rows and columns a task is.
class GemmSplit {
 public:
  struct Task {
    std::int64_t rows, columns;  // indices of the blocks
  };

  GemmSplit(std::int64_t m, std::int64_t n, std::int64_t block_columns)
      : m_(m),
        column_blocks_(ceil_div(n, block_columns)),
        row_blocks_(gemm_row_blocks(m, column_blocks_)),
        by_columns_(n > m) {}

  /// Neighbouring tasks share what is the larger: B, column block by column block, or A.
  Task task(std::int64_t index) const {
    if (by_columns_) return {index % row_blocks_, index / row_blocks_};
    return {index / column_blocks_, index % column_blocks_};
  }
  std::int64_t first_row(std::int64_t block) const { return m_ * block / row_blocks_; }

 private:
  std::int64_t m_, column_blocks_, row_blocks_;
  bool by_columns_;
};

/// Floats that a packed [k, n] matrix takes.
std::int64_t packed_size(std::int64_t k, std::int64_t n);
/// B[i, j] = b[i * k_stride + j * n_stride] into the layout of gemm(): column blocks, in each block
/// k rows of up to four vectors, padded with zeros. Packs column blocks [begin, end) of ceil(n /
/// gemm_columns()).
void pack_matrix(const float* b, std::int64_t k, std::int64_t n, std::int64_t k_stride,
                 std::int64_t n_stride, float* packed, std::int64_t begin, std::int64_t end);
/// Of a B whose rows are dense only rows [first, first + rows), which lie at `b`, all columns.
void pack_matrix_rows(const float* b, std::int64_t k, std::int64_t n, std::int64_t k_stride,
                      float* packed, std::int64_t first, std::int64_t rows);
/// Runs tasks [begin, end) of gemm_tasks(m, n).
void gemm(const Gemm& g, std::int64_t begin, std::int64_t end);

/// A packed [k, n] matrix as packed_matrix() takes it.
PackedBlocks gemm_blocks(std::int64_t k, std::int64_t n);

/// Floats packed once, 64-byte aligned, shared through the cache if there is one.
std::shared_ptr<const float> packed_weights(const Site& site, int operand,
                                            const std::string& layout, std::int64_t floats,
                                            const std::function<void(const float*, float*)>& pack);

std::shared_ptr<const float> packed_weights(const Site& site, int operand,
                                            const std::string& layout, std::int64_t floats,
                                            std::int64_t rows, const PackRows& pack);

/// A layout's name in the cache: "gemm/784/128/1/16". The numbers are all that the packing depends
/// on.
std::string layout_name(const char* kind, std::initializer_list<std::int64_t> numbers);

/// Whether gemm() can apply this activation to its result.
bool gemm_activation(const UnaryFn& fn);

}  // namespace thaw::cpu
