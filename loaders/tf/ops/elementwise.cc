#include "loaders/tf/ops/run_time_axis.h"

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

namespace {

// Sizes with ones in front, as many as the `rank` asks for.
ValueId sizes_of_rank(GraphBuilder& g, ValueId dims, ValueId rank) {
  const ValueId length = g.add1(ops::ShapeQuery{ShapeQueryKind::size, DType::int64}, {dims});
  const ValueId missing = g.reshape(g.binary(BinaryKind::sub, rank, length), {1});
  return g.concat({g.add1(ops::BroadcastTo{}, {g.scalar(1, DType::int64), missing}), dims}, 0);
}

// The first elements of a vector if `holds`, or none.
ValueId part_if(GraphBuilder& g, ValueId holds, ValueId vector) {
  const ValueId length = g.add1(ops::ShapeQuery{ShapeQueryKind::size, DType::int64}, {vector});
  const ValueId kept = g.reshape(g.select(holds, length, g.scalar(0, DType::int64)), {1});
  return run_time_part(g, vector, g.ints({0}), kept);
}

// Compares tensors whose shapes fit, and tensors without elements otherwise.
Results compare_if_they_fit(OpContext& c) {
  GraphBuilder& g = c.g;
  const auto rank = [&](int i) {
    return g.add1(ops::ShapeQuery{ShapeQueryKind::rank, DType::int64}, {c.in(i)});
  };
  const ValueId dims[] = {run_time_dims(g, c.in(0)), run_time_dims(g, c.in(1))};
  const ValueId most = g.binary(BinaryKind::maximum, rank(0), rank(1));
  const ValueId x = sizes_of_rank(g, dims[0], most), y = sizes_of_rank(g, dims[1], most);
  const auto either = [&](ValueId a, ValueId b) { return g.binary(BinaryKind::logical_or, a, b); };
  const ValueId one = g.scalar(1, DType::int64);
  const ValueId fits = g.reduce(
      ReduceKind::all,
      either(g.binary(BinaryKind::equal, x, y),
             either(g.binary(BinaryKind::equal, x, one), g.binary(BinaryKind::equal, y, one))),
      {0}, false);
  const Tensor* known = g.constant_of(fits);
  if (known != nullptr && known->data<bool>()[0]) return binary(c);
  const auto operand = [&](int i) {
    // No sizes stand for a scalar, which an empty tensor cannot become: such a tensor is a row.
    const ValueId row = g.select(fits, one, g.scalar(0, DType::int64));
    const ValueId sizes = g.concat({g.reshape(row, {1}), part_if(g, fits, dims[i])}, 0);
    return g.add1(ops::Reshape{}, {part_if(g, fits, g.reshape(c.in(i), {-1})), sizes});
  };
  const ValueId z = g.binary(static_cast<BinaryKind>(c.kind), operand(0), operand(1));
  const bool unequal = static_cast<BinaryKind>(c.kind) == BinaryKind::not_equal;
  const ValueId other = g.constant(Tensor::from<bool>(Shape{1}, {unequal}));
  const ValueId all = g.concat({g.reshape(z, {-1}), other}, 0);
  const ValueId count = g.add1(ops::ShapeQuery{ShapeQueryKind::size, DType::int64}, {z});
  const ValueId kept = g.reshape(g.select(fits, count, one), {1});
  const ValueId sizes = part_if(g, fits, g.select(g.binary(BinaryKind::equal, x, one), y, x));
  return {g.add1(ops::Reshape{}, {run_time_part(g, all, g.ints({0}), kept), sizes})};
}

}  // namespace

// With incompatible_shape_error off, shapes that do not broadcast give a scalar instead of an
// error.
Results equality(OpContext& c) {
  c.expect_count(2);
  if (c.node.flag("incompatible_shape_error")) return binary(c);
  for (int i = 0; i < 2; ++i) {
    if (c.shape(i).has_rank() && c.shape(i).rank() == 0) return binary(c);
  }
  return compare_if_they_fit(c);
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
  if (!condition.has_rank() || !c.shape(1).has_rank()) {
    GraphBuilder& g = c.g;
    const auto rank_of = [&](int i) {
      return g.add1(ops::ShapeQuery{ShapeQueryKind::rank, DType::int64}, {c.in(i)});
    };
    const ValueId missing = g.reshape(g.binary(BinaryKind::sub, rank_of(1), rank_of(0)), {1});
    const ValueId ones = g.add1(ops::BroadcastTo{}, {g.scalar(1, DType::int64), missing});
    const ValueId dims = g.concat({run_time_dims(g, c.in(0)), ones}, 0);
    const ValueId y = g.select(g.add1(ops::Reshape{}, {c.in(0), dims}), c.in(1), c.in(2));
    return {refine_like(g, y, c.in(1))};
  }
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

namespace {

// Binary digits that a floating type keeps, with the one that is not written; 0 for others.
int significant_bits(DType dtype, std::string_view float8) {
  if (!float8.empty()) return float8.find("e5m2") != float8.npos ? 3 : 4;
  switch (dtype) {
    case DType::float64: return 53;
    case DType::float32: return 24;
    case DType::float16: return 11;
    case DType::bfloat16: return 8;
    default: return 0;
  }
}

// Numbers without the digits that the narrower type does not have, so that nothing is rounded. NaN
// stays what it is.
ValueId without_low_bits(OpContext& c, std::string_view float8) {
  GraphBuilder& g = c.g;
  const DType to = c.node.type("DstT");
  ValueId x = c.in(0);
  if (is_complex(g.dtype(x)) && significant_bits(to, float8) != 0) {  // the real part alone
    x = g.cast(x, g.dtype(x) == DType::complex64 ? DType::float32 : DType::float64);
  }
  const DType from = g.dtype(x);
  const int low = significant_bits(from, {}) - significant_bits(to, float8);
  const bool narrows = significant_bits(from, {}) != 0 && significant_bits(to, float8) != 0;
  // To bfloat16 TensorFlow truncates float32 alone.
  const bool rounds = float8.empty() && to == DType::bfloat16 && c.dtype(0) != DType::float32;
  if (!narrows || low <= 0 || rounds) return c.in(0);
  const DType bits = size_of(from) == 8   ? DType::int64
                     : size_of(from) == 4 ? DType::int32
                                          : DType::int16;
  const auto same_bits = [&](ValueId value, DType dtype) {
    return g.add1(ops::HostCall{"bitcast", {{"dtype", dtype}}, nullptr}, {value});
  };
  const ValueId mask =
      g.cast(g.constant(Tensor::from(Shape{}, Ints{-(std::int64_t{1} << low)})), bits);
  const ValueId kept = g.binary(BinaryKind::bitwise_and, same_bits(x, bits), mask);
  return g.select(g.unary({UnaryKind::is_nan}, x), x, same_bits(kept, from));
}

}  // namespace

Results cast(OpContext& c) {
  c.expect_count(1);
  const std::string_view float8 = c.node.float8("DstT");
  const ValueId x = c.node.flag("Truncate") ? without_low_bits(c, float8) : c.in(0);
  if (!float8.empty()) {
    if (is_complex(c.dtype(0))) c.refuse("a cast of complex numbers to float8");
    // Rounded once: from float64 as it is, from all else through float32, which holds it.
    const DType wide = c.dtype(0) == DType::float64 ? DType::float64 : DType::float32;
    const ValueId rounded =
        c.g.add1(ops::HostCall{"round_to_float8", {{"kind", std::string(float8)}}, nullptr},
                 {c.g.cast(x, wide)});
    return {c.g.cast(rounded, DType::float32)};
  }
  return {c.g.cast(x, c.node.type("DstT"))};
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
