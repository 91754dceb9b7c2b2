// Matrix decompositions, solvers and diagonals.
#include "kernels/host/linalg.h"

#include <algorithm>

#include "kernels/host/families.h"
#include "runtime/ir/infer.h"

namespace thaw::host {

namespace {

template <class From, class To>
Tensor converted(const Tensor& x, DType dtype) {
  Tensor y(dtype, x.shape());
  const From* from = elements<From>(x);
  std::transform(from, from + x.num_elements(), mutable_elements<To>(y),
                 [](const From& value) { return static_cast<To>(value); });
  return y;
}

}  // namespace

Tensor widened(const Tensor& x) {
  if (x.dtype() == DType::float32) return converted<float, double>(x, DType::float64);
  if (x.dtype() == DType::complex64) return converted<Complex64, Complex128>(x, DType::complex128);
  return x;
}

Tensor narrowed(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  if (dtype == DType::float32) return converted<double, float>(x, dtype);
  return converted<Complex128, Complex64>(x, dtype);
}

void expect_square(const Tensor& x) {
  if (rows_of(x) != cols_of(x)) {
    fail(ErrorCode::invalid_argument, "Input matrix must be square, found shape {}",
         x.shape().to_string());
  }
}

void expect_solvable(const Tensor& matrix, const Tensor& rhs) {
  if (rows_of(matrix) != rows_of(rhs) || leading_dims(matrix, 2) != leading_dims(rhs, 2)) {
    fail(ErrorCode::invalid_argument, "Input matrix and rhs are incompatible: {} and {}",
         matrix.shape().to_string(), rhs.shape().to_string());
  }
}

BatchPairs broadcast_batches(const Tensor& a, const Tensor& b) {
  const Shape left(leading_dims(a, 2)), right(leading_dims(b, 2));
  BatchPairs pairs;
  const Shape batch = broadcast(left, right);
  pairs.batch = batch.dims();
  pairs.pairs.resize(static_cast<std::size_t>(batch.num_elements()));
  Broadcast(batch, {left, right}).each([&](std::int64_t i, const std::vector<std::int64_t>& at) {
    pairs.pairs[static_cast<std::size_t>(i)] = {at[0], at[1]};
  });
  return pairs;
}

namespace {

constexpr HostKernel kLinalg[] = {
    {"cholesky", cholesky},
    {"matrix_inverse", matrix_inverse},
    {"matrix_determinant", matrix_determinant},
    {"log_matrix_determinant", log_matrix_determinant},
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
    {"matrix_square_root", matrix_square_root},
    {"matrix_exponential", matrix_exponential},
    {"matrix_logarithm", matrix_logarithm},
    {"matrix_diag", matrix_diag},
    {"matrix_diag_part", matrix_diag_part},
    {"matrix_set_diag", matrix_set_diag},
};

}  // namespace

std::span<const HostKernel> linalg() { return kLinalg; }

}  // namespace thaw::host
