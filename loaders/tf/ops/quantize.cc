// Simulated quantisation.
#include <algorithm>

#include "loaders/tf/ops/numeric.h"

namespace thaw::tf::importers {

// kind: the op's version. The first one has the range as attributes, the second has the number of
// bits as an attribute, the others as operands.
Results quantize_and_dequantize(OpContext& c) {
  c.expect_count(c.kind == 1 ? 1 : c.kind == 3 ? 4 : 3);
  std::vector<ValueId> inputs{c.in(0)};
  std::int64_t axis = -1;
  bool narrow = false;
  std::string rounding = "HALF_TO_EVEN";
  if (c.kind == 1) {
    inputs.push_back(c.g.scalar(c.node.number("input_min"), c.dtype(0)));
    inputs.push_back(c.g.scalar(c.node.number("input_max"), c.dtype(0)));
  } else {
    inputs.push_back(c.in(1));
    inputs.push_back(c.in(2));
    axis = c.node.integer("axis");
    narrow = c.node.flag("narrow_range");
  }
  if (c.kind == 2 || c.kind == 4) {
    c.one_of("round_mode", {"HALF_TO_EVEN", "HALF_UP"});
    rounding = c.node.text("round_mode");
  }
  inputs.push_back(
      c.kind == 3
          ? c.in(3)
          : c.g.cast(c.g.scalar(static_cast<double>(c.node.integer("num_bits")), DType::int64),
                     DType::int64));
  return {c.g.add1(ops::HostCall{"quantize_and_dequantize",
                                 {{"signed_input", c.node.flag("signed_input")},
                                  {"range_given", c.node.flag("range_given")},
                                  {"narrow_range", narrow},
                                  {"round_mode", rounding},
                                  {"axis", axis}},
                                 nullptr},
                   std::move(inputs))};
}

namespace {

/// What rounding to a grid needs: its first and last point, its step, and steps per one.
struct Grid {
  ValueId low, high, scale, inverse;
};

// The range is shifted so that zero is a point of the grid.
Grid nudge(GraphBuilder& g, ValueId min, ValueId max, double first, double last) {
  const auto number = [&](double value) { return g.scalar(value, g.dtype(min)); };
  const auto binary = [&](BinaryKind kind, ValueId x, ValueId y) { return g.binary(kind, x, y); };
  const ValueId range = binary(BinaryKind::sub, max, min);
  const ValueId scale = binary(BinaryKind::div, range, number(last - first));
  const ValueId zero = binary(BinaryKind::sub, number(first), binary(BinaryKind::div, min, scale));
  // Round half away from zero; the zero point is not negative once it is clamped.
  const ValueId whole = g.unary({UnaryKind::floor}, zero);
  const ValueId up =
      g.cast(binary(BinaryKind::greater_equal, binary(BinaryKind::sub, zero, whole), number(0.5)),
             g.dtype(min));
  ValueId point = binary(BinaryKind::add, whole, up);
  point = g.select(binary(BinaryKind::less, zero, number(first)), number(first), point);
  point = g.select(binary(BinaryKind::greater, zero, number(last)), number(last), point);
  return {binary(BinaryKind::mul, binary(BinaryKind::sub, number(first), point), scale),
          binary(BinaryKind::mul, binary(BinaryKind::sub, number(last), point), scale), scale,
          binary(BinaryKind::div, number(last - first), range)};
}

}  // namespace

// kind 0: the range in attributes; 1: scalars; 2: one range per channel, the last dimension.
Results fake_quant(OpContext& c) {
  c.expect_count(c.kind == 0 ? 1 : 3);
  GraphBuilder& g = c.g;
  const std::int64_t bits = c.node.integer("num_bits");
  if (bits < 2 || bits > 16) {
    fail(ErrorCode::invalid_argument, "num_bits must be between 2 and 16, is {}", bits);
  }
  const double first = c.node.flag("narrow_range") ? 1 : 0;
  const double last = static_cast<double>((std::int64_t{1} << bits) - 1);
  const DType dtype = c.dtype(0);
  const ValueId min = c.kind == 0 ? g.scalar(c.node.number("min"), dtype) : c.in(1);
  const ValueId max = c.kind == 0 ? g.scalar(c.node.number("max"), dtype) : c.in(2);
  const Grid grid = nudge(g, min, max, first, last);
  const auto binary = [&](BinaryKind kind, ValueId x, ValueId y) { return g.binary(kind, x, y); };
  const ValueId half = g.scalar(0.5, dtype), none = g.scalar(0, dtype);
  // Counted from zero's point, so that zero stays exact.
  const ValueId zero = g.unary(
      {UnaryKind::floor},
      binary(BinaryKind::add,
             binary(BinaryKind::mul, g.unary({UnaryKind::neg}, grid.low), grid.inverse), half));
  ValueId y =
      binary(BinaryKind::maximum, binary(BinaryKind::minimum, c.in(0), grid.high), grid.low);
  y = binary(BinaryKind::mul, binary(BinaryKind::sub, y, grid.low), grid.inverse);
  y = g.unary({UnaryKind::floor}, binary(BinaryKind::add, binary(BinaryKind::sub, y, zero), half));
  y = binary(BinaryKind::mul, y, grid.scale);
  if (c.kind == 0) return {y};
  // A range of nothing gives zeros; most ranges are known.
  const ValueId empty = binary(BinaryKind::logical_and, binary(BinaryKind::equal, min, none),
                               binary(BinaryKind::equal, max, none));
  const Tensor* known = g.constant_of(empty);
  if (known != nullptr &&
      std::none_of(known->data<bool>(), known->data<bool>() + known->num_elements(),
                   [](bool nothing) { return nothing; })) {
    return {y};
  }
  return {g.select(empty, none, y)};
}

}  // namespace thaw::tf::importers
