// Functions of single elements.
#include <cmath>

#include "loaders/keras/functions/function_call.h"

namespace thaw::keras {
namespace {

using U = UnaryKind;

const Operand& argument(const OpCall& c) {
  return need_first(c, {"x", "input", "features", "logits", "a", "tensor", "image"});
}

Results unary_op(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(row.op, {c.tensor(argument(c))})};
}

Results pair_op(OpCall& c, const FunctionRow& row) {
  const auto [x, y] = matched(c, need_first(c, {"x", "a", "input"}), need_first(c, {"y", "b"}));
  return {c.tensorflow1(row.op, {x, y})};
}

Results unary_kind(OpCall& c, const FunctionRow& row) {
  return {unary(static_cast<U>(row.kind), c.tensor(argument(c)))};
}

Results add(OpCall& c, const FunctionRow&) {
  const auto [x, y] = matched(c, c.need("x"), c.need("y"));
  return {x + y};
}

// x * y, also of a scalar given first.
Results scalar_product(OpCall& c, const FunctionRow&) {
  const auto [x, y] = matched(c, c.need("scalar"), c.need("x"));
  return {x * y};
}

// Python's /: integers become floats.
Results true_division(OpCall& c, const FunctionRow&) {
  auto [x, y] = matched(c, c.need("x"), c.need("y"));
  if (!is_floating(x.dtype()) && !is_complex(x.dtype())) {
    const DType wide = size_of(x.dtype()) <= 2 ? DType::float32 : DType::float64;
    x = cast(x, wide);
    y = cast(y, wide);
  }
  return {x / y};
}

// tf.compat.v1.div: integers stay.
Results old_division(OpCall& c, const FunctionRow&) {
  const auto [x, y] = matched(c, c.need("x"), c.need("y"));
  return {binary(is_integer(x.dtype()) ? BinaryKind::floor_div : BinaryKind::div, x, y)};
}

Results absolute_of(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor(argument(c));
  return {is_complex(x.dtype()) ? c.tensorflow1("ComplexAbs", {x}) : absolute(x)};
}

Results rounded(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor(argument(c));
  return {is_integer(x.dtype()) ? x : unary(U::round, x)};
}

Results real_or_same(OpCall& c, const FunctionRow& row) {
  const Expr x = c.tensor(argument(c));
  if (!is_complex(x.dtype())) return {x};
  const DType real = x.dtype() == DType::complex128 ? DType::float64 : DType::float32;
  return {row.kind == 0 ? c.tensorflow1(row.op, {x})
                        : c.tensorflow1(row.op, {x}, {{"Tout", real}})};
}

Results clip_by_value(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor(need_first(c, {"t", "x"}));
  return {clip(x, c.tensor(need_first(c, {"clip_value_min", "min_value"}), x.dtype()),
               c.tensor(need_first(c, {"clip_value_max", "max_value"}), x.dtype()))};
}

Results leaky_relu(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor(argument(c));
  return {c.expr(c.g.unary({U::leaky_relu, c.real("alpha", 0.2), 0}, x))};
}

Results relu6(OpCall& c, const FunctionRow&) {
  return {c.expr(c.g.unary({U::clamp, 0, 6}, c.tensor(argument(c))))};
}

Results elu(OpCall& c, const FunctionRow&) {
  return {c.expr(c.g.unary({U::elu, 1, 0}, c.tensor(argument(c))))};
}

Results gelu(OpCall& c, const FunctionRow&) {
  return {unary(c.flag("approximate", false) ? U::gelu_tanh : U::gelu, c.tensor(argument(c)))};
}

Results silu(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor(argument(c));
  const double beta = c.real("beta", 1);
  if (beta == 1) return {unary(U::silu, x)};
  return {x * unary(U::sigmoid, x * beta)};
}

Results crelu(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor(argument(c));
  const int axis = c.axis("axis", x.rank(), -1);
  return {unary(U::relu, concat({x, -x}, axis))};
}

Results cast_of(OpCall& c, const FunctionRow& row) {
  static constexpr DType kTypes[] = {DType::float32,   DType::float64,  DType::int32,
                                     DType::int64,     DType::bfloat16, DType::complex64,
                                     DType::complex128};
  const DType dtype = row.kind > 0 ? kTypes[row.kind - 1] : c.dtype("dtype", DType::invalid);
  if (dtype == DType::invalid) c.bad("dtype is missing");
  return {cast(c.tensor(argument(c)), dtype)};
}

Results saturate_cast(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor("value");
  const DType dtype = c.dtype("dtype", x.dtype());
  if (!is_integer(dtype) || size_of(dtype) > 2) c.unsupported("a saturating cast to a wide type");
  const int bits = static_cast<int>(size_of(dtype)) * 8;
  const bool is_signed = name_of(dtype)[0] == 'i';
  const double high = std::ldexp(1.0, is_signed ? bits - 1 : bits) - 1;
  const double low = is_signed ? -high - 1 : 0;
  return {cast(clip(x, x.number(low), x.number(high)), dtype)};
}

Results same(OpCall& c, const FunctionRow&) { return {c.tensor(argument(c))}; }

Results to_tensor(OpCall& c, const FunctionRow&) {
  return {c.tensor(need_first(c, {"value", "x"}), c.dtype("dtype", DType::invalid))};
}

Results equality(OpCall& c, const FunctionRow& row) {
  const auto [x, y] = matched(c, need_first(c, {"x", "self"}), need_first(c, {"y", "other"}));
  return {binary(row.kind == 0 ? BinaryKind::equal : BinaryKind::not_equal, x, y)};
}

Results sum_of_all(OpCall& c, const FunctionRow&) {
  Results tensors = matched(c, c.need("inputs"));
  Expr sum = tensors[0];
  for (std::size_t i = 1; i < tensors.size(); ++i) sum = sum + tensors[i];
  return {sum};
}

constexpr int k(U kind) { return static_cast<int>(kind); }

}  // namespace

std::span<const FunctionRow> elementwise_functions() {
  static constexpr FunctionRow kRows[] = {
      {"__operators__.add", "x y", add},
      {"__operators__.eq", "self other", equality, "", 0},
      {"__operators__.ne", "self other", equality, "", 1},
      {"bitwise.bitwise_and", "x y", pair_op, "BitwiseAnd"},
      {"bitwise.bitwise_or", "x y", pair_op, "BitwiseOr"},
      {"bitwise.bitwise_xor", "x y", pair_op, "BitwiseXor"},
      {"bitwise.invert", "x", unary_op, "Invert"},
      {"bitwise.left_shift", "x y", pair_op, "LeftShift"},
      {"bitwise.right_shift", "x y", pair_op, "RightShift"},
      {"cast", "x dtype", cast_of, "", 0},
      {"clip_by_value", "t clip_value_min clip_value_max", clip_by_value},
      {"convert_to_tensor", "value dtype", to_tensor},
      {"div", "x y", old_division},
      {"dtypes.saturate_cast", "value dtype", saturate_cast},
      {"floor_div", "x y", pair_op, "FloorDiv"},
      {"grad_pass_through", "x", same},
      {"identity", "input", same},
      {"math.abs", "x", absolute_of},
      {"math.accumulate_n", "inputs", sum_of_all},
      {"math.acos", "x", unary_op, "Acos"},
      {"math.acosh", "x", unary_op, "Acosh"},
      {"math.add", "x y", add},
      {"math.add_n", "inputs", sum_of_all},
      {"math.angle", "input", unary_op, "Angle"},
      {"math.asin", "x", unary_op, "Asin"},
      {"math.asinh", "x", unary_op, "Asinh"},
      {"math.atan", "x", unary_op, "Atan"},
      {"math.atan2", "y x",
       [](OpCall& c, const FunctionRow&) -> Results {
         const auto [y, x] = matched(c, c.need("y"), c.need("x"));
         return {binary(BinaryKind::atan2, y, x)};
       }},
      {"math.atanh", "x", unary_op, "Atanh"},
      {"math.bessel_i0", "x", unary_op, "BesselI0"},
      {"math.bessel_i0e", "x", unary_op, "BesselI0e"},
      {"math.bessel_i1", "x", unary_op, "BesselI1"},
      {"math.bessel_i1e", "x", unary_op, "BesselI1e"},
      {"math.ceil", "x", unary_op, "Ceil"},
      {"math.conj", "x", real_or_same, "Conj", 0},
      {"math.cos", "x", unary_op, "Cos"},
      {"math.cosh", "x", unary_op, "Cosh"},
      {"math.digamma", "x", unary_op, "Digamma"},
      {"math.divide", "x y", true_division},
      {"math.divide_no_nan", "x y", pair_op, "DivNoNan"},
      {"math.equal", "x y", equality, "", 0},
      {"math.erf", "x", unary_op, "Erf"},
      {"math.erfc", "x", unary_op, "Erfc"},
      {"math.erfinv", "x", unary_op, "Erfinv"},
      {"math.exp", "x", unary_op, "Exp"},
      {"math.expm1", "x", unary_op, "Expm1"},
      {"math.floor", "x", unary_op, "Floor"},
      {"math.floordiv", "x y", pair_op, "FloorDiv"},
      {"math.floormod", "x y", pair_op, "FloorMod"},
      {"math.greater", "x y", pair_op, "Greater"},
      {"math.greater_equal", "x y", pair_op, "GreaterEqual"},
      {"math.imag", "input", unary_op, "Imag"},
      {"math.is_finite", "x", unary_op, "IsFinite"},
      {"math.is_inf", "x", unary_op, "IsInf"},
      {"math.is_nan", "x", unary_op, "IsNan"},
      {"math.less", "x y", pair_op, "Less"},
      {"math.less_equal", "x y", pair_op, "LessEqual"},
      {"math.lgamma", "x", unary_op, "Lgamma"},
      {"math.log", "x", unary_op, "Log"},
      {"math.log1p", "x", unary_op, "Log1p"},
      {"math.log_sigmoid", "x", unary_kind, "", k(U::log_sigmoid)},
      {"math.logical_and", "x y", pair_op, "LogicalAnd"},
      {"math.logical_not", "x", unary_op, "LogicalNot"},
      {"math.logical_or", "x y", pair_op, "LogicalOr"},
      {"math.logical_xor", "x y",
       [](OpCall& c, const FunctionRow&) -> Results {
         const auto [x, y] = matched(c, c.need("x"), c.need("y"));
         return {binary(BinaryKind::logical_xor, x, y)};
       }},
      {"math.maximum", "x y", pair_op, "Maximum"},
      {"math.minimum", "x y", pair_op, "Minimum"},
      {"math.multiply", "x y", pair_op, "Mul"},
      {"math.multiply_no_nan", "x y", pair_op, "MulNoNan"},
      {"math.ndtri", "x", unary_op, "Ndtri"},
      {"math.negative", "x", unary_op, "Neg"},
      {"math.nextafter", "x y", pair_op, "NextAfter"},
      {"math.not_equal", "x y", equality, "", 1},
      {"math.pow", "x y", pair_op, "Pow"},
      {"math.real", "input", real_or_same, "Real", 1},
      {"math.reciprocal", "x", unary_op, "Reciprocal"},
      {"math.reciprocal_no_nan", "x",
       [](OpCall& c, const FunctionRow&) -> Results {
         const Expr x = c.tensor("x");
         return {binary(BinaryKind::div_no_nan, x.number(1), x)};
       }},
      {"math.rint", "x", unary_op, "Rint"},
      {"math.round", "x", rounded},
      {"math.rsqrt", "x", unary_op, "Rsqrt"},
      {"math.scalar_mul", "scalar x", scalar_product},
      {"math.sigmoid", "x", unary_op, "Sigmoid"},
      {"math.sign", "x", unary_op, "Sign"},
      {"math.sin", "x", unary_op, "Sin"},
      {"math.sinh", "x", unary_op, "Sinh"},
      {"math.softplus", "features", unary_op, "Softplus"},
      {"math.softsign", "features", unary_op, "Softsign"},
      {"math.sqrt", "x", unary_op, "Sqrt"},
      {"math.square", "x", unary_op, "Square"},
      {"math.squared_difference", "x y", pair_op, "SquaredDifference"},
      {"math.subtract", "x y", pair_op, "Sub"},
      {"math.tan", "x", unary_op, "Tan"},
      {"math.tanh", "x", unary_op, "Tanh"},
      {"math.truediv", "x y", true_division},
      {"math.xdivy", "x y", pair_op, "Xdivy"},
      {"math.xlog1py", "x y", pair_op, "Xlog1py"},
      {"math.xlogy", "x y", pair_op, "Xlogy"},
      {"nn.crelu", "features axis", crelu},
      {"nn.elu", "features", elu},
      {"nn.gelu", "features approximate", gelu},
      {"nn.leaky_relu", "features alpha", leaky_relu},
      {"nn.relu", "features", unary_op, "Relu"},
      {"nn.relu6", "features", relu6},
      {"nn.selu", "features", unary_op, "Selu"},
      {"nn.silu", "features beta", silu},
      {"nn.softplus", "features", unary_op, "Softplus"},
      {"nn.softsign", "features", unary_op, "Softsign"},
      {"nn.swish", "features beta", silu},
      {"realdiv", "x y", pair_op, "RealDiv"},
      {"stop_gradient", "input", same},
      {"to_bfloat16", "x", cast_of, "", 5},
      {"to_complex128", "x", cast_of, "", 7},
      {"to_complex64", "x", cast_of, "", 6},
      {"to_double", "x", cast_of, "", 2},
      {"to_float", "x", cast_of, "", 1},
      {"to_int32", "x", cast_of, "", 3},
      {"to_int64", "x", cast_of, "", 4},
      {"truncatediv", "x y", pair_op, "TruncateDiv"},
      {"truncatemod", "x y", pair_op, "TruncateMod"},
  };
  return kRows;
}

}  // namespace thaw::keras
