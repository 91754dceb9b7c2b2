// Elements of axes moved round in a circle.
#include "loaders/tf/ops/run_time_axis.h"

namespace thaw::tf::importers {
namespace {

ValueId roll_number(GraphBuilder& g, std::int64_t value) {
  return g.constant(Tensor::from(Shape{}, Ints{value}));
}

// Along an axis whose size or shift (an int64 scalar) is known at run time.
ValueId roll_at_run_time(GraphBuilder& g, ValueId x, int axis, ValueId shift) {
  const ValueId dims = g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {x});
  const ValueId n = g.squeeze(g.slice_axis(dims, 0, axis, axis + 1), 0);
  const ValueId step =
      g.binary(BinaryKind::floor_mod, shift, g.binary(BinaryKind::maximum, n, roll_number(g, 1)));
  ValueId split = g.expand_dims(g.binary(BinaryKind::sub, n, step), 0);
  const Ints zeros(static_cast<std::size_t>(axis), 0), ones(zeros.size() + 1, 1);
  if (axis > 0) split = g.concat({g.ints(zeros), split}, 0);
  const std::int64_t before = (std::int64_t{1} << axis) - 1, all = before << 1 | 1;
  const ValueId last =
      g.add1(ops::StridedSlice{before, all, 0, 0, 0}, {x, split, split, g.ints(ones)});
  const ValueId first =
      g.add1(ops::StridedSlice{all, before, 0, 0, 0}, {x, split, split, g.ints(ones)});
  // The two parts add up to the whole, whose size may be known.
  const Ints whole = g.shape(x).dims();
  return refine(g, g.concat({last, first}, axis), whole);
}

// The last `shift` elements come first.
ValueId roll_by(GraphBuilder& g, ValueId x, int axis, std::int64_t shift) {
  const std::int64_t n = g.shape(x)[axis];
  if (n == kUnknownDim) return roll_at_run_time(g, x, axis, roll_number(g, shift));
  if (n == 0) return x;
  const std::int64_t split = n - ((shift % n) + n) % n;
  if (split == n) return x;
  return g.concat(
      {g.slice_axis(x, axis, split, GraphBuilder::kToEnd), g.slice_axis(x, axis, 0, split)}, axis);
}

// The sum of the shifts that belong to an axis, for axes that are known at run time.
ValueId shift_of_axis(GraphBuilder& g, ValueId shifts, ValueId axes, int axis, int rank) {
  const auto is = [&](std::int64_t value) {
    return g.binary(BinaryKind::equal, axes, roll_number(g, value));
  };
  const ValueId here = g.binary(BinaryKind::logical_or, is(axis), is(axis - rank));
  return g.reduce(ReduceKind::sum, g.select(here, shifts, roll_number(g, 0)), {0}, false);
}

void assert_axes(GraphBuilder& g, ValueId axes, int rank) {
  const ValueId inside = g.binary(BinaryKind::logical_and,
                                  g.binary(BinaryKind::greater_equal, axes, roll_number(g, -rank)),
                                  g.binary(BinaryKind::less, axes, roll_number(g, rank)));
  g.add(ops::Assert{"axis is out of range"}, {g.reduce(ReduceKind::all, inside, {0}, false)}, 0);
}

}  // namespace

// (x, shift, axis): scalars or vectors; shifts of one axis add up.
Results roll(OpContext& c) {
  c.expect_count(3);
  GraphBuilder& g = c.g;
  const std::optional<Ints> by = c.known_ints(1), along = c.known_ints(2);
  const ValueId shifts = g.reshape(g.cast(c.in(1), DType::int64), {-1});
  const ValueId axes = g.reshape(g.cast(c.in(2), DType::int64), {-1});
  if (!c.shape(0).has_rank()) return {roll_any_axes(g, c.in(0), shifts, axes)};
  const int rank = c.rank(0);
  const std::int64_t count = g.shape(shifts)[0];
  ValueId x = c.in(0);
  if (!along) {
    if (count != kUnknownDim && g.shape(axes)[0] != kUnknownDim && count != g.shape(axes)[0]) {
      fail(ErrorCode::invalid_argument, "{} shifts for {} axes", count, g.shape(axes)[0]);
    }
    assert_axes(g, axes, rank);
    for (int axis = 0; axis < rank; ++axis) {
      x = roll_at_run_time(g, x, axis, shift_of_axis(g, shifts, axes, axis, rank));
    }
    return {x};
  }
  if (count != kUnknownDim && count != static_cast<std::int64_t>(along->size())) {
    fail(ErrorCode::invalid_argument, "{} shifts for {} axes", count, along->size());
  }
  for (std::size_t i = 0; i < along->size(); ++i) {
    const auto axis = static_cast<int>((*along)[i] < 0 ? (*along)[i] + rank : (*along)[i]);
    if (axis < 0 || axis >= rank) {
      fail(ErrorCode::invalid_argument, "axis {} of rank {}", (*along)[i], rank);
    }
    const auto at = static_cast<std::int64_t>(i);
    x = by ? roll_by(g, x, axis, (*by)[i])
           : roll_at_run_time(g, x, axis, g.squeeze(g.slice_axis(shifts, 0, at, at + 1), 0));
  }
  return {x};
}

}  // namespace thaw::tf::importers
