// Matrix products and decompositions, strings.
#include "loaders/keras/functions/function_call.h"
#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

Expr adjoint_of(const OpCall& c, Expr x) {
  const int rank = x.rank();
  const Expr y = move_axes(x, {rank - 2, rank - 1}, {rank - 1, rank - 2});
  return is_complex(y.dtype()) ? c.tensorflow1("Conj", {y}) : y;
}

Results matmul_of(OpCall& c, const FunctionRow&) {
  if (c.flag("a_is_sparse", false) || c.flag("b_is_sparse", false))
    c.unsupported("sparse operands");
  auto [x, y] = matched(c, c.need("a"), c.need("b"));
  const bool x_adjoint = c.flag("adjoint_a", false), y_adjoint = c.flag("adjoint_b", false);
  if (x_adjoint) x = adjoint_of(c, x);
  if (y_adjoint) y = adjoint_of(c, y);
  const DType out = c.dtype("output_type", x.dtype());
  return {matmul(cast(x, out), cast(y, out), c.flag("transpose_a", false),
                 c.flag("transpose_b", false))};
}

Results matvec(OpCall& c, const FunctionRow&) {
  auto [x, y] = matched(c, c.need("a"), c.need("b"));
  if (c.flag("adjoint_a", false)) x = adjoint_of(c, x);
  return {squeeze(matmul(x, expand(y, -1), c.flag("transpose_a", false)), -1)};
}

Results tensordot(OpCall& c, const FunctionRow&) {
  const auto [x, y] = matched(c, c.need("a"), c.need("b"));
  const Operand& axes = c.need("axes");
  Axes left, right;
  if (axes.kind == Argument::Kind::value && axes.value.is_integer()) {
    const std::int64_t count = axes.value.integer();
    if (count < 0 || count > x.rank() || count > y.rank())
      c.bad(fmt::format("axes is {}, out of range", count));
    for (std::int64_t i = 0; i < count; ++i) {
      left.push_back(x.rank() - count + i);
      right.push_back(i);
    }
    return {contract(x, left, y, right)};
  }
  const std::vector<Operand> sides = items_of(axes);
  if (sides.size() != 2) c.bad("axes must be a number or two lists");
  const auto read = [&](const Operand& side, int rank, Axes& out) {
    for (const Operand& item : items_of(side)) {
      if (item.kind != Argument::Kind::value || !item.value.is_integer())
        c.bad("axes must hold integers");
      out.push_back(c.normal(item.value.integer(), rank));
    }
  };
  read(sides[0], x.rank(), left);
  read(sides[1], y.rank(), right);
  if (left.size() != right.size()) c.bad("axes holds lists of different lengths");
  return {contract(x, left, y, right)};
}

Results einsum(OpCall& c, const FunctionRow&) {
  // tf_keras writes no more than the first of a variable number of arguments.
  const Operand& inputs = need_first(c, {"inputs"});
  const std::vector<Operand> items = items_of(inputs);
  if (items.empty()) c.unsupported("a file without einsum's operands");
  std::vector<ValueId> values;
  for (const Operand& item : items) values.push_back(c.tensor(item));
  return {c.expr(c.g.add1(ops::Einsum{c.text("equation", "")}, values))};
}

Results cross(OpCall& c, const FunctionRow&) {
  const auto [x, y] = matched(c, c.need("a"), c.need("b"));
  const int last = x.rank() - 1;
  if (x.dim(last) != 3 || y.dim(y.rank() - 1) != 3) c.bad("expected vectors of three");
  const auto part = [](Expr v, int i) { return slice_axis(v, v.rank() - 1, i, i + 1); };
  const auto minor = [&, x = x, y = y](int i, int j) {
    return part(x, i) * part(y, j) - part(x, j) * part(y, i);
  };
  return {concat({minor(1, 2), minor(2, 0), minor(0, 1)}, last)};
}

Results adjoint(OpCall& c, const FunctionRow&) { return {adjoint_of(c, c.tensor("matrix"))}; }

Results one_matrix(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(row.op, {c.tensor(need_first(c, {"input", "matrix", "tensor"}))})};
}

Results inverse(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(row.op, {c.tensor("input")}, {{"adjoint", c.flag("adjoint", false)}})};
}

Results solve(OpCall& c, const FunctionRow& row) {
  const auto [x, y] = matched(c, c.need("matrix"), c.need("rhs"));
  NodeAttributes attributes{{"adjoint", c.flag("adjoint", false)}};
  if (row.kind == 1) attributes.emplace_back("lower", c.flag("lower", true));
  return {c.tensorflow1(row.op, {x, y}, attributes)};
}

Results qr(OpCall& c, const FunctionRow& row) {
  return c.tensorflow(row.op, {c.tensor("input")},
                      {{"full_matrices", c.flag("full_matrices", false)}});
}

Results svd(OpCall& c, const FunctionRow& row) {
  const bool vectors = c.flag("compute_uv", true);
  const Results all =
      c.tensorflow(row.op, {c.tensor("tensor")},
                   {{"compute_uv", vectors}, {"full_matrices", c.flag("full_matrices", false)}});
  return vectors ? all : Results{all.at(0)};
}

Results eigen(OpCall& c, const FunctionRow& row) {
  return c.tensorflow(row.op, {c.tensor("tensor")}, {{"compute_v", true}});
}

Results log_determinant(OpCall& c, const FunctionRow&) {
  const Expr factor = c.tensorflow1("Cholesky", {c.tensor("matrix")});
  const int rank = factor.rank();
  const Expr on = diagonal_test(factor, BinaryKind::equal, 0);
  return {2.0 * reduce(ReduceKind::sum, select(on, log(select(on, factor, 1.0)), 0.0),
                       {rank - 2, rank - 1}, false)};
}

Results complex_of(OpCall& c, const FunctionRow& row) {
  const auto [x, y] = matched(c, c.need("real"), c.need("imag"));
  return {c.tensorflow1(
      row.op, {x, y},
      {{"Tout", x.dtype() == DType::float64 ? DType::complex128 : DType::complex64}})};
}

Results bitcast(OpCall& c, const FunctionRow& row) {
  const Expr x = c.tensor("input");
  return {c.tensorflow1(row.op, {x}, {{"type", c.dtype("type", x.dtype())}})};
}

Results text(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(row.op, {c.tensor(need_first(c, {"input", "string_tensor"}))})};
}

Results text_length(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(row.op, {c.tensor("input")}, {{"unit", c.text("unit", "BYTE")}})};
}

Results text_to_number(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(row.op, {c.tensor(need_first(c, {"input", "string_tensor"}))},
                        {{"out_type", c.dtype("out_type", DType::float32)}})};
}

Results text_replace(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(row.op, {c.tensor("input"), c.tensor("pattern"), c.tensor("rewrite")},
                        {{"replace_global", c.flag("replace_global", true)}})};
}

Results text_hash(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(row.op, {c.tensor("input")}, {{"num_buckets", c.integer("num_buckets")}})};
}

Results text_part(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(row.op, {c.tensor("input"), c.tensor("pos"), c.tensor("len")},
                        {{"unit", c.text("unit", "BYTE")}})};
}

}  // namespace

std::span<const FunctionRow> array_functions() {
  static constexpr FunctionRow kRows[] = {
      {"bitcast", "input type", bitcast, "Bitcast"},
      {"dtypes.complex", "real imag", complex_of, "Complex"},
      {"einsum", "equation inputs", einsum},
      {"linalg.adjoint", "matrix", adjoint},
      {"linalg.cholesky", "input", one_matrix, "Cholesky"},
      {"linalg.cross", "a b", cross},
      {"linalg.det", "input", one_matrix, "MatrixDeterminant"},
      {"linalg.eigh", "tensor", eigen, "SelfAdjointEigV2"},
      {"linalg.expm", "input", one_matrix, "MatrixExponential"},
      {"linalg.inv", "input adjoint", inverse, "MatrixInverse"},
      {"linalg.logdet", "matrix", log_determinant},
      {"linalg.matmul", "a b transpose_a transpose_b", matmul_of},
      {"linalg.matvec", "a b transpose_a adjoint_a", matvec},
      {"linalg.qr", "input full_matrices", qr, "Qr"},
      {"linalg.solve", "matrix rhs adjoint", solve, "MatrixSolve", 0},
      {"linalg.sqrtm", "input", one_matrix, "MatrixSquareRoot"},
      {"linalg.svd", "tensor full_matrices compute_uv", svd, "Svd"},
      {"linalg.triangular_solve", "matrix rhs lower adjoint", solve, "MatrixTriangularSolve", 1},
      {"strings.length", "input unit", text_length, "StringLength"},
      {"strings.lower", "input", text, "StringLower"},
      {"strings.regex_replace", "input pattern rewrite replace_global", text_replace,
       "RegexReplace"},
      {"strings.strip", "input", text, "StringStrip"},
      {"strings.substr", "input pos len unit", text_part, "Substr"},
      {"strings.to_hash_bucket_fast", "input num_buckets", text_hash, "StringToHashBucketFast"},
      {"strings.to_number", "input out_type", text_to_number, "StringToNumber"},
      {"strings.upper", "input", text, "StringUpper"},
      {"tensordot", "a b axes", tensordot},
  };
  return kRows;
}

}  // namespace thaw::keras
