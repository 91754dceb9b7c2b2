// What the functions of matrices share. All work on [..., M, N]: one matrix after the other.
#pragma once

#include <Eigen/Core>
#include <limits>

#include "kernels/host/numeric.h"

namespace thaw::host {

using Index = Eigen::Index;
template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using MatrixMap = Eigen::Map<Matrix<T>>;
template <class T>
using ConstMatrixMap = Eigen::Map<const Matrix<T>>;
template <class T>
using Real = typename Eigen::NumTraits<T>::Real;

/// Dimensions before the last `inner`.
inline std::vector<std::int64_t> leading_dims(const Tensor& x, int inner) {
  const std::vector<std::int64_t>& dims = x.shape().dims();
  return {dims.begin(), dims.end() - inner};
}
inline Index rows_of(const Tensor& x) { return x.shape()[x.shape().rank() - 2]; }
inline Index cols_of(const Tensor& x) { return x.shape()[x.shape().rank() - 1]; }
/// How many matrices there are.
inline Index matrix_count(const Tensor& x) { return product(x.shape(), 0, x.shape().rank() - 2); }

template <class T>
ConstMatrixMap<T> matrix_at(const Tensor& x, Index i) {
  return {elements<T>(x) + i * rows_of(x) * cols_of(x), rows_of(x), cols_of(x)};
}
template <class T>
MatrixMap<T> matrix_at(Tensor& x, Index i) {
  return {mutable_elements<T>(x) + i * rows_of(x) * cols_of(x), rows_of(x), cols_of(x)};
}

/// [batch..., inner...]
inline Tensor batched(DType dtype, std::vector<std::int64_t> batch,
                      std::initializer_list<std::int64_t> inner) {
  batch.insert(batch.end(), inner);
  return Tensor(dtype, Shape(std::move(batch)));
}

/// float32 as float64, complex64 as complex128; anything else as it is.
Tensor widened(const Tensor& x);
/// Back to `dtype`, rounded once.
Tensor narrowed(const Tensor& x, DType dtype);

/// Runs code(tag, wide arguments) in double precision, real or complex, and rounds its results:
/// decompositions take minutes to compile per element type.
template <class Code>
std::vector<Tensor> in_double(const HostArgs& args, const Code& code) {
  const DType dtype = args.in[0].dtype();
  if (!is_complex(dtype) && dtype != DType::float32 && dtype != DType::float64) wrong_type(dtype);
  std::vector<Tensor> in;
  for (const Tensor& operand : args.in) in.push_back(widened(operand));
  std::vector<TensorType> out(args.out.begin(), args.out.end());
  for (TensorType& type : out) {
    if (type.dtype == DType::float32) type.dtype = DType::float64;
    if (type.dtype == DType::complex64) type.dtype = DType::complex128;
  }
  const HostArgs wide{args.call, in, out, args.packs};
  std::vector<Tensor> results =
      is_complex(dtype) ? code(Tag<Complex128>{}, wide) : code(Tag<double>{}, wide);
  for (std::size_t i = 0; i < results.size(); ++i) {
    results[i] = narrowed(results[i], args.out[i].dtype);
  }
  return results;
}

void expect_square(const Tensor& x);
/// The same number of rows, and the same batch.
void expect_solvable(const Tensor& matrix, const Tensor& rhs);

template <class T>
T not_a_number() {
  return T(std::numeric_limits<Real<T>>::quiet_NaN());
}

/// Which matrix of each operand makes result i, when batches broadcast.
struct BatchPairs {
  std::vector<std::int64_t> batch;  // dimensions of the result
  std::vector<std::pair<Index, Index>> pairs;
};
BatchPairs broadcast_batches(const Tensor& a, const Tensor& b);

using Results = std::vector<Tensor>;

Results cholesky(const HostArgs& args);
Results matrix_inverse(const HostArgs& args);
Results matrix_determinant(const HostArgs& args);
Results log_matrix_determinant(const HostArgs& args);
Results matrix_solve(const HostArgs& args);
Results triangular_solve(const HostArgs& args);
Results matrix_solve_ls(const HostArgs& args);
Results banded_triangular_solve(const HostArgs& args);
Results tridiagonal_solve(const HostArgs& args);
Results tridiagonal_matmul(const HostArgs& args);
Results lu(const HostArgs& args);
Results qr(const HostArgs& args);
Results svd(const HostArgs& args);
Results self_adjoint_eig(const HostArgs& args);
Results eig(const HostArgs& args);
Results matrix_square_root(const HostArgs& args);
Results matrix_exponential(const HostArgs& args);
Results matrix_logarithm(const HostArgs& args);
Results matrix_diag(const HostArgs& args);
Results matrix_diag_part(const HostArgs& args);
Results matrix_set_diag(const HostArgs& args);

}  // namespace thaw::host
