// Linear algebra of Keras 3: norms here, decompositions by TensorFlow's ops.
#include <cmath>
#include <limits>

#include "loaders/keras/operations/shared.h"

namespace thaw::keras {
namespace {

using U = UnaryKind;

Expr matrix_transpose(Expr x) {
  const int rank = x.rank();
  return move_axes(x, {rank - 2, rank - 1}, {rank - 1, rank - 2});
}

Expr adjoint(OpCall& c, Expr x) {
  const Expr y = matrix_transpose(x);
  return is_complex(y.dtype()) ? c.tensorflow1("Conj", {y}) : y;
}

Expr matrix(OpCall& c, const char* name) {
  const Expr x = c.tensor(name);
  if (x.rank() < 2) c.bad("expected matrices");
  return x;
}

Expr cholesky(OpCall& c) {
  const Expr factor = c.tensorflow1("Cholesky", {matrix(c, "x")});
  const Expr checked =
      c.tensorflow1("CheckNumerics", {factor}, {{"message", std::string("Cholesky")}});
  return c.flag("upper", false) ? adjoint(c, checked) : checked;
}

Expr triangular_solve(OpCall& c, Expr a, Expr b, bool lower) {
  return c.tensorflow1("MatrixTriangularSolve", {a, b}, {{"lower", lower}, {"adjoint", false}});
}

Expr cholesky_inverse(OpCall& c) {
  const Expr a = matrix(c, "x");
  const bool upper = c.flag("upper", false);
  const Expr one = cast(diagonal_test(a, BinaryKind::equal, 0), a.dtype());
  const Expr inverse = triangular_solve(c, a, one, !upper);
  return matmul(inverse, inverse, !upper, upper);
}

Expr determinant(OpCall& c) { return c.tensorflow1("MatrixDeterminant", {matrix(c, "x")}); }
Expr inverse(OpCall& c) {
  return c.tensorflow1("MatrixInverse", {matrix(c, "x")}, {{"adjoint", false}});
}

Expr log_determinant(OpCall& c) {
  const Expr x = matrix(c, "x");
  const Expr factor = c.tensorflow1("Cholesky", {x});
  const Expr on = diagonal_test(factor, BinaryKind::equal, 0);
  const int rank = x.rank();
  return 2.0 * reduce(ReduceKind::sum, select(on, log(select(on, factor, 1.0)), 0.0),
                      {rank - 2, rank - 1}, false);
}

Results sign_and_log(OpCall& c) { return c.tensorflow("LogMatrixDeterminant", {matrix(c, "x")}); }

Results eigen(OpCall& c) {
  const Expr x = matrix(c, "x");
  const bool wide = x.dtype() == DType::float64 || x.dtype() == DType::complex128;
  return c.tensorflow("Eig", {x},
                      {{"compute_v", true}, {"Tout", wide ? DType::complex128 : DType::complex64}});
}

Results eigen_symmetric(OpCall& c) {
  return c.tensorflow("SelfAdjointEigV2", {matrix(c, "x")}, {{"compute_v", true}});
}

Results lu_factor(OpCall& c) {
  const Results found = c.tensorflow("Lu", {matrix(c, "x")}, {{"output_idx_type", DType::int32}});
  if (found.at(1).rank() != 1) c.unsupported("batches of matrices");
  return {found[0], sorted(found[1], 0, false).indices};
}

Results qr(OpCall& c) {
  const std::string mode = c.text("mode", "reduced");
  if (mode != "reduced" && mode != "complete") c.bad("mode=" + mode);
  return c.tensorflow("Qr", {matrix(c, "x")}, {{"full_matrices", mode == "complete"}});
}

Expr solve_any(OpCall& c) {
  const Expr a = matrix(c, "a");
  Expr b = c.tensor("b");
  const bool vector = b.rank() == a.rank() - 1;
  if (vector) b = expand(b, -1);
  const Expr x = c.row.kind == 0 ? c.tensorflow1("MatrixSolve", {a, b}, {{"adjoint", false}})
                                 : triangular_solve(c, a, b, c.flag("lower", false));
  return vector ? squeeze(x, -1) : x;
}

struct Singular {
  Expr values, left, right;
};

Singular singular(OpCall& c, Expr x, bool vectors, bool full) {
  const Results found =
      c.tensorflow("Svd", {x}, {{"compute_uv", vectors}, {"full_matrices", full}});
  return vectors ? Singular{found.at(0), found.at(1), found.at(2)} : Singular{found.at(0), {}, {}};
}

Results svd(OpCall& c) {
  const Expr x = matrix(c, "x");
  const bool full = c.flag("full_matrices", true);
  if (!c.flag("compute_uv", true)) return {singular(c, x, false, full).values};
  const Singular found = singular(c, x, true, full);
  return {found.left, found.values, adjoint(c, found.right)};
}

double machine_epsilon(DType dtype) {
  return dtype == DType::float64 ? std::numeric_limits<double>::epsilon()
                                 : double{std::numeric_limits<float>::epsilon()};
}

// The larger side of the matrices, as a number of their type.
Expr larger_side(Expr x) {
  const int rank = x.rank();
  return maximum(size_of_axis(x, rank - 2, x.dtype()), size_of_axis(x, rank - 1, x.dtype()));
}

Expr least_squares(OpCall& c) {
  const Expr a = c.tensor("a");
  Expr b = c.tensor("b");
  const bool vector = b.rank() == 1;
  if (vector) b = expand(b, 1);
  if (a.rank() != 2 || b.rank() != 2) c.bad("expected matrices");
  const Singular found = singular(c, a, true, false);
  Expr limit = larger_side(a) * machine_epsilon(a.dtype());
  if (c.has("rcond")) {
    const double given = c.real("rcond");
    limit = a.number(given < 0 ? machine_epsilon(a.dtype()) : given);
  }
  const Expr keep = found.values >= limit * slice_axis(found.values, 0, 0, 1);
  const Expr inverses = select(keep, 1.0 / select(keep, found.values, 1.0), 0.0);
  const Expr x = matmul(found.right, expand(inverses, 1) * matmul(found.left, b, true));
  return vector ? reshape(x, {-1}) : x;
}

Expr rank_of_matrix(OpCall& c) {
  const Expr x = matrix(c, "x");
  const Expr values = singular(c, x, false, false).values;
  const int last = values.rank() - 1;
  const Expr limit = c.has("tol") ? x.number(c.real("tol"))
                                  : larger_side(x) * machine_epsilon(x.dtype()) *
                                        reduce(ReduceKind::max, values, {last}, true);
  return reduce(ReduceKind::sum, cast(values > limit, DType::int32), {last}, false);
}

Expr pseudo_inverse(OpCall& c) {
  const Expr x = matrix(c, "x");
  const Singular found = singular(c, x, true, false);
  const int last = found.values.rank() - 1;
  const Expr rcond = c.has("rcond") ? x.number(c.real("rcond"))
                                    : larger_side(x) * (10 * machine_epsilon(x.dtype()));
  const Expr limit = rcond * reduce(ReduceKind::max, found.values, {last}, true);
  const Expr safe = select(found.values > limit, found.values, HUGE_VAL);
  return matmul(found.right / expand(safe, last), found.left, false, true);
}

// ---- norms ----
Expr vector_norm(OpCall& c, Expr x, double order, int axis, bool keep) {
  const Axes axes{axis};
  if (order == 2) return sqrt(reduce(ReduceKind::sum, x * x, axes, keep));
  const Expr size = absolute(x);
  if (order == HUGE_VAL) return reduce(ReduceKind::max, size, axes, keep);
  if (order == -HUGE_VAL) return reduce(ReduceKind::min, size, axes, keep);
  if (order == 0) return reduce(ReduceKind::sum, cast(x != 0.0, x.dtype()), axes, keep);
  const Expr exponent = c.number(order, x.dtype());
  return power(reduce(ReduceKind::sum, power(size, exponent), axes, keep), 1.0 / exponent);
}

Expr singular_norm(OpCall& c, Expr x, ReduceKind kind, const Axes& axes, bool keep) {
  const int rank = x.rank();
  const Expr moved = move_axes(x, axes, {rank - 2, rank - 1});
  const Expr values = singular(c, moved, false, false).values;
  Expr y = reduce(kind, values, {rank - 2}, false);
  if (keep) y = expand(expand(y, std::min(axes[0], axes[1])), std::max(axes[0], axes[1]));
  return y;
}

Expr matrix_norm(OpCall& c, Expr x, const Operand& order, const Axes& axes, bool keep) {
  const bool text = order.value.is_string();
  const std::string name = text ? order.value.string() : "";
  if (name == "fro") return sqrt(reduce(ReduceKind::sum, x * x, axes, keep));
  if (name == "nuc") return singular_norm(c, x, ReduceKind::sum, axes, keep);
  if (text || !order.value.is_number()) c.bad("ord is no norm of matrices");
  const double number = order.value.number();
  if (number == 2) return singular_norm(c, x, ReduceKind::max, axes, keep);
  if (number == -2) return singular_norm(c, x, ReduceKind::min, axes, keep);
  const bool columns = std::abs(number) == 1;
  if (!columns && !std::isinf(number)) c.bad("ord is no norm of matrices");
  const std::int64_t summed = columns ? axes[0] : axes[1], other = columns ? axes[1] : axes[0];
  const Expr sums = reduce(ReduceKind::sum, absolute(x), {summed}, true);
  const Expr y = reduce(number > 0 ? ReduceKind::max : ReduceKind::min, sums, {other}, true);
  return keep ? y : x.with(x.g->add1(ops::Squeeze{axes}, {y}));
}

Expr norm(OpCall& c) {
  const Expr x = c.tensor("x");
  const Axes axes = c.axes("axis", x.rank());
  return norm_of(c, x, c.find("ord"), axes, c.flag("keepdims", false));
}

}  // namespace

Expr norm_of(OpCall& c, Expr x, const Operand* order, const Axes& axes, bool keep) {
  if (is_complex(x.dtype())) c.unsupported("the norm of complex numbers");
  x = cast(x, floating_type(x.dtype()));
  if (axes.size() == 1) {
    if (order != nullptr && !order->value.is_number()) c.bad("ord is no norm of vectors");
    return vector_norm(c, x, order == nullptr ? 2 : order->value.number(),
                       static_cast<int>(axes[0]), keep);
  }
  if (axes.size() != 2) c.bad("a norm over other than one or two axes");
  if (order == nullptr) return sqrt(reduce(ReduceKind::sum, x * x, axes, keep));
  return matrix_norm(c, x, *order, axes, keep);
}

std::span<const OperationRow> linear_algebra_operations() {
  static constexpr OperationRow kRows[] = {
      {"Cholesky", "x", cholesky},
      {"CholeskyInverse", "x", cholesky_inverse},
      {"Det", "x", determinant},
      {"Eig", "x", eigen},
      {"Eigh", "x", eigen_symmetric},
      {"Inv", "x", inverse},
      {"Logdet", "x", log_determinant},
      {"Lstsq", "a b", least_squares},
      {"LuFactor", "x", lu_factor},
      {"MatrixRank", "x", rank_of_matrix},
      {"Norm", "x", norm},
      {"Pinv", "x", pseudo_inverse},
      {"Qr", "x", qr},
      {"SVD", "x", svd},
      {"Slogdet", "x", sign_and_log},
      {"Solve", "a b", solve_any, 0},
      {"SolveTriangular", "a b", solve_any, 1},
  };
  return kRows;
}

}  // namespace thaw::keras
