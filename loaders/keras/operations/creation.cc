// Operations of Keras 3 that make tensors: constants, ranges, diagonals; and changes of type.
#include <cmath>

#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using U = UnaryKind;

Expr cast_of(OpCall& c) {
  const Expr x = c.tensor("x");
  return cast(x, c.dtype("dtype", x.dtype()));
}

// Bounds of a type, as far as `from` can hold them without leaving them.
std::pair<double, double> bounds(DType dtype) {
  switch (dtype) {
    case DType::float16: return {-65504, 65504};
    case DType::bfloat16: return {-3.3895313892515355e38, 3.3895313892515355e38};
    case DType::float32: return {-3.4028234663852886e38, 3.4028234663852886e38};
    case DType::boolean: return {0, 1};
    default: break;
  }
  const bool is_signed = name_of(dtype)[0] == 'i';
  const int bits = static_cast<int>(size_of(dtype)) * 8;
  const double top = std::ldexp(1.0, is_signed ? bits - 1 : bits);
  return {is_signed ? -top : 0, top - 1};
}

// Whether every value of `from` lies in the range of `to`.
bool holds(DType to, DType from) {
  if (to == from || to == DType::float64) return true;
  if (is_complex(to) || from == DType::boolean) return true;
  if (from == DType::float64) return false;
  const auto [low, high] = bounds(from);
  const auto [to_low, to_high] = bounds(to);
  return to_low <= low && high <= to_high;
}

Expr saturate_cast(OpCall& c) {
  const Expr x = c.tensor("x");
  const DType dtype = c.dtype("dtype", x.dtype());
  if (is_complex(x.dtype())) c.unsupported("complex numbers");
  if (holds(dtype, x.dtype())) return cast(x, dtype);
  if (x.dtype() == DType::float64 && is_floating(dtype)) {
    const auto [low, high] = bounds(dtype);
    return cast(clip(x, x.number(low), x.number(high)), dtype);
  }
  auto [low, high] = bounds(dtype);
  if (!is_floating(x.dtype())) {
    const auto [from_low, from_high] = bounds(x.dtype());
    low = std::max(low, from_low);
    high = std::min(high, from_high);
  } else if (size_of(dtype) >= size_of(x.dtype())) {
    // The largest number of the floating type below the bound.
    const double step = x.dtype() == DType::float64 ? 1024
                        : x.dtype() == DType::float32
                            ? std::ldexp(1.0, 8 * static_cast<int>(size_of(dtype)) - 25)
                            : 0;
    if (x.dtype() == DType::float16 || x.dtype() == DType::bfloat16)
      c.unsupported("a saturating cast of " + std::string(name_of(x.dtype())));
    high = high + 1 - step;
  }
  return cast(clip(x, x.number(low), x.number(high)), dtype);
}

Expr convert(OpCall& c) {
  if (c.has("sparse") && c.flag("sparse", false)) c.unsupported("sparse tensors");
  if (c.has("ragged") && c.flag("ragged", false)) c.unsupported("ragged tensors");
  return c.tensor("x", c.dtype("dtype", DType::invalid));
}

Expr copy(OpCall& c) { return c.tensor(c.row.kind == 0 ? "x" : "variable"); }

Expr like(OpCall& c) {
  const Expr x = c.tensor("x");
  return broadcast_like(c.number(c.row.kind, c.dtype("dtype", x.dtype())), x);
}

Expr full_like(OpCall& c) {
  const Expr x = c.tensor("x");
  return broadcast_like(c.tensor("fill_value", result_type({{c.dtype("dtype", x.dtype())}})), x);
}

Expr full(OpCall& c) {
  const Expr value = c.tensor("fill_value", c.dtype("dtype", DType::float32));
  const std::optional<Axes> sizes = c.ints("shape");
  if (!sizes) c.bad("shape is missing");
  return c.expr(c.g.add1(ops::BroadcastTo{}, {value, c.expr(c.g.ints(*sizes))}));
}

Expr arange(OpCall& c) {
  std::vector<ArgumentType> types;
  for (const char* name : {"start", "stop", "step"}) {
    if (const Operand* operand = c.find(name)) types.push_back(c.type(*operand));
  }
  if (types.empty()) c.bad("start is missing");
  const DType dtype = c.dtype("dtype", result_type(types));
  const bool one = !c.has("stop");
  const Expr start = one ? c.number(0, dtype) : c.tensor("start", dtype);
  const Expr stop = c.tensor(one ? "start" : "stop", dtype);
  const Expr step = c.has("step") ? c.tensor("step", dtype) : c.number(1, dtype);
  return c.expr(c.g.add1(ops::Range{}, {start, stop, step}));
}

constexpr std::int64_t kMaxSteps = 10'000'000;

struct Space {
  Expr values, step;
};

Space space(OpCall& c, Expr start, Expr stop, DType dtype) {
  const std::int64_t count = c.integer("num", 50);
  if (count < 0 || count > kMaxSteps) c.bad("num is " + std::to_string(count));
  start = cast(start, dtype);
  stop = cast(stop, dtype);
  if (!is_floating(dtype)) c.unsupported("integer steps");
  const int axis = c.normal(c.integer("axis", 0), std::max(start.rank(), stop.rank()) + 1);
  const bool endpoint = c.flag("endpoint", true);
  const double steps = static_cast<double>(endpoint ? count - 1 : count);
  const Expr step = steps > 0 ? (stop - start) / steps : c.number(std::nan(""), DType::float32);
  const Expr last = !endpoint && count > 1 ? stop - step : stop;
  return {linear_space(start, last, count, axis), step};
}

Results linspace(OpCall& c) {
  const DType dtype = c.dtype(
      "dtype", result_type({c.type(c.need("start")), c.type(c.need("stop")), kPythonFloat}));
  // Integers are computed as TensorFlow computes them, in floats, and rounded down.
  const DType compute = is_floating(dtype) ? dtype : DType::float64;
  const Space result = space(c, c.tensor("start", dtype), c.tensor("stop", dtype), compute);
  Expr values = result.values;
  if (!is_floating(dtype)) values = cast(unary(U::floor, values), dtype);
  if (!c.flag("retstep", false)) return {values};
  return {values, result.step};
}

Expr logspace(OpCall& c) {
  const DType dtype = c.dtype(
      "dtype", result_type({c.type(c.need("start")), c.type(c.need("stop")), kPythonFloat}));
  const Expr powers = space(c, c.tensor("start", dtype), c.tensor("stop", dtype), dtype).values;
  return power(powers.number(c.real("base", 10)), powers);
}

Expr geomspace(OpCall& c) {
  const DType dtype = c.dtype("dtype", DType::float32);
  const Expr start = cast(c.tensor("start"), dtype), stop = cast(c.tensor("stop"), dtype);
  const Expr base = start.number(std::log(10.0));
  const Expr powers =
      space(c, log(absolute(start)) / base, log(absolute(stop)) / base, dtype).values;
  return power(powers.number(10), powers) * unary(U::sign, start);
}

Expr size(OpCall& c) {
  const auto kind = c.kind<ShapeQueryKind>();
  return c.expr(c.g.add1(ops::ShapeQuery{kind, DType::int32}, {c.tensor("x")}));
}

// ---- diagonals and triangles ----
Expr diagonal_matrix(Expr x, std::int64_t offset) {
  const Expr square = broadcast_like(expand(x, 1), expand(x, 1) == expand(x, 0));
  const Expr matrix = select(diagonal_test(square, BinaryKind::equal, 0), square, 0.0);
  const std::int64_t above = std::max<std::int64_t>(offset, 0),
                     below = std::max<std::int64_t>(-offset, 0);
  return offset == 0 ? matrix : x.with(x.g->pad(matrix, {below, above, above, below}));
}

Expr diag_of(OpCall& c, Expr x) {
  const std::int64_t offset = c.integer("k", 0);
  if (offset < -(1 << 24) || offset > (1 << 24))
    c.bad(fmt::format("k is {}, out of range", offset));
  if (x.rank() == 1) return diagonal_matrix(x, offset);
  if (x.rank() != 2) c.bad(fmt::format("x has {} dimensions, expected one or two", x.rank()));
  return diagonal(c, x, offset);
}

Expr diag(OpCall& c) { return diag_of(c, c.tensor("x")); }
Expr diagflat(OpCall& c) { return diag_of(c, flatten(c.tensor("x"))); }

Expr with_axes_last(OpCall& c, Expr x) {
  const int rank = x.rank();
  const int first = c.axis("axis1", rank, 0), second = c.axis("axis2", rank, 1);
  if (first == second) c.bad("axis1 and axis2 are the same");
  return move_axes(x, {first, second}, {rank - 2, rank - 1});
}

Expr diagonal_of(OpCall& c) {
  return diagonal(c, with_axes_last(c, c.tensor("x")), c.integer("offset", 0));
}

Expr trace(OpCall& c) {
  const Expr x = with_axes_last(c, wide_sum_type(c.tensor("x")));
  const Expr on = diagonal_test(x, BinaryKind::equal, c.integer("offset", 0));
  const Axes axes{x.rank() - 2, x.rank() - 1};
  return reduce(ReduceKind::sum, select(on, x, 0.0), axes, false);
}

Expr triangle(OpCall& c) {
  const Expr x = c.tensor("x");
  if (x.rank() < 2) c.bad("x must have two dimensions or more");
  return select(diagonal_test(x, c.kind<BinaryKind>(), c.integer("k", 0)), x, 0.0);
}

}  // namespace

Expr linear_space(Expr start, Expr stop, std::int64_t count, int axis) {
  const Expr first = expand(start, axis), last = expand(stop, axis);
  if (count == 0) return slice_axis(first + last, axis, 0, 0);
  // Both ends in the shape that they broadcast to, whatever their elements are.
  const Expr both = (first == first) | (last == last);
  const Expr begin = select(both, first, first), end = select(both, last, last);
  if (count == 1) return begin;
  const Expr delta = (last - first) / static_cast<double>(count - 1);
  Results parts{begin};
  if (count > 2) {
    const Expr steps =
        cast(range(first.with(first.g->scalar(static_cast<double>(count - 1), DType::int32))),
             start.dtype());
    Axes sizes(static_cast<std::size_t>(delta.rank()), 1);
    sizes[static_cast<std::size_t>(axis)] = -1;
    const Expr inner = slice_axis(steps, 0, 1, GraphBuilder::kToEnd);
    parts.push_back(begin + delta * reshape(inner, sizes));
  }
  parts.push_back(end);
  return concat(parts, axis);
}

Expr diagonal_test(Expr x, BinaryKind kind, std::int64_t offset) {
  const int rank = x.rank();
  const Expr rows = range(size_of_axis(x, rank - 2, DType::int64));
  const Expr columns = range(size_of_axis(x, rank - 1, DType::int64));
  const Expr distance = expand(columns, 0) - expand(rows, 1);
  return binary(kind, distance, distance.number(static_cast<double>(offset)));
}

Expr diagonal(OpCall& c, Expr x, std::int64_t offset) {
  const int rank = x.rank();
  const std::int64_t rows = x.dim(rank - 2), columns = x.dim(rank - 1);
  if (rows == kUnknownDim || columns == kUnknownDim)
    c.unsupported("the diagonal of a matrix of unknown size");
  constexpr std::int64_t kMaxSide = std::int64_t{1} << 24;
  if (rows > kMaxSide || columns > kMaxSide) c.unsupported("the diagonal of so large a matrix");
  Axes places;
  for (std::int64_t i = 0; i < rows; ++i) {
    if (i + offset >= 0 && i + offset < columns) places.push_back(i * columns + i + offset);
  }
  Axes sizes = sizes_of(x);
  sizes.resize(sizes.size() - 2);
  sizes.push_back(rows * columns);
  return gather(reshape(x, sizes), c.expr(c.g.ints(places)), rank - 2);
}

std::span<const OperationRow> creation_operations() {
  static constexpr OperationRow kRows[] = {
      {"Arange", "start stop step", arange},
      {"Array", "x", convert},
      {"Cast", "x", cast_of},
      {"ConvertToTensor", "x", convert},
      {"Copy", "x", copy, 0},
      {"Diag", "x", diag},
      {"Diagflat", "x", diagflat},
      {"Diagonal", "x", diagonal_of},
      {"EmptyLike", "x", like, 0},
      {"Full", "fill_value", full},
      {"FullLike", "x fill_value", full_like},
      {"Geomspace", "start stop", geomspace},
      {"Linspace", "start stop", linspace},
      {"Logspace", "start stop", logspace},
      {"Ndim", "x", size, ShapeQueryKind::rank},
      {"OnesLike", "x", like, 1},
      {"SaturateCast", "x", saturate_cast},
      {"Size", "x", size, ShapeQueryKind::size},
      {"StopGradient", "variable", copy, 1},
      {"Trace", "x", trace},
      {"Tril", "x", triangle, BinaryKind::less_equal},
      {"Triu", "x", triangle, BinaryKind::greater_equal},
      {"ZerosLike", "x", like, 0},
  };
  return kRows;
}

}  // namespace thaw::keras
