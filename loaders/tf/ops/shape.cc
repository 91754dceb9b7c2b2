#include "loaders/tf/ops/run_time_axis.h"

namespace thaw::tf::importers {

// What the file promises about a shape is taken as known; kernels check the actual one.
Results ensure_shape(OpContext& c) {
  c.expect_count(1);
  const Shape wanted = c.node.shape("shape");
  if (!wanted.has_rank()) return {c.in(0)};
  const ValueId same = c.g.add1(ops::Identity{}, {c.in(0)});
  return {refine(c.g, same, wanted.dims())};
}

Results shape_query(OpContext& c) {
  c.expect_count(1);
  const auto kind = static_cast<ShapeQueryKind>(c.kind);
  const DType dtype = kind == ShapeQueryKind::rank ? DType::int32 : c.node.type("out_type");
  return {c.g.add1(ops::ShapeQuery{kind, dtype}, {c.in(0)})};
}

Results shape_n(OpContext& c) {
  Results shapes;
  const ops::ShapeQuery query{ShapeQueryKind::shape, c.node.type("out_type")};
  for (ValueId value : c.inputs) shapes.push_back(c.g.add1(query, {value}));
  return shapes;
}

Results reshape(OpContext& c) {
  c.expect_count(2);
  const auto dims = partial_dims(c.g, c.in(1));
  const ValueId y = c.g.add1(ops::Reshape{}, {c.in(0), c.in(1)});
  return {dims ? refine(c.g, y, *dims) : y};
}

Results squeeze(OpContext& c) {
  c.expect_count(1);
  return {c.g.add1(ops::Squeeze{c.node.integers("squeeze_dims")}, {c.in(0)})};
}

Results expand_dims(OpContext& c) {
  c.expect_count(2);
  if (!c.known_ints(1)) {
    return {RunTimeAxis(c.g, c.in(0), c.in(1), 1).whole(c.in(0), c.g.ints({1}), 1)};
  }
  return {c.g.expand_dims(c.in(0), c.integer(1, "dim"))};
}

Results broadcast_to(OpContext& c) {
  c.expect_count(2);
  const auto dims = partial_dims(c.g, c.in(1));
  const ValueId y = c.g.add1(ops::BroadcastTo{}, {c.in(0), c.in(1)});
  return {dims ? refine(c.g, y, *dims) : y};
}

// The shape that two shapes broadcast to.
Results broadcast_args(OpContext& c) {
  c.expect_count(2);
  GraphBuilder& g = c.g;
  const ops::ShapeQuery length{ShapeQueryKind::size, DType::int64};
  const ValueId sizes[] = {g.add1(length, {c.in(0)}), g.add1(length, {c.in(1)})};
  const ValueId n = g.binary(BinaryKind::maximum, sizes[0], sizes[1]);
  const auto padded = [&](int i) {
    const ValueId missing = g.reshape(g.binary(BinaryKind::sub, n, sizes[i]), {1});
    const ValueId ones = g.add1(ops::BroadcastTo{}, {g.scalar(1, c.dtype(i)), missing});
    return g.concat({ones, c.in(i)}, 0);
  };
  const ValueId x = padded(0), y = padded(1), one = g.scalar(1, c.dtype(0));
  const ValueId is_one = g.binary(BinaryKind::equal, x, one);
  const ValueId fits =
      g.binary(BinaryKind::logical_or, is_one,
               g.binary(BinaryKind::logical_or, g.binary(BinaryKind::equal, y, one),
                        g.binary(BinaryKind::equal, x, y)));
  check_at_run_time(g, "Incompatible shapes", fits);
  return {g.select(is_one, y, x)};
}

Results fill(OpContext& c) {
  c.expect_count(2);
  const auto dims = partial_dims(c.g, c.in(0));
  const ValueId y = c.g.add1(ops::BroadcastTo{}, {c.in(1), c.in(0)});
  return {dims ? refine(c.g, y, *dims) : y};
}

// Zeros or ones of the operand's shape.
Results like(OpContext& c) {
  c.expect_count(1);
  if (c.dtype(0) == DType::tensor_list) c.refuse("zeros of a tensor list");
  const Shape shape = c.shape(0);
  const ValueId value = c.dtype(0) == DType::string && c.kind == 0
                            ? c.g.constant(Tensor::from(Shape{}, std::vector<std::string>{""}))
                            : c.g.scalar(c.kind, c.dtype(0));
  const ValueId dims = c.g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {c.in(0)});
  const ValueId y = c.g.add1(ops::BroadcastTo{}, {value, dims});
  return {shape.has_rank() ? refine(c.g, y, shape.dims()) : y};
}

Results invert_permutation(OpContext& c) {
  c.expect_count(1);
  return {c.g.add1(ops::HostCall{"invert_permutation", {}, nullptr}, {c.in(0)})};
}

Results range(OpContext& c) {
  c.expect_count(3);
  return {c.g.add1(ops::Range{}, {c.in(0), c.in(1), c.in(2)})};
}

// start + i (stop - start) / (num - 1); a single element is start.
namespace {

// The same for a number of points that is known at run time.
Results lin_space_at_run_time(OpContext& c) {
  GraphBuilder& g = c.g;
  const DType dtype = c.dtype(0);
  const ValueId num = g.reshape(g.cast(c.in(2), DType::int64), {});
  const ValueId zero = g.scalar(0, DType::int64), one = g.scalar(1, DType::int64);
  g.add(ops::Assert{"num is less than 1"}, {g.binary(BinaryKind::greater_equal, num, one)}, 0);
  const ValueId steps = g.cast(g.add1(ops::Range{}, {zero, num, one}), dtype);
  const ValueId parts =
      g.cast(g.binary(BinaryKind::maximum, g.binary(BinaryKind::sub, num, one), one), dtype);
  const ValueId step =
      g.binary(BinaryKind::div, g.binary(BinaryKind::sub, c.in(1), c.in(0)), parts);
  return {g.binary(BinaryKind::add, c.in(0), g.binary(BinaryKind::mul, steps, step))};
}

}  // namespace

Results lin_space(OpContext& c) {
  c.expect_count(3);
  if (!c.known_ints(2)) return lin_space_at_run_time(c);
  const std::int64_t num = c.integer(2, "num");
  if (num < 1) fail(ErrorCode::invalid_argument, "num is {}, expected at least 1", num);
  const DType dtype = c.dtype(0);
  const ValueId steps = c.g.add1(
      ops::Range{},
      {c.g.scalar(0, dtype), c.g.scalar(static_cast<double>(num), dtype), c.g.scalar(1, dtype)});
  const ValueId width = c.g.binary(BinaryKind::sub, c.in(1), c.in(0));
  const double parts = static_cast<double>(num > 1 ? num - 1 : 1);
  const ValueId step = c.g.binary(BinaryKind::div, width, c.g.scalar(parts, dtype));
  return {refine(
      c.g, c.g.binary(BinaryKind::add, c.in(0), c.g.binary(BinaryKind::mul, steps, step)), {num})};
}

// Where each operand of a concatenation begins.
Results concat_offset(OpContext& c) {
  if (c.count() < 3) fail(ErrorCode::invalid_argument, "expected at least 3 operands");
  GraphBuilder& g = c.g;
  const ValueId first = c.in(1), zero = g.scalar(0, c.dtype(1));
  const ValueId rank = g.add1(ops::ShapeQuery{ShapeQueryKind::size, c.dtype(1)}, {first});
  const ValueId given = g.reshape(g.cast(c.in(0), c.dtype(1)), {});
  const ValueId axis = g.select(g.binary(BinaryKind::less, given, zero),
                                g.binary(BinaryKind::add, given, rank), given);
  const ValueId inside =
      g.binary(BinaryKind::logical_and, g.binary(BinaryKind::greater_equal, axis, zero),
               g.binary(BinaryKind::less, axis, rank));
  check_at_run_time(g, "axis is out of range", inside);
  const ValueId axes = g.add1(ops::Range{}, {zero, rank, g.scalar(1, c.dtype(1))});
  const ValueId along = g.binary(BinaryKind::equal, axes, axis);
  Results offsets;
  ValueId position = g.select(along, zero, zero);
  for (int i = 1; i < c.count(); ++i) {
    const ValueId dims = c.in(i);
    const ValueId same =
        g.binary(BinaryKind::logical_or, along, g.binary(BinaryKind::equal, dims, first));
    check_at_run_time(g, "All dimensions except the axis must match", same);
    offsets.push_back(position);
    position = g.select(along, g.binary(BinaryKind::add, position, dims), zero);
  }
  return offsets;
}

}  // namespace thaw::tf::importers
