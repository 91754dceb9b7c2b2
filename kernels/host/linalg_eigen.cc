// Eigenvalues, and functions of matrices that are made from them.
#include <Eigen/Eigenvalues>
#include <unsupported/Eigen/MatrixFunctions>

#include "kernels/host/linalg.h"

namespace thaw::host {
namespace {

// Reads the lower triangle only.
template <class T>
Results self_adjoint_eig_of(const HostArgs& args) {
  const Tensor& x = args.in[0];
  expect_square(x);
  const bool vectors = args.call.attributes.flag("compute_v");
  const Index n = rows_of(x);
  Results results{batched(x.dtype(), leading_dims(x, 2), {n})};
  if (vectors) results.emplace_back(x.dtype(), x.shape());
  for (Index i = 0; i < matrix_count(x) && n > 0; ++i) {
    const Matrix<T> matrix = matrix_at<T>(x, i);
    const Eigen::SelfAdjointEigenSolver<Matrix<T>> solver(
        matrix, vectors ? Eigen::ComputeEigenvectors : Eigen::EigenvaluesOnly);
    if (solver.info() != Eigen::Success || !solver.eigenvalues().allFinite()) {
      fail(ErrorCode::invalid_argument,
           "Self-adjoint eigen decomposition was not successful. The input might not be valid.");
    }
    T* values = mutable_elements<T>(results[0]) + i * n;
    for (Index k = 0; k < n; ++k) values[k] = T(solver.eigenvalues()[k]);
    if (vectors) matrix_at<T>(results[1], i) = solver.eigenvectors();
  }
  return results;
}

template <class T>
Results eig_of(const HostArgs& args) {
  using Complex = std::complex<Real<T>>;
  const Tensor& x = args.in[0];
  expect_square(x);
  const bool vectors = args.call.attributes.flag("compute_v");
  const DType dtype = args.out[0].dtype;
  const Index n = rows_of(x);
  Results results{batched(dtype, leading_dims(x, 2), {n})};
  if (vectors) results.emplace_back(dtype, x.shape());
  for (Index i = 0; i < matrix_count(x) && n > 0; ++i) {
    const Matrix<Complex> matrix = matrix_at<T>(x, i).template cast<Complex>();
    Eigen::ComplexEigenSolver<Matrix<Complex>> solver;
    if (matrix.allFinite()) solver.compute(matrix, vectors);
    if (!matrix.allFinite() || solver.info() != Eigen::Success) {
      fail(ErrorCode::invalid_argument,
           "Eigen decomposition was not successful. The input might not be valid.");
    }
    Complex* values = mutable_elements<Complex>(results[0]) + i * n;
    for (Index k = 0; k < n; ++k) values[k] = solver.eigenvalues()[k];
    if (vectors) matrix_at<Complex>(results[1], i) = solver.eigenvectors();
  }
  return results;
}

/// compute(matrix) for every square matrix; elements that are not finite give NaN.
template <class T, class Compute>
Results map_matrices(const HostArgs& args, Compute&& compute) {
  const Tensor& x = args.in[0];
  expect_square(x);
  Tensor y(x.dtype(), x.shape());
  for (Index i = 0; i < matrix_count(x) && rows_of(x) > 0; ++i) {
    const Matrix<T> matrix = matrix_at<T>(x, i);
    if (matrix.allFinite()) {
      matrix_at<T>(y, i) = compute(matrix);
    } else {
      matrix_at<T>(y, i).fill(not_a_number<T>());
    }
  }
  return {std::move(y)};
}

}  // namespace

Results self_adjoint_eig(const HostArgs& args) {
  return in_double(args, [](auto tag, const HostArgs& wide) {
    return self_adjoint_eig_of<typename decltype(tag)::type>(wide);
  });
}

Results eig(const HostArgs& args) {
  return in_double(args, [](auto tag, const HostArgs& wide) {
    return eig_of<typename decltype(tag)::type>(wide);
  });
}

Results matrix_square_root(const HostArgs& args) {
  return in_double(args, [](auto tag, const HostArgs& wide) {
    using T = typename decltype(tag)::type;
    return map_matrices<T>(wide, [](const Matrix<T>& x) -> Matrix<T> { return x.sqrt(); });
  });
}

Results matrix_exponential(const HostArgs& args) {
  return in_double(args, [](auto tag, const HostArgs& wide) {
    using T = typename decltype(tag)::type;
    return map_matrices<T>(wide, [](const Matrix<T>& x) -> Matrix<T> { return x.exp(); });
  });
}

// The principal logarithm is complex.
Results matrix_logarithm(const HostArgs& args) {
  if (!is_complex(args.in[0].dtype())) wrong_type(args.in[0].dtype());
  return in_double(args, [](auto tag, const HostArgs& wide) -> Results {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, Complex128>) {
      return map_matrices<T>(wide, [](const Matrix<T>& x) -> Matrix<T> { return x.log(); });
    } else {
      wrong_type(wide.in[0].dtype());
    }
  });
}

}  // namespace thaw::host
