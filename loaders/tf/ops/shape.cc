#include "loaders/tf/ops/op_context.h"

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
  if (!c.shape(0).is_static() || !c.shape(1).is_static()) c.refuse("shapes of unknown rank");
  const std::int64_t n = std::max(c.shape(0).num_elements(), c.shape(1).num_elements());
  const auto padded = [&](int i) {
    const std::int64_t missing = n - c.shape(i).num_elements();
    if (missing == 0) return c.in(i);
    const ValueId ones = c.g.cast(c.g.ints(Ints(static_cast<std::size_t>(missing), 1)), c.dtype(i));
    return c.g.concat({ones, c.in(i)}, 0);
  };
  const ValueId x = padded(0), y = padded(1);
  const ValueId is_one = c.g.binary(BinaryKind::equal, x, c.g.scalar(1, c.dtype(0)));
  return {c.g.select(is_one, y, x)};
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
  const std::int64_t axis = c.integer(0, "concat_dim");
  Results offsets;
  std::int64_t position = 0;
  for (int i = 1; i < c.count(); ++i) {
    const Ints dims = c.ints(i, "shape");
    const std::int64_t at = axis < 0 ? axis + static_cast<std::int64_t>(dims.size()) : axis;
    if (at < 0 || at >= static_cast<std::int64_t>(dims.size())) {
      fail(ErrorCode::invalid_argument, "axis {} of rank {}", axis, dims.size());
    }
    Ints offset(dims.size(), 0);
    offset[static_cast<std::size_t>(at)] = position;
    if (__builtin_add_overflow(position, dims[static_cast<std::size_t>(at)], &position)) {
      fail(ErrorCode::invalid_argument, "sizes overflow");
    }
    offsets.push_back(c.g.cast(c.g.ints(offset), c.dtype(i)));
  }
  return offsets;
}

}  // namespace thaw::tf::importers
