// Products and sums of products of Keras 3: matmul, einsum, tensordot and their relatives.
#include <algorithm>
#include <cmath>

#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using U = UnaryKind;

Expr matmul_of(OpCall& c) {
  Expr x = c.tensor("x1"), y = c.tensor("x2");
  const bool bytes =
      x.dtype() == DType::int8 && y.dtype() == DType::int8 && x.rank() != 1 && y.rank() != 1;
  const DType result = bytes ? DType::int32 : result_type(x.dtype(), y.dtype());
  const DType compute = bytes ? DType::int32 : floating_type(x.dtype(), y.dtype());
  x = cast(x, compute);
  y = cast(y, compute);
  if (x.rank() == 0 || y.rank() == 0) c.bad("a scalar in a matrix product");
  if (y.rank() == 1) return cast(contract(x, {x.rank() - 1}, y, {0}), result);
  if (x.rank() == 1) return cast(contract(x, {0}, y, {y.rank() - 2}), result);
  return cast(matmul(x, y), result);
}

Expr dot_of(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  const DType compute = floating_type(x.dtype());
  return cast(dot_product(cast(x, compute), cast(y, compute)), x.dtype());
}

Expr vdot(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  const DType compute = floating_type(x.dtype());
  return cast(contract(flatten(cast(x, compute)), {0}, flatten(cast(y, compute)), {0}), x.dtype());
}

Expr inner(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  const DType result = x.dtype(), compute = floating_type(result);
  x = cast(x, compute);
  y = cast(y, compute);
  if (x.rank() == 0 || y.rank() == 0) return cast(x * y, result);
  return cast(contract(x, {x.rank() - 1}, y, {y.rank() - 1}), result);
}

Expr outer(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  return reshape(x, {-1, 1}) * flatten(y);
}

// tf.tensordot's axes: a number of them, or two lists.
std::pair<Axes, Axes> dot_axes(OpCall& c, int x_rank, int y_rank) {
  const Operand* operand = c.find("axes");
  Axes left, right;
  if (operand == nullptr ||
      (operand->kind == Argument::Kind::value && operand->value.is_integer())) {
    const std::int64_t count = operand == nullptr ? 2 : operand->value.integer();
    if (count < 0 || count > x_rank || count > y_rank)
      c.bad(fmt::format("axes is {}, out of range", count));
    for (std::int64_t i = 0; i < count; ++i) {
      left.push_back(x_rank - count + i);
      right.push_back(i);
    }
    return {left, right};
  }
  const std::vector<Operand> sides = items_of(*operand);
  if (sides.size() != 2) c.bad("axes must be a number or two lists");
  const auto read = [&](const Operand& side, int rank, Axes& out) {
    for (const Operand& item : items_of(side)) {
      if (item.kind != Argument::Kind::value || !item.value.is_integer())
        c.bad("axes must hold integers");
      out.push_back(c.normal(item.value.integer(), rank));
    }
  };
  read(sides[0], x_rank, left);
  read(sides[1], y_rank, right);
  if (left.size() != right.size()) c.bad("axes holds lists of different lengths");
  return {left, right};
}

Expr tensordot(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  const DType result = x.dtype();
  const bool direct =
      is_floating(result) || is_complex(result) || result == DType::int32 || result == DType::int64;
  const DType compute = direct ? result : floating_type(result);
  const auto [left, right] = dot_axes(c, x.rank(), y.rank());
  return cast(contract(cast(x, compute), left, cast(y, compute), right), result);
}

Expr einsum(OpCall& c) {
  Results operands = c.tensors("operands");
  std::string equation = c.text("subscripts", "");
  equation.erase(std::remove(equation.begin(), equation.end(), ' '), equation.end());
  const bool bytes = std::all_of(operands.begin(), operands.end(),
                                 [](const Expr& x) { return x.dtype() == DType::int8; });
  std::vector<ArgumentType> types;
  for (const Expr& x : operands) types.push_back({x.dtype()});
  const DType result = bytes ? DType::int32 : result_type(types);
  const DType compute = is_integer(result) ? DType::float32 : result;
  std::vector<ValueId> values;
  for (const Expr& x : operands) values.push_back(cast(x, compute));
  return cast(c.expr(c.g.add1(ops::Einsum{equation}, values)), result);
}

// ---- cross and Kronecker products ----
Expr component(Expr x, int i) {
  const int last = x.rank() - 1;
  return squeeze(slice_axis(x, last, i, i + 1), last);
}

Expr cross(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  const bool one = c.has("axis");
  const int x_axis = c.axis(one ? "axis" : "axisa", x.rank(), -1);
  const int y_axis = c.axis(one ? "axis" : "axisb", y.rank(), -1);
  x = move_axes(x, {x_axis}, {x.rank() - 1});
  y = move_axes(y, {y_axis}, {y.rank() - 1});
  const std::int64_t x_size = x.dim(x.rank() - 1), y_size = y.dim(y.rank() - 1);
  if (x_size < 2 || x_size > 3 || y_size < 2 || y_size > 3)
    c.unsupported("vectors of other or unknown lengths than 2 and 3");
  const auto product = [&](int i, int j) -> Expr {
    // A vector of two has a third component of zero.
    const auto part = [&](Expr v, std::int64_t size, int k) {
      return k < size ? component(v, k) : component(v, 0) * 0.0;
    };
    return part(x, x_size, i) * part(y, y_size, j) - part(x, x_size, j) * part(y, y_size, i);
  };
  const Expr third = product(0, 1);
  if (x_size == 2 && y_size == 2) return third;
  const Expr first = product(1, 2), second = product(2, 0);
  const int rank = third.rank();
  const Expr vectors =
      concat({expand(first, rank), expand(second, rank), expand(third, rank)}, rank);
  const int axis = c.axis(one ? "axis" : "axisc", rank + 1, -1);
  return move_axes(vectors, {rank}, {axis});
}

Expr kron(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  while (x.rank() < y.rank()) x = expand(x, 0);
  while (y.rank() < x.rank()) y = expand(y, 0);
  const Expr size = binary(BinaryKind::mul, shape_vector(x), shape_vector(y));
  Expr left = x, right = y;
  for (int axis = x.rank(); axis-- > 0;) {
    left = expand(left, axis + 1);
    right = expand(right, axis);
  }
  return c.expr(c.g.add1(ops::Reshape{}, {left * right, size}));
}

// ---- sums of products ----
Expr trapezoid(OpCall& c) {
  Expr y = c.tensor("y");
  y = cast(y, floating_type(y.dtype()));
  const int axis = c.axis("axis", y.rank(), -1), last = y.rank() - 1;
  const auto steps = [](Expr x, int at) {
    return std::pair(slice_axis(x, at, 1, GraphBuilder::kToEnd), slice_axis(x, at, 0, -1));
  };
  Expr width = y.number(c.real("dx", 1));
  if (c.has("x")) {
    const Expr x = c.tensor("x", y.dtype());
    const int at = c.axis("axis", x.rank(), -1);
    const auto [after, before] = steps(x, at);
    width = move_axes(after - before, {at}, {x.rank() - 1});
  }
  y = move_axes(y, {axis}, {last});
  const auto [after, before] = steps(y, last);
  return reduce(ReduceKind::sum, 0.5 * (after + before) * width, {last}, false);
}

Expr vander(OpCall& c) {
  const Expr x = c.tensor("x");
  const std::int64_t count = c.integer("N", x.dim(0));
  if (count < 0 || count > 1'000'000) c.unsupported("as many columns as an axis of unknown size");
  Axes powers;
  for (std::int64_t i = 0; i < count; ++i)
    powers.push_back(c.flag("increasing", false) ? i : count - 1 - i);
  const DType compute = result_type(x.dtype(), DType::float32);
  const Expr result = power(expand(cast(x, compute), -1), c.ints_constant(powers, compute));
  return cast(result, result_type({{x.dtype()}}));
}

Expr corrcoef(OpCall& c) {
  Expr x = c.tensor("x");
  if (is_complex(x.dtype())) c.unsupported("complex numbers");
  if (x.dtype() != DType::int64) x = cast(x, floating_type(x.dtype()));
  if (!is_floating(x.dtype())) c.unsupported("a correlation of int64");
  if (x.rank() == 0) return c.number(std::nan(""), DType::float32);
  if (x.rank() < 2) c.unsupported("one row");
  const int last = x.rank() - 1;
  const Expr centered = x - reduce(ReduceKind::mean, x, {last}, true);
  const Expr covariance =
      matmul(centered, centered, false, true) / (size_of_axis(x, last, x.dtype()) - 1.0);
  const Expr on = diagonal_test(covariance, BinaryKind::equal, 0);
  const Expr deviation = sqrt(reduce(ReduceKind::sum, select(on, covariance, 0.0), {last}, false));
  if (deviation.rank() != 1) c.unsupported("batches of matrices");
  const Expr result = covariance / (expand(deviation, 1) * expand(deviation, 0));
  return clip(result, result.number(-1), result.number(1));
}

Expr correlate(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  DType dtype = x.dtype();
  if (dtype == DType::int64) dtype = DType::float64;
  if (!is_floating(dtype)) dtype = DType::float32;
  x = cast(x, dtype);
  y = cast(y, dtype);
  if (x.rank() != 1 || y.rank() != 1) c.bad("expected vectors");
  const std::int64_t n = x.dim(0), m = y.dim(0);
  const std::string mode = c.text("mode", "valid");
  if (n == kUnknownDim || m == kUnknownDim || m == 0) c.unsupported("vectors of unknown length");
  if (mode != "valid" && mode != "full" && mode != "same") c.bad("mode=" + mode);
  Expr padded = x;
  if (mode != "valid") padded = c.expr(c.g.pad(x, {m - 1, m - 1}));
  const ops::Conv conv{{1}, {1}, Padding{}, 1, {}};
  const Expr full =
      flatten(c.expr(c.g.add1(conv, {reshape(padded, {1, -1, 1}), reshape(y, {m, 1, 1})})));
  if (mode != "same") return full;
  const std::int64_t size = std::max(n, m), start = (n + m - 1 - size) / 2;
  return slice_axis(full, 0, start, start + size);
}

// Distances between all pairs of rows.
Expr distances(OpCall& c) {
  const Expr x = c.tensor("x"), y = c.tensor("y");
  if (x.rank() < 2 || y.rank() < 2) c.bad("expected two dimensions or more");
  const Expr difference = expand(x, -2) - expand(y, -3);
  return sqrt(reduce(ReduceKind::sum, square(difference), {difference.rank() - 1}, false));
}

}  // namespace

Expr dot_product(Expr x, Expr y) {
  if (x.rank() == 0 || y.rank() == 0) return x * y;
  return contract(x, {x.rank() - 1}, y, {y.rank() == 1 ? 0 : y.rank() - 2});
}

std::span<const OperationRow> product_operations() {
  static constexpr OperationRow kRows[] = {
      {"CDist", "x y", distances},       {"Corrcoef", "x", corrcoef},
      {"Correlate", "x1 x2", correlate}, {"Cross", "x1 x2", cross},
      {"Dot", "x1 x2", dot_of},          {"Einsum", "*operands", einsum},
      {"Inner", "x1 x2", inner},         {"Kron", "x1 x2", kron},
      {"Matmul", "x1 x2", matmul_of},    {"Outer", "x1 x2", outer},
      {"Tensordot", "x1 x2", tensordot}, {"Trapezoid", "y", trapezoid},
      {"Vander", "x", vander},           {"Vdot", "x1 x2", vdot},
  };
  return kRows;
}

}  // namespace thaw::keras
