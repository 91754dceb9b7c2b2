#include "loaders/tf/ops/quantized.h"

#include <algorithm>
#include <limits>

#include "loaders/tf/ops/fused.h"
#include "loaders/tf/ops/run_time_axis.h"

namespace thaw::tf::importers {
namespace {

/// The least and the largest integer of a quantised type.
struct QuantizedLimits {
  double least, most;
};

QuantizedLimits quantized_limits(OpContext& c, DType dtype) {
  switch (dtype) {
    case DType::int8: return {-128, 127};
    case DType::uint8: return {0, 255};
    case DType::int16: return {-32768, 32767};
    case DType::uint16: return {0, 65535};
    case DType::int32: return {-2147483648.0, 2147483647.0};
    default: c.refuse(fmt::format("quantised elements of {}", name_of(dtype)));
  }
}

ValueId float_scalar(OpContext& c, double value) { return c.g.scalar(value, DType::float32); }

ValueId quantized_binary(OpContext& c, BinaryKind kind, ValueId x, ValueId y) {
  return c.g.binary(kind, x, y);
}

/// The integer that stands for `value` in a range.
ValueId number_in_range(OpContext& c, ValueId value, ValueId min, ValueId max, DType type,
                        bool clamped) {
  return c.g.add1(
      ops::HostCall{"quantized_number", {{"type", type}, {"clamped", clamped}}, nullptr},
      {value, min, max});
}

/// Integers counted from the one that stands for zero, as float64, whose sums are exact.
ValueId from_zero(OpContext& c, int x, int min, int max) {
  const ValueId zero =
      number_in_range(c, float_scalar(c, 0), c.in(min), c.in(max), c.dtype(x), false);
  return quantized_binary(c, BinaryKind::sub, c.g.cast(c.in(x), DType::float64),
                          c.g.cast(zero, DType::float64));
}

/// Sums of products as int32 with their range.
Results quantized_sums(OpContext& c, ValueId y, int min_a, int max_a, int min_b, int max_b) {
  const auto step = [&](int operand, int min, int max) {
    const QuantizedLimits limits = quantized_limits(c, c.dtype(operand));
    return quantized_binary(c, BinaryKind::div,
                            quantized_binary(c, BinaryKind::sub, c.in(max), c.in(min)),
                            float_scalar(c, limits.most - limits.least));
  };
  const ValueId level =
      quantized_binary(c, BinaryKind::mul, step(0, min_a, max_a), step(1, min_b, max_b));
  const QuantizedLimits limits = quantized_limits(c, DType::int32);
  return {c.g.cast(y, DType::int32),
          quantized_binary(c, BinaryKind::mul, level, float_scalar(c, limits.least)),
          quantized_binary(c, BinaryKind::mul, level, float_scalar(c, limits.most))};
}

void expect_sums(OpContext& c, const char* attr) {
  if (c.node.type(attr) != DType::int32) {
    c.refuse(fmt::format("attribute {}={}", attr, name_of(c.node.type(attr))));
  }
}

/// [slices] along an axis of x.
ValueId along_axis(OpContext& c, ValueId range, std::int64_t axis) {
  if (axis < 0) return c.g.reshape(range, {});
  Ints axes;
  for (std::int64_t i = axis + 1; i < c.rank(0); ++i) axes.push_back(i - axis);
  return axes.empty() ? range : c.g.add1(ops::ExpandDims{axes}, {range});
}

ValueId round_away(OpContext& c, ValueId x) {
  const ValueId size = c.g.unary({UnaryKind::abs}, x);
  return quantized_binary(c, BinaryKind::mul, c.g.unary({UnaryKind::sign}, x),
                          c.g.unary({UnaryKind::floor}, quantized_binary(c, BinaryKind::add, size,
                                                                         float_scalar(c, 0.5))));
}

// y = x scale + base
struct DequantizeLine {
  ValueId scale, base;
};

DequantizeLine dequantize_line(OpContext& c, int mode, ValueId min, ValueId max) {
  const QuantizedLimits limits = quantized_limits(c, c.dtype(0));
  const ValueId range = quantized_binary(c, BinaryKind::sub, max, min);
  if (mode == 2) {
    const double least = limits.least + (c.node.flag("narrow_range") ? 1 : 0);
    ValueId scale = quantized_binary(c, BinaryKind::div, max, float_scalar(c, limits.most));
    if (limits.least < 0) {
      scale = quantized_binary(c, BinaryKind::maximum,
                               quantized_binary(c, BinaryKind::div, min, float_scalar(c, least)),
                               scale);
    }
    return {scale, float_scalar(c, 0)};
  }
  const ValueId scale =
      quantized_binary(c, BinaryKind::div, range, float_scalar(c, limits.most - limits.least));
  ValueId first = min;
  if (mode == 1) {  // zero is one of the numbers
    const ValueId steps = round_away(c, quantized_binary(c, BinaryKind::div, min, scale));
    first = c.g.select(quantized_binary(c, BinaryKind::equal, min, max), min,
                       quantized_binary(c, BinaryKind::mul, steps, scale));
  }
  return {scale, quantized_binary(
                     c, BinaryKind::sub, first,
                     quantized_binary(c, BinaryKind::mul, scale, float_scalar(c, limits.least)))};
}

}  // namespace

// (x, min, max) -> (y, min, max)
Results quantize(OpContext& c) {
  c.expect_count(3);
  c.one_of("mode", {"MIN_COMBINED", "MIN_FIRST", "SCALED"});
  const bool even = c.one_of("round_mode", {"HALF_AWAY_FROM_ZERO", "HALF_TO_EVEN"}) == 1;
  if (even && c.node.text("mode") != "SCALED") {
    fail(ErrorCode::invalid_argument, "round_mode HALF_TO_EVEN is of the mode SCALED alone");
  }
  return c.g.add(ops::HostCall{"quantize",
                               {{"dtype", c.node.type("T")},
                                {"mode", c.node.text("mode")},
                                {"half_to_even", even},
                                {"narrow_range", c.node.flag("narrow_range")},
                                {"axis", c.node.integer("axis")},
                                {"ensure_minimum_range", c.node.number("ensure_minimum_range")}},
                               nullptr},
                 c.inputs, 3);
}

// (x, min, max) -> (numbers)
Results dequantize(OpContext& c) {
  c.expect_count(3);
  const int mode = c.one_of("mode", {"MIN_COMBINED", "MIN_FIRST", "SCALED"});
  const std::int64_t axis = c.node.integer("axis");
  if (axis >= 0 && axis >= c.rank(0)) fail(ErrorCode::invalid_argument, "axis {}", axis);
  const DequantizeLine line =
      dequantize_line(c, mode, along_axis(c, c.in(1), axis), along_axis(c, c.in(2), axis));
  const ValueId x = c.g.cast(c.in(0), DType::float32);
  const ValueId y = quantized_binary(
      c, BinaryKind::add, quantized_binary(c, BinaryKind::mul, x, line.scale), line.base);
  return {c.g.cast(y, c.node.type("dtype"))};
}

// (x, min, max, new min, new max) -> (y, new min, new max)
Results requantize(OpContext& c) {
  c.expect_count(5);
  return {c.g.add1(ops::HostCall{"requantize", {{"dtype", c.node.type("out_type")}}, nullptr},
                   c.inputs),
          c.in(3), c.in(4)};
}

Results requantization_range(OpContext& c) {
  c.expect_count(3);
  return c.g.add(ops::HostCall{"requantization_range", {}, nullptr}, c.inputs, 2);
}

// The range of what occurs, and the numbers in it.
Results shrink_range(OpContext& c) {
  const Results range = requantization_range(c);
  const ValueId y =
      c.g.add1(ops::HostCall{"requantize", {{"dtype", c.node.type("out_type")}}, nullptr},
               {c.in(0), c.in(1), c.in(2), range[0], range[1]});
  return {y, range[0], range[1]};
}

// (a, b, min a, max a, min b, max b) -> (sums, min, max)
Results quantized_matmul(OpContext& c) {
  c.expect_count(6);
  expect_sums(c, "Toutput");
  const ValueId y = c.g.matmul(from_zero(c, 0, 2, 3), from_zero(c, 1, 4, 5),
                               c.node.flag("transpose_a"), c.node.flag("transpose_b"));
  return quantized_sums(c, y, 2, 3, 4, 5);
}

// (x, filter, min x, max x, min filter, max filter) -> (sums, min, max); what is beyond
// the edge stands for zero.
Results quantized_conv(OpContext& c) {
  c.expect_count(6);
  expect_sums(c, "out_type");
  const ValueId y = channels_last_conv(c, from_zero(c, 0, 2, 3), from_zero(c, 1, 4, 5),
                                       c.node.integers("dilations"));
  return quantized_sums(c, y, 2, 3, 4, 5);
}

Results quantized_bias_add(OpContext& c) {
  c.expect_count(6);
  expect_sums(c, "out_type");
  return c.g.add(ops::HostCall{"quantized_bias_add", {}, nullptr}, c.inputs, 3);
}

// (x, y, min x, max x, min y, max y) -> (sums, min, max)
Results quantized_add(OpContext& c) {
  c.expect_count(6);
  expect_sums(c, "Toutput");
  for (int i = 0; i < 2; ++i) {
    if (c.dtype(i) != DType::uint8) c.refuse(fmt::format("elements of {}", name_of(c.dtype(i))));
  }
  return c.g.add(ops::HostCall{"quantized_add", {}, nullptr}, c.inputs, 3);
}

// (x, y, min x, max x, min y, max y) -> (products, min, max)
Results quantized_mul(OpContext& c) {
  c.expect_count(6);
  expect_sums(c, "Toutput");
  const ValueId y =
      quantized_binary(c, BinaryKind::mul, from_zero(c, 0, 2, 3), from_zero(c, 1, 4, 5));
  return quantized_sums(c, y, 2, 3, 4, 5);
}

// kind: the largest number, 0 for none.
Results quantized_relu(OpContext& c) {
  c.expect_count(3);
  const auto limit = [&](double number) {
    return c.g.cast(number_in_range(c, float_scalar(c, number), c.in(1), c.in(2), c.dtype(0), true),
                    c.dtype(0));
  };
  ValueId y = quantized_binary(c, BinaryKind::maximum, c.in(0), limit(0));
  if (c.kind != 0) y = quantized_binary(c, BinaryKind::minimum, y, limit(c.kind));
  return {y, c.in(1), c.in(2)};
}

// The order of the integers is that of the numbers.
Results quantized_max_pool(OpContext& c) {
  c.expect_count(3);
  const ops::Conv window = channels_last_window(c, c.node.integers("ksize"));
  ops::Pool op;
  op.kind = PoolKind::max;
  op.window = window.dilations;
  op.strides = window.strides;
  op.padding = window.padding;
  const ValueId y = c.g.add1(op, {c.g.cast(c.in(0), DType::float32)});
  return {c.g.cast(y, c.dtype(0)), c.in(1), c.in(2)};
}

// A mean of integers, rounded down: they are not negative.
Results quantized_average_pool(OpContext& c) {
  c.expect_count(3);
  if (c.dtype(0) != DType::uint8) c.refuse(fmt::format("elements of {}", name_of(c.dtype(0))));
  const ops::Conv window = channels_last_window(c, c.node.integers("ksize"));
  ops::Pool op;
  op.kind = PoolKind::average;
  op.window = window.dilations;
  op.strides = window.strides;
  op.padding = window.padding;
  double most = 1;
  for (const std::int64_t size : op.window) most *= static_cast<double>(size);
  // Means are whole multiples of one part of the window: less than that does not change them.
  const ValueId y =
      quantized_binary(c, BinaryKind::add, c.g.add1(op, {c.g.cast(c.in(0), DType::float64)}),
                       c.g.scalar(0.5 / most, DType::float64));
  return {c.g.cast(c.g.unary({UnaryKind::floor}, y), c.dtype(0)), c.in(1), c.in(2)};
}

Results quantized_reshape(OpContext& c) {
  c.expect_count(4);
  return {c.g.add1(ops::Reshape{}, {c.in(0), c.in(1)}), c.in(2), c.in(3)};
}

// (axis, x..., min..., max...) -> (y, min, max): of a range that holds all.
Results quantized_concat(OpContext& c) {
  const int n = (c.count() - 1) / 3;
  if (n < 1 || c.count() != 1 + 3 * n || c.node.list_length("N") != n) {
    fail(ErrorCode::invalid_argument, "{} operands, N is {}", c.count(), c.node.list_length("N"));
  }
  ValueId min = float_scalar(c, 0), max = c.in(1 + 2 * n);
  for (int i = 0; i < n; ++i) {
    min = quantized_binary(c, BinaryKind::minimum, min, c.in(1 + n + i));
    max = quantized_binary(c, BinaryKind::maximum, max, c.in(1 + 2 * n + i));
  }
  std::vector<ValueId> parts;
  for (int i = 0; i < n; ++i) {
    parts.push_back(c.g.add1(ops::HostCall{"requantize", {{"dtype", c.dtype(1)}}, nullptr},
                             {c.in(1 + i), c.in(1 + n + i), c.in(1 + 2 * n + i), min, max}));
  }
  const bool known = c.known_ints(0).has_value();
  return {known ? c.g.concat(parts, c.integer(0, "concat_dim"))
                : concat_at_run_time(c.g, parts, c.in(0)),
          min, max};
}

}  // namespace thaw::tf::importers
