#include "loaders/tf/ops/op_context.h"

namespace thaw::tf::importers {

Results unary(OpContext& c) {
  c.expect_count(1);
  UnaryFn fn{static_cast<UnaryKind>(c.kind)};
  if (fn.kind == UnaryKind::elu) fn.alpha = 1;
  return {c.g.unary(fn, c.in(0))};
}

Results leaky_relu(OpContext& c) {
  c.expect_count(1);
  return {c.g.unary({UnaryKind::leaky_relu, c.node.number("alpha")}, c.in(0))};
}

Results relu6(OpContext& c) {
  c.expect_count(1);
  return {c.g.unary({UnaryKind::clamp, 0, 6}, c.in(0))};
}

Results binary(OpContext& c) {
  c.expect_count(2);
  return {c.g.binary(static_cast<BinaryKind>(c.kind), c.in(0), c.in(1))};
}

// Div of integers truncates toward zero.
Results divide(OpContext& c) {
  c.expect_count(2);
  const auto kind = is_integer(c.dtype(0)) ? BinaryKind::truncate_div : BinaryKind::div;
  return {c.g.binary(kind, c.in(0), c.in(1))};
}

Results modulo(OpContext& c) {
  c.expect_count(2);
  return {c.g.binary(BinaryKind::truncate_mod, c.in(0), c.in(1))};
}

// With incompatible_shape_error off, shapes that do not broadcast give a scalar instead of an
// error.
Results equality(OpContext& c) {
  c.expect_count(2);
  if (!c.node.flag("incompatible_shape_error") &&
      !(c.shape(0).is_static() && c.shape(1).is_static())) {
    const bool scalar = (c.shape(0).has_rank() && c.shape(0).rank() == 0) ||
                        (c.shape(1).has_rank() && c.shape(1).rank() == 0);
    if (!scalar)
      c.refuse("attribute incompatible_shape_error=false with shapes known only at run time");
  }
  return binary(c);
}

Results approximate_equal(OpContext& c) {
  c.expect_count(2);
  const ValueId difference =
      c.g.unary({UnaryKind::abs}, c.g.binary(BinaryKind::sub, c.in(0), c.in(1)));
  const ValueId tolerance = c.g.scalar(c.node.number("tolerance"), c.dtype(0));
  return {c.g.binary(BinaryKind::less, difference, tolerance)};
}

// x log1p(y), and 0 where x is 0.
Results xlog1py(OpContext& c) {
  c.expect_count(2);
  const ValueId product =
      c.g.binary(BinaryKind::mul, c.in(0), c.g.unary({UnaryKind::log1p}, c.in(1)));
  const ValueId zero = c.g.scalar(0, c.dtype(0));
  return {c.g.select(c.g.binary(BinaryKind::equal, c.in(0), zero), zero, product)};
}

Results clip(OpContext& c) {
  c.expect_count(3);
  const ValueId below = c.g.binary(BinaryKind::minimum, c.in(0), c.in(2));
  return {c.g.binary(BinaryKind::maximum, below, c.in(1))};
}

Results add_n(OpContext& c) {
  ValueId sum = c.in(0);
  for (int i = 1; i < c.count(); ++i) sum = c.g.binary(BinaryKind::add, sum, c.in(i));
  return {sum};
}

Results select(OpContext& c) {
  c.expect_count(3);
  return {c.g.select(c.in(0), c.in(1), c.in(2))};
}

// Select of TensorFlow 1: a vector condition picks rows.
Results select_rows(OpContext& c) {
  c.expect_count(3);
  const Shape& condition = c.shape(0);
  if (condition.has_rank() && condition.rank() == 0) return select(c);
  const int rank = c.rank(1);
  if (c.rank(0) == rank) return select(c);
  if (condition.rank() != 1) {
    fail(ErrorCode::invalid_argument, "condition {} does not fit {}", condition.to_string(),
         c.shape(1).to_string());
  }
  Ints axes;
  for (int axis = 1; axis < rank; ++axis) axes.push_back(axis);
  const ValueId rows = c.g.add1(ops::ExpandDims{axes}, {c.in(0)});
  return {c.g.select(rows, c.in(1), c.in(2))};
}

Results cast(OpContext& c) {
  c.expect_count(1);
  if (c.node.flag("Truncate")) c.refuse("attribute Truncate=true");
  const std::string_view float8 = c.node.float8("DstT");
  if (!float8.empty()) {
    if (is_complex(c.dtype(0))) c.refuse("a cast of complex numbers to float8");
    // Rounded once: from float64 as it is, from all else through float32, which holds it.
    const DType wide = c.dtype(0) == DType::float64 ? DType::float64 : DType::float32;
    const ValueId rounded =
        c.g.add1(ops::HostCall{"round_to_float8", {{"kind", std::string(float8)}}, nullptr},
                 {c.g.cast(c.in(0), wide)});
    return {c.g.cast(rounded, DType::float32)};
  }
  return {c.g.cast(c.in(0), c.node.type("DstT"))};
}

// The number of boundaries that are not above x.
Results bucketize(OpContext& c) {
  c.expect_count(1);
  const std::vector<double> boundaries = c.node.numbers("boundaries");
  std::vector<float> values(boundaries.begin(), boundaries.end());
  const auto count = static_cast<std::int64_t>(values.size());
  const ValueId x =
      c.g.cast(c.in(0), c.dtype(0) == DType::float64 ? DType::float64 : DType::float32);
  const ValueId edges = c.g.cast(c.g.constant(Tensor::from(Shape{count}, values)), c.g.dtype(x));
  const ValueId above =
      c.g.binary(BinaryKind::greater_equal, c.g.add1(ops::ExpandDims{{-1}}, {x}), edges);
  return {c.g.reduce(ReduceKind::sum, c.g.cast(above, DType::int32), {-1}, false)};
}

Results identity(OpContext& c) { return {c.in(0)}; }

// Throws at run time for NaN and infinities, as TensorFlow does.
Results check_numerics(OpContext& c) {
  c.expect_count(1);
  ValueId numbers = c.in(0);
  if (!c.shape(0).has_rank()) numbers = c.g.reshape(numbers, {-1});
  Ints axes;
  for (int axis = 0; axis < c.g.shape(numbers).rank(); ++axis) axes.push_back(axis);
  const ValueId finite =
      c.g.reduce(ReduceKind::all, c.g.unary({UnaryKind::is_finite}, numbers), axes, false);
  c.g.add(ops::Assert{c.node.text("message")}, {finite}, 0);
  return {c.in(0)};
}

Results identity_n(OpContext& c) { return c.inputs; }

}  // namespace thaw::tf::importers
