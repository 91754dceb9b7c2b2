// Tridiagonal and banded matrices, stored by diagonals.
#include "kernels/host/linalg.h"

namespace thaw::host {
namespace {

// ---- triangular with a few diagonals ----

/// Diagonals in rows, as TensorFlow stores them: the outermost upper one first, the main one last
/// in an upper triangle and first in a lower one.
template <class T>
struct Band {
  ConstMatrixMap<T> stored;  // [bands, n]
  bool lower;

  Index bands() const { return stored.rows(); }
  /// Element (i, j) of the matrix; row i of it is column i of the stored diagonals.
  T element(Index i, Index j) const {
    return lower ? stored(i - j, i) : stored(bands() - 1 - (j - i), i);
  }
};

/// Solves row after row; `adjoint` turns a lower triangle into an upper one.
template <class T>
void solve_band(const Band<T>& a, bool adjoint, const ConstMatrixMap<T>& b, MatrixMap<T> x) {
  const Index n = b.rows();
  const bool forward = a.lower != adjoint;
  const auto coefficient = [&](Index i, Index j) {
    return adjoint ? Eigen::numext::conj(a.element(j, i)) : a.element(i, j);
  };
  for (Index step = 0; step < n; ++step) {
    const Index i = forward ? step : n - 1 - step;
    x.row(i) = b.row(i);
    for (Index k = 1; k < a.bands() && k <= step; ++k) {
      const Index j = forward ? i - k : i + k;
      x.row(i) -= coefficient(i, j) * x.row(j);
    }
    x.row(i) /= coefficient(i, i);
  }
}

template <class T>
Results solve_bands(const HostArgs& args) {
  const Tensor &a = args.in[0], &b = args.in[1];
  if (a.num_elements() == 0 || b.num_elements() == 0) {
    fail(ErrorCode::invalid_argument, "banded_triangular_solve of an empty matrix");
  }
  if (cols_of(a) != rows_of(b)) {
    fail(ErrorCode::invalid_argument, "Input matrix and rhs are incompatible: {} and {}",
         a.shape().to_string(), b.shape().to_string());
  }
  const bool lower = args.call.attributes.flag("lower");
  const bool adjoint = args.call.attributes.flag("adjoint");
  const BatchPairs batches = broadcast_batches(a, b);
  Tensor x = batched(b.dtype(), batches.batch, {rows_of(b), cols_of(b)});
  for (std::size_t i = 0; i < batches.pairs.size(); ++i) {
    const Band<T> band{matrix_at<T>(a, batches.pairs[i].first), lower};
    if (!(band.stored.row(lower ? 0 : band.bands() - 1).cwiseAbs().minCoeff() > Real<T>(0))) {
      fail(ErrorCode::invalid_argument, "Input matrix is not invertible.");
    }
    solve_band<T>(band, adjoint, matrix_at<T>(b, batches.pairs[i].second),
                  matrix_at<T>(x, static_cast<Index>(i)));
  }
  return {std::move(x)};
}

// ---- tridiagonal ----

/// Rows of `diagonals`: above (last unused), main, below (first unused).
template <class T>
bool eliminate_without_pivots(const ConstMatrixMap<T>& diagonals, MatrixMap<T>& x) {
  const Index n = diagonals.cols();
  Eigen::Matrix<T, Eigen::Dynamic, 1> u(n);
  T pivot = diagonals(1, 0);
  if (pivot == T(0)) return false;
  x.row(0) /= pivot;
  for (Index i = 1; i < n; ++i) {
    u(i) = diagonals(0, i - 1) / pivot;
    pivot = diagonals(1, i) - diagonals(2, i) * u(i);
    if (pivot == T(0)) return false;
    x.row(i) = ((x.row(i) - diagonals(2, i) * x.row(i - 1)) / pivot).eval();
  }
  for (Index i = n - 2; i >= 0; --i) x.row(i) -= u(i + 1) * x.row(i + 1);
  return true;
}

/// Gaussian elimination with row exchanges: the upper factor then has two diagonals above the main.
template <class T>
bool eliminate_with_pivots(const ConstMatrixMap<T>& diagonals, MatrixMap<T>& x) {
  const Index n = diagonals.cols();
  Eigen::Array<T, Eigen::Dynamic, 3> u = Eigen::Array<T, Eigen::Dynamic, 3>::Zero(n, 3);
  u(0, 0) = diagonals(1, 0);
  u(0, 1) = n > 1 ? diagonals(0, 0) : T(0);
  for (Index i = 0; i + 1 < n; ++i) {
    const T below = diagonals(2, i + 1), main = diagonals(1, i + 1);
    const T above = i + 2 < n ? diagonals(0, i + 1) : T(0);
    if (std::abs(u(i, 0)) >= std::abs(below)) {
      if (u(i, 0) == T(0)) return false;
      const T factor = below / u(i, 0);
      u(i + 1, 0) = main - factor * u(i, 1);
      u(i + 1, 1) = above;
      x.row(i + 1) -= factor * x.row(i);
    } else {
      const T factor = u(i, 0) / below;
      u(i, 0) = below;
      u(i + 1, 0) = u(i, 1) - factor * main;
      u(i, 1) = main;
      u(i, 2) = above;
      u(i + 1, 1) = -factor * above;
      x.row(i).swap(x.row(i + 1));
      x.row(i + 1) -= factor * x.row(i);
    }
  }
  if (u(n - 1, 0) == T(0)) return false;
  for (Index i = n - 1; i >= 0; --i) {
    if (i + 1 < n) x.row(i) -= u(i, 1) * x.row(i + 1);
    if (i + 2 < n) x.row(i) -= u(i, 2) * x.row(i + 2);
    x.row(i) /= u(i, 0);
  }
  return true;
}

/// A pivot that neither it nor what it divides overflows by: moved away from zero by `step`, twice
/// as far each time, or scaled up together with its row where it is tiny.
template <class T, class Row>
void move_pivot(Real<T> step, T& pivot, Row& row) {
  using R = Real<T>;
  constexpr R kTiny = std::numeric_limits<R>::min(), kHuge = R(1) / kTiny;
  const R largest = row.cwiseAbs().maxCoeff();
  step = std::copysign(std::max(std::abs(step), kTiny), std::real(pivot));
  while (std::abs(pivot) < R(1)) {
    const R size = std::abs(pivot);
    const bool tiny = size < kTiny;
    if (tiny ? size == R(0) || largest * kTiny > size : largest > size * kHuge) {
      pivot += step;
      step *= R(2);
      continue;
    }
    if (tiny) {
      pivot *= kHuge;
      row *= kHuge;
    }
    return;
  }
}

/// Elimination of matrices that may be singular: rows are exchanged by the sizes of their elements
/// among those of their rows, and pivots moved away from zero (LAPACK's xLAGTF and xLAGTS).
template <class T>
void eliminate_singular(const ConstMatrixMap<T>& diagonals, MatrixMap<T>& x) {
  using R = Real<T>;
  const Index n = diagonals.cols();
  Eigen::Array<T, Eigen::Dynamic, 3> u = Eigen::Array<T, Eigen::Dynamic, 3>::Zero(n, 3);
  const auto above_of = [&](Index i) { return i + 1 < n ? diagonals(0, i) : T(0); };
  u(0, 0) = diagonals(1, 0);
  u(0, 1) = above_of(0);
  R size = std::abs(u(0, 0)) + std::abs(u(0, 1));
  R most = std::max(std::abs(u(0, 0)), std::abs(u(0, 1)));
  for (Index i = 0; i + 1 < n; ++i) {
    const T below = diagonals(2, i + 1), main = diagonals(1, i + 1), above = above_of(i + 1);
    const R next = std::abs(below) + std::abs(main) + std::abs(above);
    u(i + 1, 0) = main;
    u(i + 1, 1) = above;
    if (below == T(0)) {
      size = next;
      continue;
    }
    const R here = u(i, 0) == T(0) ? R(0) : std::abs(u(i, 0)) / size;
    if (std::abs(below) / next <= here) {
      const T factor = below / u(i, 0);
      u(i + 1, 0) -= factor * u(i, 1);
      x.row(i + 1) -= factor * x.row(i);
      size = next;
    } else {
      const T factor = u(i, 0) / below;
      u(i + 1, 0) = u(i, 1) - factor * main;
      u(i + 1, 1) = -factor * above;
      u(i, 0) = below;
      u(i, 1) = main;
      u(i, 2) = above;
      x.row(i).swap(x.row(i + 1));
      x.row(i + 1) -= factor * x.row(i);
    }
  }
  if (n > 2) most = std::max(most, u.topRows(n - 2).abs().maxCoeff());
  const R step = std::numeric_limits<R>::epsilon() * std::max(most, std::abs(u(n - 1, 0)));
  for (Index i = n - 1; i >= 0; --i) {
    Eigen::Matrix<T, 1, Eigen::Dynamic> row = x.row(i);
    if (i + 1 < n) row -= u(i, 1) * x.row(i + 1);
    if (i + 2 < n) row -= u(i, 2) * x.row(i + 2);
    T pivot = u(i, 0);
    move_pivot<T>(step, pivot, row);
    x.row(i) = row * (T(1) / pivot);
  }
}

// A singular matrix gives NaN, as in TensorFlow, unless it is to be perturbed.
template <class T>
Results solve_tridiagonal(const HostArgs& args) {
  const Tensor &diagonals = args.in[0], &b = args.in[1];
  if (rows_of(diagonals) != 3 || cols_of(diagonals) != rows_of(b) ||
      leading_dims(diagonals, 2) != leading_dims(b, 2)) {
    fail(ErrorCode::invalid_argument,
         "expected diagonals [..., 3, M] and rhs [..., M, K], found {} and {}",
         diagonals.shape().to_string(), b.shape().to_string());
  }
  const bool pivots = args.call.attributes.flag("partial_pivoting");
  Tensor x = b.clone();
  for (Index i = 0; i < matrix_count(b) && x.num_elements() > 0; ++i) {
    const auto matrix = matrix_at<T>(diagonals, i);
    auto result = matrix_at<T>(x, i);
    if (args.call.attributes.flag("perturb_singular")) {
      eliminate_singular<T>(matrix, result);
      continue;
    }
    const bool regular = pivots ? eliminate_with_pivots<T>(matrix, result)
                                : eliminate_without_pivots<T>(matrix, result);
    if (!regular) result.fill(not_a_number<T>());
  }
  return {std::move(x)};
}

template <class T>
Results multiply_tridiagonal(const HostArgs& args) {
  const Tensor& b = args.in[3];
  const Index n = rows_of(b);
  for (int i = 0; i < 3; ++i) {
    if (rows_of(args.in[static_cast<std::size_t>(i)]) != 1 ||
        cols_of(args.in[static_cast<std::size_t>(i)]) != n ||
        leading_dims(args.in[static_cast<std::size_t>(i)], 2) != leading_dims(b, 2)) {
      fail(ErrorCode::invalid_argument, "expected diagonals [..., 1, M] and rhs [..., M, K]");
    }
  }
  Tensor y(b.dtype(), b.shape());
  for (Index i = 0; i < matrix_count(b) && y.num_elements() > 0; ++i) {
    const auto above = matrix_at<T>(args.in[0], i), main = matrix_at<T>(args.in[1], i),
               below = matrix_at<T>(args.in[2], i), x = matrix_at<T>(b, i);
    auto result = matrix_at<T>(y, i);
    for (Index row = 0; row < n; ++row) {
      result.row(row) = main(0, row) * x.row(row);
      if (row + 1 < n) result.row(row) += above(0, row) * x.row(row + 1);
      if (row > 0) result.row(row) += below(0, row) * x.row(row - 1);
    }
  }
  return {std::move(y)};
}

}  // namespace

Results banded_triangular_solve(const HostArgs& args) {
  return visit_linear(args.in[0].dtype(),
                      [&](auto tag) { return solve_bands<typename decltype(tag)::type>(args); });
}

Results tridiagonal_solve(const HostArgs& args) {
  return visit_linear(args.in[0].dtype(), [&](auto tag) {
    return solve_tridiagonal<typename decltype(tag)::type>(args);
  });
}

Results tridiagonal_matmul(const HostArgs& args) {
  return visit_linear(args.in[0].dtype(), [&](auto tag) {
    return multiply_tridiagonal<typename decltype(tag)::type>(args);
  });
}

}  // namespace thaw::host
