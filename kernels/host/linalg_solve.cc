// Triangular factors, inverses, determinants and linear systems.
#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <Eigen/QR>

#include "kernels/host/linalg.h"

namespace thaw::host {
namespace {

// Exactly singular matrices are caught; nearly singular ones are the caller's.
template <class T, class Factors>
void expect_invertible(const Factors& factors, const char* message) {
  const Real<T> least = factors.matrixLU().diagonal().cwiseAbs().minCoeff();
  if (!(least > Real<T>(0))) fail(ErrorCode::invalid_argument, "{}", message);
}

template <class T>
Results cholesky_of(const HostArgs& args) {
  const Tensor& x = args.in[0];
  expect_square(x);
  Tensor y(x.dtype(), x.shape());
  for (Index i = 0; i < matrix_count(x) && rows_of(x) > 0; ++i) {
    const auto matrix = matrix_at<T>(x, i);
    auto result = matrix_at<T>(y, i);
    const Eigen::LLT<Matrix<T>> llt(matrix);  // reads the lower triangle only
    // A matrix that is not positive definite gives NaN, as in TensorFlow.
    if (llt.info() == Eigen::Success) {
      result = llt.matrixL();
    } else {
      result.template triangularView<Eigen::Lower>().fill(not_a_number<T>());
    }
  }
  return {std::move(y)};
}

template <class T>
Results inverse_of(const HostArgs& args) {
  const Tensor& x = args.in[0];
  expect_square(x);
  const bool adjoint = args.call.attributes.flag("adjoint");
  Tensor y(x.dtype(), x.shape());
  for (Index i = 0; i < matrix_count(x) && rows_of(x) > 0; ++i) {
    Eigen::PartialPivLU<Matrix<T>> factors;
    const auto matrix = matrix_at<T>(x, i);
    if (adjoint) {
      factors.compute(matrix.adjoint());
    } else {
      factors.compute(matrix);
    }
    expect_invertible<T>(factors, "Input is not invertible.");
    matrix_at<T>(y, i).noalias() = factors.inverse();
  }
  return {std::move(y)};
}

/// sign (or phase) and log of the absolute value of a determinant; of an empty matrix: 1 and 0.
template <class T>
std::pair<T, Real<T>> sign_and_log(const ConstMatrixMap<T>& matrix) {
  if (matrix.size() == 0) return {T(1), 0};
  const Eigen::PartialPivLU<Matrix<T>> factors(matrix);
  T sign(static_cast<Real<T>>(factors.permutationP().determinant()));
  Real<T> log_abs = 0;
  for (Index i = 0; i < matrix.rows(); ++i) {
    const T pivot = factors.matrixLU()(i, i);
    const Real<T> size = std::abs(pivot);
    if (size == 0) return {T(0), -std::numeric_limits<Real<T>>::infinity()};
    sign *= pivot / size;
    log_abs += std::log(size);
  }
  return {sign, log_abs};
}

template <class T>
Results log_determinant_of(const HostArgs& args) {
  const Tensor& x = args.in[0];
  expect_square(x);
  Tensor sign = batched(x.dtype(), leading_dims(x, 2), {});
  Tensor log_abs = batched(x.dtype(), leading_dims(x, 2), {});
  for (Index i = 0; i < matrix_count(x); ++i) {
    const auto [s, l] = sign_and_log<T>(matrix_at<T>(x, i));
    mutable_elements<T>(sign)[i] = s;
    mutable_elements<T>(log_abs)[i] = T(l);
  }
  return {std::move(sign), std::move(log_abs)};
}

template <class T>
Results determinant_of(const HostArgs& args) {
  const Tensor& x = args.in[0];
  expect_square(x);
  Tensor y = batched(x.dtype(), leading_dims(x, 2), {});
  for (Index i = 0; i < matrix_count(x); ++i) {
    const auto matrix = matrix_at<T>(x, i);
    mutable_elements<T>(y)[i] =
        matrix.size() == 0 ? T(1) : Eigen::PartialPivLU<Matrix<T>>(matrix).determinant();
  }
  return {std::move(y)};
}

template <class T>
Results solve(const HostArgs& args) {
  const Tensor &a = args.in[0], &b = args.in[1];
  expect_square(a);
  expect_solvable(a, b);
  const bool adjoint = args.call.attributes.flag("adjoint");
  Tensor y(b.dtype(), b.shape());
  for (Index i = 0; i < matrix_count(a) && y.num_elements() > 0; ++i) {
    Eigen::PartialPivLU<Matrix<T>> factors;
    const auto matrix = matrix_at<T>(a, i);
    if (adjoint) {
      factors.compute(matrix.adjoint());
    } else {
      factors.compute(matrix);
    }
    expect_invertible<T>(factors, "Input matrix is not invertible.");
    matrix_at<T>(y, i) = factors.solve(matrix_at<T>(b, i));
  }
  return {std::move(y)};
}

// A zero on the diagonal gives infinities and NaN, as in TensorFlow.
template <class T>
Results solve_triangle(const HostArgs& args) {
  const Tensor &a = args.in[0], &b = args.in[1];
  expect_square(a);
  if (rows_of(a) != rows_of(b)) {
    fail(ErrorCode::invalid_argument, "Input matrix and rhs are incompatible: {} and {}",
         a.shape().to_string(), b.shape().to_string());
  }
  const bool lower = args.call.attributes.flag("lower");
  const bool adjoint = args.call.attributes.flag("adjoint");
  const BatchPairs batches = broadcast_batches(a, b);
  Tensor y = batched(b.dtype(), batches.batch, {rows_of(b), cols_of(b)});
  for (std::size_t i = 0; i < batches.pairs.size() && y.num_elements() > 0; ++i) {
    const auto matrix = matrix_at<T>(a, batches.pairs[i].first);
    auto result = matrix_at<T>(y, static_cast<Index>(i));
    result = matrix_at<T>(b, batches.pairs[i].second);
    if (lower && adjoint) {
      matrix.template triangularView<Eigen::Lower>().adjoint().solveInPlace(result);
    } else if (lower) {
      matrix.template triangularView<Eigen::Lower>().solveInPlace(result);
    } else if (adjoint) {
      matrix.template triangularView<Eigen::Upper>().adjoint().solveInPlace(result);
    } else {
      matrix.template triangularView<Eigen::Upper>().solveInPlace(result);
    }
  }
  return {std::move(y)};
}

/// The normal equations: least squares with more rows than columns, else the least norm.
template <class T>
void solve_normal_equations(const ConstMatrixMap<T>& a, const ConstMatrixMap<T>& b,
                            double regularizer, MatrixMap<T> x) {
  const bool tall = a.rows() >= a.cols();
  Matrix<T> gram = tall ? Matrix<T>(a.adjoint() * a) : Matrix<T>(a * a.adjoint());
  gram.diagonal().array() += T(static_cast<Real<T>>(regularizer));
  const Eigen::LLT<Matrix<T>> llt(gram);
  if (llt.info() != Eigen::Success) {
    x.fill(not_a_number<T>());
  } else if (tall) {
    x = llt.solve(a.adjoint() * b);
  } else {
    x.noalias() = a.adjoint() * llt.solve(b);
  }
}

template <class T>
Results solve_least_squares(const HostArgs& args) {
  const Tensor &a = args.in[0], &b = args.in[1];
  expect_solvable(a, b);
  const double regularizer = *args.in[2].data<double>();
  if (!(regularizer >= 0)) fail(ErrorCode::invalid_argument, "l2_regularizer must be >= 0.");
  const bool normal_equations = args.call.attributes.flag("fast");
  Tensor x = batched(a.dtype(), leading_dims(a, 2), {cols_of(a), cols_of(b)});
  if (rows_of(a) == 0 || x.num_elements() == 0) return {std::move(x)};
  for (Index i = 0; i < matrix_count(a); ++i) {
    if (normal_equations) {
      solve_normal_equations<T>(matrix_at<T>(a, i), matrix_at<T>(b, i), regularizer,
                                matrix_at<T>(x, i));
    } else {
      const Eigen::CompleteOrthogonalDecomposition<Matrix<T>> factors(matrix_at<T>(a, i));
      matrix_at<T>(x, i) = factors.solve(matrix_at<T>(b, i));
    }
  }
  return {std::move(x)};
}

}  // namespace

Results cholesky(const HostArgs& args) {
  return in_double(args, [](auto tag, const HostArgs& wide) {
    return cholesky_of<typename decltype(tag)::type>(wide);
  });
}
Results matrix_inverse(const HostArgs& args) {
  return in_double(args, [](auto tag, const HostArgs& wide) {
    return inverse_of<typename decltype(tag)::type>(wide);
  });
}
Results matrix_determinant(const HostArgs& args) {
  return in_double(args, [](auto tag, const HostArgs& wide) {
    return determinant_of<typename decltype(tag)::type>(wide);
  });
}
Results log_matrix_determinant(const HostArgs& args) {
  return in_double(args, [](auto tag, const HostArgs& wide) {
    return log_determinant_of<typename decltype(tag)::type>(wide);
  });
}
Results matrix_solve(const HostArgs& args) {
  return in_double(args, [](auto tag, const HostArgs& wide) {
    return solve<typename decltype(tag)::type>(wide);
  });
}
Results triangular_solve(const HostArgs& args) {
  return in_double(args, [](auto tag, const HostArgs& wide) {
    return solve_triangle<typename decltype(tag)::type>(wide);
  });
}
Results matrix_solve_ls(const HostArgs& args) {
  return in_double(args, [](auto tag, const HostArgs& wide) {
    return solve_least_squares<typename decltype(tag)::type>(wide);
  });
}

}  // namespace thaw::host
