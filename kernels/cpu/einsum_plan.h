// An einsum of two operands as products of matrices.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/cpu/move.h"

namespace thaw::cpu {

/// y[batch][m][n] = sum over k of a[batch][m][k] b[batch][k][n], each matrix where it lies. An
/// operand whose axes do not merge into such a matrix is first copied to dense matrices, a result
/// whose axes do not is made of them behind.
struct EinsumPlan {
  struct Matrices {
    std::size_t operand = 0;
    std::int64_t row_stride = 0, column_stride = 0;
    std::vector<std::int64_t> offsets;  // per product
    std::optional<Move> copy;           // to or from the dense form
    std::int64_t floats = 0;            // of the dense form, if it is copied
  };
  std::int64_t products = 1, m = 1, n = 1, k = 1;
  Matrices a, b, y;
};

/// Nothing where a label is repeated or summed on one side alone, dimensions broadcast inside the
/// matrices, or there are very many products or many tiny ones.
std::optional<EinsumPlan> plan_einsum(const Site& site);

}  // namespace thaw::cpu
