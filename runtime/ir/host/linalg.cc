// Matrix decompositions, solvers and diagonals.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {
namespace {

using inference::Context;
using inference::invalid;
using inference::Types;

// ---- parts of shapes ----

/// Dimensions before the last `inner`; unknown rank stays so.
Shape batch_of(const Shape& shape, int inner) {
  if (!shape.has_rank()) return shape;
  return Shape(std::vector<std::int64_t>(shape.dims().begin(), shape.dims().end() - inner));
}

/// batch with more dimensions behind it.
Shape with(const Shape& batch, std::initializer_list<std::int64_t> inner) {
  if (!batch.has_rank()) return batch;
  std::vector<std::int64_t> dims = batch.dims();
  dims.insert(dims.end(), inner);
  return Shape(std::move(dims));
}

std::int64_t dim_from_end(const Shape& shape, int i) {
  return shape.has_rank() ? shape[shape.rank() - i] : kUnknownDim;
}

std::int64_t least(std::int64_t a, std::int64_t b) {
  if (a == 0 || b == 0) return 0;
  return a < 0 || b < 0 ? kUnknownDim : std::min(a, b);
}

bool has_linear_algebra(DType dtype) {
  return dtype == DType::float32 || dtype == DType::float64 || is_complex(dtype);
}

/// Operand i as matrices that can be decomposed.
void expect_matrices(const Context& context, int i, const char* what) {
  inference::expect_type(has_linear_algebra(context.dtype(i)), what,
                         "float32, float64 or a complex type", context.dtype(i));
  inference::expect_rank_at_least(context.shape(i), 2, what);
}

/// The size of square matrices.
std::int64_t expect_square(const Context& context) {
  expect_matrices(context, 0, "x");
  return inference::merge_dim(dim_from_end(context.shape(0), 2), dim_from_end(context.shape(0), 1),
                              "Input matrix must be square");
}

// ---- functions of one square matrix ----

Types same(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 1);
  const std::int64_t n = expect_square(context);
  return {{context.dtype(0), with(batch_of(context.shape(0), 2), {n, n})}};
}

Types matrix_logarithm(const ops::HostCall& call, const Context& context) {
  const Types types = same(call, context);
  inference::expect_type(is_complex(types[0].dtype), "x", "a complex type", types[0].dtype);
  return types;
}

Types determinant(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 1);
  expect_square(context);
  return {{context.dtype(0), batch_of(context.shape(0), 2)}};
}

Types log_determinant(const ops::HostCall& call, const Context& context) {
  const TensorType type = determinant(call, context)[0];
  return {type, type};
}

Types lu(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  const std::int64_t n = expect_square(context);
  const DType index = call.attributes.dtype("dtype");
  inference::expect_index_type("dtype", index);
  const Shape batch = batch_of(context.shape(0), 2);
  return {{context.dtype(0), with(batch, {n, n})}, {index, with(batch, {n})}};
}

Types self_adjoint_eig(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  const std::int64_t n = expect_square(context);
  const Shape batch = batch_of(context.shape(0), 2);
  Types types{{context.dtype(0), with(batch, {n})}};
  if (call.attributes.flag("compute_v")) types.push_back({context.dtype(0), with(batch, {n, n})});
  return types;
}

Types eig(const ops::HostCall& call, const Context& context) {
  Types types = self_adjoint_eig(call, context);
  const DType dtype = context.dtype(0);
  for (TensorType& type : types) {
    type.dtype =
        dtype == DType::float32 || dtype == DType::complex64 ? DType::complex64 : DType::complex128;
  }
  return types;
}

// ---- functions of rectangular matrices ----

Types qr(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  expect_matrices(context, 0, "x");
  const Shape& x = context.shape(0);
  const std::int64_t m = dim_from_end(x, 2), n = dim_from_end(x, 1);
  const std::int64_t k = call.attributes.flag("full_matrices") ? m : least(m, n);
  const Shape batch = batch_of(x, 2);
  return {{context.dtype(0), with(batch, {m, k})}, {context.dtype(0), with(batch, {k, n})}};
}

Types svd(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  expect_matrices(context, 0, "x");
  const Shape& x = context.shape(0);
  const std::int64_t m = dim_from_end(x, 2), n = dim_from_end(x, 1), k = least(m, n);
  const bool full = call.attributes.flag("full_matrices");
  const Shape batch = batch_of(x, 2);
  const DType dtype = context.dtype(0);
  Types types{{dtype, with(batch, {k})}};
  if (call.attributes.flag("compute_uv")) {
    types.push_back({dtype, with(batch, {m, full ? m : k})});
    types.push_back({dtype, with(batch, {n, full ? n : k})});
  }
  return types;
}

// ---- linear systems ----

void expect_same_batch(const Context& context, int a, int b) {
  inference::expect_same_type(context.dtype(a), "rhs", context.dtype(b));
  inference::merge_shape(batch_of(context.shape(a), 2), batch_of(context.shape(b), 2),
                         "batch dimensions");
}

Types matrix_solve(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 2);
  const std::int64_t n = expect_square(context);
  expect_matrices(context, 1, "rhs");
  expect_same_batch(context, 0, 1);
  inference::merge_dim(n, dim_from_end(context.shape(1), 2), "rows of rhs");
  return {{context.dtype(1), context.shape(1)}};
}

Types matrix_solve_ls(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  expect_matrices(context, 0, "matrix");
  expect_matrices(context, 1, "rhs");
  expect_same_batch(context, 0, 1);
  const Shape &a = context.shape(0), &b = context.shape(1);
  inference::merge_dim(dim_from_end(a, 2), dim_from_end(b, 2), "rows of rhs");
  inference::expect_scalar(context, 2, "l2_regularizer");
  inference::expect_same_type(DType::float64, "l2_regularizer", context.dtype(2));
  return {{context.dtype(0), with(batch_of(a, 2), {dim_from_end(a, 1), dim_from_end(b, 1)})}};
}

/// Triangles [..., M, M] or their bands [..., K, M]; batches broadcast.
Types solve_triangle(const Context& context, bool square) {
  inference::expect_operands(context, 2);
  expect_matrices(context, 0, "matrix");
  expect_matrices(context, 1, "rhs");
  inference::expect_same_type(context.dtype(0), "rhs", context.dtype(1));
  if (square) expect_square(context);
  const Shape &a = context.shape(0), &b = context.shape(1);
  const std::int64_t n =
      inference::merge_dim(dim_from_end(a, 1), dim_from_end(b, 2), "rows of rhs");
  const Shape batch = broadcast(batch_of(a, 2), batch_of(b, 2));
  return {{context.dtype(1), with(batch, {n, dim_from_end(b, 1)})}};
}

Types triangular_solve(const ops::HostCall&, const Context& context) {
  return solve_triangle(context, true);
}

Types banded_triangular_solve(const ops::HostCall&, const Context& context) {
  return solve_triangle(context, false);
}

Types tridiagonal_solve(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 2);
  expect_matrices(context, 0, "diagonals");
  expect_matrices(context, 1, "rhs");
  expect_same_batch(context, 0, 1);
  const Shape& diagonals = context.shape(0);
  inference::merge_dim(3, dim_from_end(diagonals, 2), "rows of diagonals");
  inference::merge_dim(dim_from_end(diagonals, 1), dim_from_end(context.shape(1), 2),
                       "rows of rhs");
  return {context.type(1)};
}

Types tridiagonal_matmul(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 4);
  for (int i = 0; i < 4; ++i) expect_matrices(context, i, i < 3 ? "diagonal" : "rhs");
  for (int i = 0; i < 3; ++i) {
    expect_same_batch(context, 3, i);
    inference::merge_dim(1, dim_from_end(context.shape(i), 2), "rows of a diagonal");
    inference::merge_dim(dim_from_end(context.shape(i), 1), dim_from_end(context.shape(3), 2),
                         "length of a diagonal");
  }
  return {context.type(3)};
}

// ---- diagonals ----

/// Operand i: the lower and the upper diagonal, or one for both.
std::optional<std::pair<std::int64_t, std::int64_t>> diagonal_range(const Context& context, int i) {
  inference::expect_index_type("k", context.dtype(i));
  const auto k = inference::ints_operand(context, i, "k");
  if (!k) return std::nullopt;
  if (k->empty() || k->size() > 2 || k->front() > k->back()) {
    invalid("k: expected one index or a lower and an upper one");
  }
  return std::pair{k->front(), k->back()};
}

Types matrix_diag(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 5);
  const Shape& diagonal = context.shape(0);
  const DType dtype = context.dtype(0);
  inference::expect_rank_at_least(diagonal, 1, "diagonal");
  inference::expect_same_type(dtype, "padding value", context.dtype(4));
  inference::expect_scalar(context, 4, "padding value");
  const auto k = diagonal_range(context, 1);
  const auto rows = inference::int_operand(context, 2, "num_rows");
  const auto cols = inference::int_operand(context, 3, "num_cols");
  if (!k || !diagonal.has_rank()) return {{dtype, Shape::unknown_rank()}};
  const int inner = k->first == k->second ? 1 : 2;
  inference::expect_rank_at_least(diagonal, inner, "diagonal");
  const Shape batch = batch_of(diagonal, inner);
  const std::int64_t width = diagonal[diagonal.rank() - 1];
  if (width < 0 || !rows || !cols) return {{dtype, with(batch, {kUnknownDim, kUnknownDim})}};
  const std::int64_t least_rows =
      inference::checked_add(width, -std::min<std::int64_t>(k->second, 0));
  const std::int64_t least_cols =
      inference::checked_add(width, std::max<std::int64_t>(k->first, 0));
  if (*rows == -1 && *cols == -1) {
    const std::int64_t size = std::max(least_rows, least_cols);
    return {{dtype, with(batch, {size, size})}};
  }
  return {{dtype, with(batch, {*rows < 0 ? least_rows : *rows, *cols < 0 ? least_cols : *cols})}};
}

Types matrix_diag_part(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  const Shape& x = context.shape(0);
  const DType dtype = context.dtype(0);
  inference::expect_rank_at_least(x, 2, "x");
  inference::expect_same_type(dtype, "padding value", context.dtype(2));
  inference::expect_scalar(context, 2, "padding value");
  const auto k = diagonal_range(context, 1);
  if (!k || !x.has_rank()) return {{dtype, Shape::unknown_rank()}};
  const std::int64_t m = dim_from_end(x, 2), n = dim_from_end(x, 1);
  std::int64_t length = kUnknownDim;
  if (m >= 0 && n >= 0) {
    for (const std::int64_t index : {k->first, k->second}) {
      if (index != 0 && (index <= -m || index >= n)) {
        invalid("diagonal {} of matrices {}", index, x.to_string());
      }
    }
    length =
        std::min(m + std::min<std::int64_t>(k->second, 0), n - std::max<std::int64_t>(k->first, 0));
  }
  const Shape batch = batch_of(x, 2);
  if (k->first == k->second) return {{dtype, with(batch, {length})}};
  return {{dtype, with(batch, {k->second - k->first + 1, length})}};
}

Types matrix_set_diag(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  inference::expect_rank_at_least(context.shape(0), 2, "x");
  inference::expect_rank_at_least(context.shape(1), 1, "diagonal");
  inference::expect_same_type(context.dtype(0), "diagonal", context.dtype(1));
  diagonal_range(context, 2);
  return {context.type(0)};
}

constexpr HostFunction kLinalg[] = {
    {"cholesky", same},
    {"matrix_inverse", same},
    {"matrix_determinant", determinant},
    {"log_matrix_determinant", log_determinant},
    {"matrix_solve", matrix_solve},
    {"triangular_solve", triangular_solve},
    {"matrix_solve_ls", matrix_solve_ls},
    {"banded_triangular_solve", banded_triangular_solve},
    {"tridiagonal_solve", tridiagonal_solve},
    {"tridiagonal_matmul", tridiagonal_matmul},
    {"lu", lu},
    {"qr", qr},
    {"svd", svd},
    {"self_adjoint_eig", self_adjoint_eig},
    {"eig", eig},
    {"matrix_square_root", same},
    {"matrix_exponential", same},
    {"matrix_logarithm", matrix_logarithm},
    {"matrix_diag", matrix_diag},
    {"matrix_diag_part", matrix_diag_part},
    {"matrix_set_diag", matrix_set_diag},
};

}  // namespace

std::span<const HostFunction> linalg() { return kLinalg; }

}  // namespace thaw::host_types
