#include "loaders/tf/ops/run_time_axis.h"

namespace thaw::tf {
namespace {

ValueId whole_number(GraphBuilder& g, std::int64_t value) {
  return g.constant(Tensor::from(Shape{}, Ints{value}));
}

// 0, 1, ... n - 1 for an int64 scalar or vector of one.
ValueId count_up(GraphBuilder& g, ValueId n) {
  return g.add1(ops::Range{}, {whole_number(g, 0), g.reshape(n, {}), whole_number(g, 1)});
}

ValueId size_along(GraphBuilder& g, ShapeQueryKind kind, ValueId x) {
  return g.add1(ops::ShapeQuery{kind, DType::int64}, {x});
}

ValueId inside(GraphBuilder& g, ValueId x, ValueId least, ValueId end) {
  return g.binary(BinaryKind::logical_and, g.binary(BinaryKind::greater_equal, x, least),
                  g.binary(BinaryKind::less, x, end));
}

/// Negative axes count from the end; all are checked to be axes of a tensor of this rank (int64).
ValueId checked_axes(GraphBuilder& g, ValueId axes, ValueId rank) {
  check_at_run_time(g, "axis is out of range",
                    inside(g, axes, g.unary({UnaryKind::neg}, rank), rank));
  return g.select(g.binary(BinaryKind::less, axes, whole_number(g, 0)),
                  g.binary(BinaryKind::add, axes, rank), axes);
}

ValueId product_of(GraphBuilder& g, ValueId dims) {
  return g.reduce(ReduceKind::prod, dims, {0}, true);
}

/// Where each element of x stands: the sizes of x, steps of one along each axis, and [n, rank].
struct Coordinates {
  ValueId dims, steps, at;
};

Coordinates coordinates_of(GraphBuilder& g, ValueId x) {
  Coordinates c;
  c.dims = run_time_dims(g, x);
  const ValueId one = whole_number(g, 1);
  // Sizes of zero have no elements to place.
  const ValueId sizes = g.binary(BinaryKind::maximum, c.dims, one);
  ops::Scan scan{ScanKind::prod, 0, true, true};
  c.steps = g.add1(scan, {sizes});
  const ValueId flat = g.expand_dims(count_up(g, size_along(g, ShapeQueryKind::size, x)), 1);
  c.at =
      g.binary(BinaryKind::truncate_mod, g.binary(BinaryKind::truncate_div, flat, c.steps), sizes);
  return c;
}

/// Element i of the result is the element of x at row i of `from`.
ValueId take_from(GraphBuilder& g, ValueId x, const Coordinates& c, ValueId from) {
  const ValueId flat =
      g.reduce(ReduceKind::sum, g.binary(BinaryKind::mul, from, c.steps), {1}, false);
  const ValueId y = g.add1(ops::Reshape{}, {g.gather(g.reshape(x, {-1}), flat), c.dims});
  return refine_like(g, y, x);
}

/// [axes, rank]: which axis each of the list is.
ValueId axis_table(GraphBuilder& g, ValueId axes, ValueId rank) {
  return g.binary(BinaryKind::equal, g.expand_dims(checked_axes(g, axes, rank), 1),
                  count_up(g, rank));
}

}  // namespace

void check_at_run_time(GraphBuilder& g, const char* message, ValueId holds) {
  const ValueId all = g.reduce(ReduceKind::all, g.reshape(holds, {-1}), {0}, false);
  const Tensor* known = g.constant_of(all);
  if (known == nullptr || !known->data<bool>()[0]) g.add(ops::Assert{message}, {all}, 0);
}

ValueId refine_like(GraphBuilder& g, ValueId y, ValueId x) {
  const Shape shape = g.shape(x);
  return shape.has_rank() ? refine(g, y, shape.dims()) : y;
}

ValueId of_rank(OpContext& c, int operand, int rank) {
  const Shape& shape = c.shape(operand);
  if (shape.has_rank() && shape.rank() != rank) {
    fail(ErrorCode::invalid_argument, "operand {}: expected {} axes, found {}", operand, rank,
         shape.to_string());
  }
  if (shape.has_rank()) return c.in(operand);
  const ValueId same = c.g.add1(ops::Identity{}, {c.in(operand)});
  return refine(c.g, same, Ints(static_cast<std::size_t>(rank), kUnknownDim));
}

ValueId run_time_dims(GraphBuilder& g, ValueId x) {
  return size_along(g, ShapeQueryKind::shape, x);
}

ValueId run_time_part(GraphBuilder& g, ValueId vector, ValueId begin, ValueId end) {
  ops::StridedSlice op;
  op.end_mask = end == kNoValue ? 1 : 0;
  const ValueId last = end == kNoValue ? g.ints({0}) : end;
  return g.add1(op, {vector, begin, last, g.ints({1})});
}

RunTimeAxis::RunTimeAxis(GraphBuilder& g, ValueId x, ValueId axis, int more) : g_(g) {
  if (g.shape(x).has_rank()) rank_ = g.shape(x).rank();
  const ValueId dims = run_time_dims(g, x);
  const ValueId axes =
      g.binary(BinaryKind::add, size_along(g, ShapeQueryKind::rank, x), whole_number(g, more));
  axis_ = g.reshape(checked_axes(g, g.reshape(g.cast(axis, DType::int64), {}), axes), {1});
  const ValueId next = g.binary(BinaryKind::add, axis_, g.ints({1}));
  before_ = run_time_part(g, dims, g.ints({0}), axis_);
  along_ = run_time_part(g, dims, axis_, next);
  behind_ = run_time_part(g, dims, more == 0 ? next : axis_, kNoValue);
}

ValueId RunTimeAxis::reshaped(ValueId flat, const std::vector<ValueId>& dims, int rank) const {
  const ValueId y = g_.add1(ops::Reshape{}, {flat, g_.concat(dims, 0)});
  return rank < 0 ? y : refine(g_, y, Ints(static_cast<std::size_t>(rank), kUnknownDim));
}

ValueId RunTimeAxis::flat(ValueId x) const {
  const ValueId next = g_.binary(BinaryKind::add, axis_, g_.ints({1}));
  const ValueId along = run_time_part(g_, run_time_dims(g_, x), axis_, next);
  return reshaped(x, {product_of(g_, before_), along, product_of(g_, behind_)}, 3);
}

ValueId RunTimeAxis::whole(ValueId flat, ValueId middle, int added) const {
  return reshaped(flat, {before_, middle, behind_}, rank_ < 0 ? -1 : rank_ + added);
}

ValueId RunTimeAxis::without_axis(ValueId flat) const {
  return reshaped(flat, {before_, behind_}, rank_ < 0 ? -1 : rank_ - 1);
}

ValueId concat_at_run_time(GraphBuilder& g, const std::vector<ValueId>& xs, ValueId axis) {
  const RunTimeAxis first(g, xs[0], axis);
  const ValueId dims = run_time_dims(g, xs[0]);
  const ValueId along = g.binary(
      BinaryKind::equal, count_up(g, size_along(g, ShapeQueryKind::size, dims)), first.axis());
  std::vector<ValueId> parts;
  for (const ValueId x : xs) {
    if (x != xs[0]) {
      const ValueId other = run_time_dims(g, x);
      check_at_run_time(g, "tensors of different ranks",
                        g.binary(BinaryKind::equal, size_along(g, ShapeQueryKind::size, other),
                                 size_along(g, ShapeQueryKind::size, dims)));
      check_at_run_time(
          g, "sizes differ beside the axis",
          g.binary(BinaryKind::logical_or, along, g.binary(BinaryKind::equal, other, dims)));
    }
    parts.push_back(first.flat(x));
  }
  const ValueId y = g.concat(parts, 1);
  return first.whole(y, g.slice_axis(run_time_dims(g, y), 0, 1, 2));
}

ValueId reverse_where(GraphBuilder& g, ValueId x, ValueId flags) {
  const Coordinates c = coordinates_of(g, x);
  check_at_run_time(g, "expected a flag for every axis",
                    g.binary(BinaryKind::equal, size_along(g, ShapeQueryKind::size, flags),
                             size_along(g, ShapeQueryKind::rank, x)));
  const ValueId last = g.binary(BinaryKind::sub, c.dims, whole_number(g, 1));
  return take_from(g, x, c, g.select(flags, g.binary(BinaryKind::sub, last, c.at), c.at));
}

ValueId reverse_at_run_time(GraphBuilder& g, ValueId x, ValueId axes) {
  const ValueId list = g.reshape(g.cast(axes, DType::int64), {-1});
  const std::int64_t count = g.shape(list)[0];
  const ValueId table = axis_table(g, list, size_along(g, ShapeQueryKind::rank, x));
  if (count != 1) {
    const ValueId times = g.reduce(ReduceKind::sum, g.cast(table, DType::int64), {0}, false);
    check_at_run_time(g, "an axis is given more than once",
                      g.binary(BinaryKind::less_equal, times, whole_number(g, 1)));
    return reverse_where(g, x, g.reduce(ReduceKind::any, table, {0}, false));
  }
  const RunTimeAxis axis(g, x, list);
  return refine_like(g, axis.whole(g.reverse(axis.flat(x), 1), axis.along()), x);
}

ValueId roll_any_axes(GraphBuilder& g, ValueId x, ValueId shifts, ValueId axes) {
  const Coordinates c = coordinates_of(g, x);
  const ValueId table = axis_table(g, axes, size_along(g, ShapeQueryKind::rank, x));
  const ValueId by = g.select(table, g.expand_dims(shifts, 1), whole_number(g, 0));
  const ValueId shift = g.reduce(ReduceKind::sum, by, {0}, false);
  const ValueId sizes = g.binary(BinaryKind::maximum, c.dims, whole_number(g, 1));
  return take_from(g, x, c,
                   g.binary(BinaryKind::floor_mod, g.binary(BinaryKind::sub, c.at, shift), sizes));
}

}  // namespace thaw::tf
