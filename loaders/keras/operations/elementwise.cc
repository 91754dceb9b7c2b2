// Arithmetic, comparisons, bits and scalar functions of Keras 3.
#include <cmath>
#include <numbers>

#include "loaders/keras/operations/shared.h"

namespace thaw::keras {
namespace {

using B = BinaryKind;
using U = UnaryKind;

// Python numbers adapt to the tensor.
Expr arithmetic(OpCall& c) {
  auto [x, y] = c.promoted("x1", "x2");
  const auto kind = c.kind<B>();
  const DType dtype = x.dtype();
  const bool truth = dtype == DType::boolean;
  if (truth && kind == B::mul) return x & y;
  if (truth && (kind == B::add || kind == B::maximum)) return x | y;
  if (truth && kind == B::minimum) return x & y;
  return binary(kind, x, y);
}

Expr power_of(OpCall& c) {
  auto [x, y] = c.promoted("x1", "x2");
  const DType dtype = x.dtype();
  const bool is_unsigned = is_integer(dtype) && name_of(dtype)[0] == 'u';
  if (!is_unsigned) return power(x, y);
  return cast(power(c.tensor("x1", DType::int32), c.tensor("x2", DType::int32)), dtype);
}

Expr division(OpCall& c) {
  auto [x, y] = c.promoted("x1", "x2", true);
  return binary(c.kind<B>(), x, y);
}

Expr comparison(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  if (x.dtype() == DType::boolean && c.kind<B>() != B::equal && c.kind<B>() != B::not_equal)
    c.unsupported("an order of bools");
  return binary(c.kind<B>(), x, y);
}

Expr logical(OpCall& c) {
  return binary(c.kind<B>(), cast(c.tensor("x1"), DType::boolean),
                cast(c.tensor("x2"), DType::boolean));
}

Expr logical_not(OpCall& c) { return !cast(c.tensor("x"), DType::boolean); }

Expr bitwise(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x", "y");
  if (x.dtype() == DType::boolean) c.unsupported("bits of bools");
  return binary(c.kind<B>(), x, y);
}

// A Python number has the other operand's type here.
Expr shift(OpCall& c) {
  const Operand& by = c.need("y");
  if (c.type(by).weak) {
    const Expr x = c.tensor("x");
    return binary(c.kind<B>(), x, c.tensor(by, x.dtype()));
  }
  return bitwise(c);
}

Expr bitwise_not(OpCall& c) { return unary(U::bitwise_not, c.tensor("x")); }

// Computed in floats.
Expr real_function(OpCall& c) { return unary(c.kind<U>(), floating(c.tensor("x"))); }

Expr magnitude(OpCall& c) {
  const Expr x = c.tensor("x");
  const DType dtype = x.dtype();
  if (dtype == DType::boolean || name_of(dtype)[0] == 'u') return x;
  return is_complex(dtype) ? c.tensorflow1("ComplexAbs", {x}) : absolute(x);
}

Expr fabs_of(OpCall& c) { return absolute(floating(c.tensor("x"))); }
Expr negative(OpCall& c) { return -c.tensor("x"); }
Expr reciprocal(OpCall& c) { return unary(U::reciprocal, c.tensor("x")); }
Expr rsqrt(OpCall& c) { return unary(U::rsqrt, c.tensor("x")); }

Expr square_of(OpCall& c) {
  const Expr x = c.tensor("x");
  return square(x.dtype() == DType::boolean ? cast(x, DType::int32) : x);
}

Expr sign(OpCall& c) {
  const Expr x = c.tensor("x");
  if (x.dtype() == DType::boolean) c.unsupported("the sign of a bool");
  return unary(U::sign, x);
}

// log of another base: 2 or 10.
Expr log_of_base(OpCall& c) {
  const Expr x = floating(c.tensor("x"));
  return log(x) / std::log(static_cast<double>(c.row.kind));
}

Expr exp2(OpCall& c) {
  const Expr x = floating(c.tensor("x"));
  return power(x.number(2), x);
}

Expr trunc(OpCall& c) {
  const Expr x = c.tensor("x");
  if (!is_floating(x.dtype())) return x;
  return select(x < 0.0, unary(U::ceil, x), unary(U::floor, x));
}

Expr round_of(OpCall& c) {
  const Expr x = c.tensor("x");
  const std::int64_t decimals = c.integer("decimals", 0);
  if (decimals == 0) return x.dtype() == DType::boolean ? x : unary(U::round, x);
  const bool whole = !is_floating(x.dtype());
  if (whole && decimals > 0) return x;
  const double factor = std::pow(10.0, static_cast<double>(decimals));
  const Expr y = whole ? cast(x, DType::float32) : x;
  return cast(unary(U::round, y * factor) / factor, x.dtype());
}

// Small integers become float32, int64 float64.
DType wide_floating(DType dtype) {
  if (dtype == DType::int64) return DType::float64;
  return floating_type(dtype);
}

Expr degrees(OpCall& c) {
  const Expr x = c.tensor("x");
  const Expr y = cast(x, wide_floating(x.dtype()));
  const Expr pi = y.number(std::numbers::pi), half = y.number(180);
  return c.row.kind == 0 ? y * (pi / half) : y * (half / pi);
}

Expr cbrt_of(OpCall& c) {
  const Expr x = c.tensor("x");
  const Expr y = cast(x, wide_floating(x.dtype()));
  return unary(U::sign, y) * power(absolute(y), y.number(1.0 / 3.0));
}

Expr sinc(OpCall& c) {
  const Expr x = floating(c.tensor("x"));
  const Expr angle = x * std::numbers::pi;
  return select(x == 0.0, 1.0, unary(U::sin, angle) / angle);
}

Expr heaviside(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  const DType dtype = wide_floating(x.dtype());
  x = cast(x, dtype);
  y = cast(y, dtype);
  return select(x < 0.0, 0.0, select(x > 0.0, 1.0, y));
}

Expr hypot_of(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  const DType dtype = wide_floating(x.dtype());
  const Expr a = absolute(cast(x, dtype)), b = absolute(cast(y, dtype));
  const Expr most = maximum(a, b);
  return most * sqrt(1.0 + square(binary(B::div_no_nan, minimum(a, b), most)));
}

Expr arctan2(OpCall& c) {
  auto [y, x] = c.promoted_tensors("x1", "x2", true);
  return binary(B::atan2, y, x);
}

Expr ldexp_of(OpCall& c) {
  auto [x, exponent] = c.promoted_tensors("x1", "x2", true);
  if (!is_integer(c.tensor("x2").dtype())) c.bad("x2 must be integers");
  const Expr result = x * power(x.number(2), exponent);
  return select(unary(U::is_inf, x) | (x == 0.0), x, result);
}

// log(e^x + e^y), or in base 2.
Expr log_add(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2", true);
  const Expr delta = x - y, most = maximum(x, y);
  const double scale = c.row.kind == 0 ? 1.0 : std::numbers::ln2;
  const Expr rest = unary(U::log1p, exp(-(absolute(delta) * scale))) / scale;
  return select(is_nan(delta), x + y, most + rest);
}

Expr modulo(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  if (x.dtype() == DType::boolean) {
    x = cast(x, DType::int32);
    y = cast(y, DType::int32);
  }
  return binary(B::floor_mod, x, y);
}

// The sign is the dividend's.
Expr fmod_of(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  const DType dtype = x.dtype() == DType::boolean ? DType::int32 : x.dtype();
  const bool narrow = dtype == DType::uint8 || dtype == DType::uint16 || dtype == DType::uint32;
  const DType compute = narrow ? DType::int32 : dtype;
  x = cast(x, compute);
  y = cast(y, compute);
  return cast(unary(U::sign, x) * binary(B::floor_mod, absolute(x), absolute(y)), dtype);
}

Expr clip_of(OpCall& c) {
  Expr x = c.tensor("x");
  if (x.dtype() == DType::boolean) x = cast(x, DType::int32);
  return clip(x, c.tensor("x_min", x.dtype()), c.tensor("x_max", x.dtype()));
}

Expr where(OpCall& c) {
  if (!c.has("x1") || !c.has("x2"))
    c.unsupported("a single argument, whose result has as many elements as are true");
  auto [x, y] = c.promoted("x1", "x2");
  return select(cast(c.tensor("condition"), DType::boolean), x, y);
}

// The first condition that holds decides.
Expr select_of(OpCall& c) {
  const Results conditions = c.tensors("condlist");
  std::vector<Operand> choices = items_of(c.need("choicelist"));
  if (choices.size() != conditions.size())
    c.bad(std::to_string(conditions.size()) + " conditions for " + std::to_string(choices.size()) +
          " choices");
  Results values;
  for (const Operand& choice : choices) values.push_back(c.tensor(choice));
  Operand zero;
  zero.value = Json(std::int64_t{0});
  const Operand* given = c.find("default");
  const Operand& otherwise = given != nullptr ? *given : zero;
  // TensorFlow's numpy promotes here, for which a Python number is weak too.
  std::vector<ArgumentType> types{c.type(otherwise)};
  for (const Expr& value : values) types.push_back({value.dtype(), false});
  const DType dtype = result_type(types);
  Expr result = c.tensor(otherwise, dtype);
  for (std::size_t i = values.size(); i-- > 0;) {
    result = select(cast(conditions[i], DType::boolean), cast(values[i], dtype), result);
  }
  return result;
}

// gcd by Euclid, as many rounds as the widest type can need, without branches.
Expr greatest_divisor(Expr x, Expr y) {
  const int rounds = size_of(x.dtype()) == 8 ? 92 : size_of(x.dtype()) == 4 ? 46 : 24;
  const bool is_signed = name_of(x.dtype())[0] != 'u';
  Expr a = is_signed ? absolute(x) : x, b = is_signed ? absolute(y) : y;
  for (int i = 0; i < rounds; ++i) {
    const Expr safe = select(b == 0.0, 1.0, b);
    const Expr rest = select(b == 0.0, 0.0, binary(B::floor_mod, a, safe));
    a = select(b == 0.0, a, b);
    b = rest;
  }
  return a;
}

Expr gcd_of(OpCall& c) {
  auto [x, y] = c.promoted_tensors("x1", "x2");
  if (!is_integer(x.dtype())) c.bad("expected integers");
  const Expr a = greatest_divisor(x, y);
  if (c.row.kind == 0) return a;
  const bool is_signed = name_of(x.dtype())[0] != 'u';
  if (is_signed) {
    x = absolute(x);
    y = absolute(y);
  }
  const Expr none = a == 0.0;
  const Expr multiple = x * binary(B::floor_div, y, select(none, 1.0, a));
  return select(none, 0.0, multiple);
}

Expr nextafter(OpCall& c) {
  const Expr x = c.tensor("x1"), y = c.tensor("x2");
  const DType dtype = floating_type(x.dtype(), y.dtype());
  return cast(c.tensorflow1("NextAfter", {cast(x, DType::float64), cast(y, DType::float64)}),
              dtype);
}

}  // namespace

Expr floating(Expr x) { return cast(x, floating_type(x.dtype())); }

std::span<const OperationRow> elementwise_operations() {
  static constexpr OperationRow kRows[] = {
      {"Abs", "x", magnitude},
      {"Absolute", "x", magnitude},
      {"Add", "x1 x2", arithmetic, B::add},
      {"Arccos", "x", real_function, U::acos},
      {"Arccosh", "x", real_function, U::acosh},
      {"Arcsin", "x", real_function, U::asin},
      {"Arcsinh", "x", real_function, U::asinh},
      {"Arctan", "x", real_function, U::atan},
      {"Arctan2", "x1 x2", arctan2},
      {"Arctanh", "x", real_function, U::atanh},
      {"BitwiseAnd", "x y", bitwise, B::bitwise_and},
      {"BitwiseInvert", "x", bitwise_not},
      {"BitwiseLeftShift", "x y", shift, B::left_shift},
      {"BitwiseNot", "x", bitwise_not},
      {"BitwiseOr", "x y", bitwise, B::bitwise_or},
      {"BitwiseRightShift", "x y", shift, B::right_shift},
      {"BitwiseXor", "x y", bitwise, B::bitwise_xor},
      {"Cbrt", "x", cbrt_of},
      {"Ceil", "x", real_function, U::ceil},
      {"Clip", "x", clip_of},
      {"Cos", "x", real_function, U::cos},
      {"Cosh", "x", real_function, U::cosh},
      {"Deg2rad", "x", degrees, 0},
      {"Divide", "x1 x2", division, B::div},
      {"DivideNoNan", "x1 x2", division, B::div_no_nan},
      {"Equal", "x1 x2", comparison, B::equal},
      {"Erf", "x", real_function, U::erf},
      {"Erfc", "x", real_function, U::erfc},
      {"Exp", "x", real_function, U::exp},
      {"Exp2", "x", exp2},
      {"Expm1", "x", real_function, U::expm1},
      {"Fabs", "x", fabs_of},
      {"Floor", "x", real_function, U::floor},
      {"FloorDivide", "x1 x2", arithmetic, B::floor_div},
      {"Fmod", "x1 x2", fmod_of},
      {"Gcd", "x1 x2", gcd_of, 0},
      {"Greater", "x1 x2", comparison, B::greater},
      {"GreaterEqual", "x1 x2", comparison, B::greater_equal},
      {"Heaviside", "x1 x2", heaviside},
      {"Hypot", "x1 x2", hypot_of},
      {"Lcm", "x1 x2", gcd_of, 1},
      {"Ldexp", "x1 x2", ldexp_of},
      {"LeftShift", "x y", shift, B::left_shift},
      {"Less", "x1 x2", comparison, B::less},
      {"LessEqual", "x1 x2", comparison, B::less_equal},
      {"Log", "x", real_function, U::log},
      {"Log10", "x", log_of_base, 10},
      {"Log1p", "x", real_function, U::log1p},
      {"Log2", "x", log_of_base, 2},
      {"Logaddexp", "x1 x2", log_add, 0},
      {"Logaddexp2", "x1 x2", log_add, 1},
      {"LogicalAnd", "x1 x2", logical, B::logical_and},
      {"LogicalNot", "x", logical_not},
      {"LogicalOr", "x1 x2", logical, B::logical_or},
      {"LogicalXor", "x1 x2", logical, B::logical_xor},
      {"Maximum", "x1 x2", arithmetic, B::maximum},
      {"Minimum", "x1 x2", arithmetic, B::minimum},
      {"Mod", "x1 x2", modulo},
      {"Multiply", "x1 x2", arithmetic, B::mul},
      {"Negative", "x", negative},
      {"Nextafter", "x1 x2", nextafter},
      {"NotEqual", "x1 x2", comparison, B::not_equal},
      {"Power", "x1 x2", power_of},
      {"Rad2deg", "x", degrees, 1},
      {"Reciprocal", "x", reciprocal},
      {"RightShift", "x y", shift, B::right_shift},
      {"Round", "x", round_of},
      {"Rsqrt", "x", rsqrt},
      {"Select", "condlist choicelist default", select_of},
      {"Sign", "x", sign},
      {"Sin", "x", real_function, U::sin},
      {"Sinc", "x", sinc},
      {"Sinh", "x", real_function, U::sinh},
      {"Sqrt", "x", real_function, U::sqrt},
      {"Square", "x", square_of},
      {"Subtract", "x1 x2", arithmetic, B::sub},
      {"Tan", "x", real_function, U::tan},
      {"Tanh", "x", real_function, U::tanh},
      {"TrueDivide", "x1 x2", division, B::div},
      {"Trunc", "x", trunc},
      {"Where", "condition x1 x2", where},
  };
  return kRows;
}

}  // namespace thaw::keras
