// The scalar functions of unary and binary ops on floats, in the type they are computed in. The
// kind is known at run time: a branch that all threads take alike costs nothing beside the memory.
#pragma once

#include <cmath>

#include "kernels/cuda/element.cuh"
#include "runtime/ir/op_attributes.h"

namespace thaw::cuda {

/// A unary function with its parameters rounded to the type that it computes in.
template <class C>
struct Function {
  UnaryKind kind = UnaryKind::linear;
  C alpha = 0, beta = 0;
};

/// `dtype` is the elements': 16-bit floats take their parameters as float32.
template <class C>
Function<C> function_of(const UnaryFn& fn, DType dtype) {
  if (dtype == DType::float64) return {fn.kind, static_cast<C>(fn.alpha), static_cast<C>(fn.beta)};
  return {fn.kind, static_cast<C>(static_cast<float>(fn.alpha)),
          static_cast<C>(static_cast<float>(fn.beta))};
}

// These keep a NaN x.
template <class C>
THAW_HOST_DEVICE C at_least(C x, C low) {
  return x < low ? low : x;
}
template <class C>
THAW_HOST_DEVICE C at_most(C x, C high) {
  return x > high ? high : x;
}

template <class C>
THAW_HOST_DEVICE C sigmoid(C x) {
  if (x >= 0) return 1 / (1 + std::exp(-x));
  const C e = std::exp(x);
  return e / (1 + e);
}

template <class C>
THAW_HOST_DEVICE C softplus(C x) {
  return at_least(x, C{0}) + std::log1p(std::exp(-std::fabs(x)));
}

/// Logarithmic derivative of the gamma function; NaN at its poles.
THAW_HOST_DEVICE inline double digamma(double x) {
  constexpr double kPi = 3.14159265358979323846;
  if (x == highest<double>()) return x;
  if (!(x > lowest<double>()) || (x <= 0 && x == std::floor(x))) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  double result = 0;
  if (x < 0) {  // reflection; the fractional part keeps tan exact for large |x|
    result = -kPi / std::tan(kPi * (x - std::floor(x)));
    x = 1 - x;
  }
  for (; x < 10; x += 1) result -= 1 / x;
  const double r = 1 / (x * x);
  const double series =
      r * (1. / 12 -
           r * (1. / 120 -
                r * (1. / 252 - r * (1. / 240 - r * (1. / 132 - r * (691. / 32760 - r / 12))))));
  return result + std::log(x) - 0.5 / x - series;
}

// lgamma writes a global on the host, and float32 lacks digits near its roots.
THAW_HOST_DEVICE inline double log_gamma(double x) {
#ifdef __CUDA_ARCH__
  return ::lgamma(x);
#else
  int sign = 0;
  return ::lgamma_r(x, &sign);
#endif
}

template <class C>
THAW_HOST_DEVICE C hard_sigmoid(const Function<C>& fn, C x) {
  return at_most(at_least(fn.alpha * x + fn.beta, C{0}), C{1});
}

template <class C>
THAW_HOST_DEVICE C celu(C x, C alpha) {
  if (x != x) return x;
  return at_least(x, C{0}) + at_most(alpha * std::expm1(x / alpha), C{0});
}

template <class C>
THAW_HOST_DEVICE C soft_shrink(C x, C threshold) {
  if (x > threshold) return x - threshold;
  if (x < -threshold) return x + threshold;
  return x != x ? x : C{0};
}

template <class C>
THAW_HOST_DEVICE C gelu_tanh(C x) {
  constexpr C kScale = C(0.7978845608028654);  // sqrt(2 / pi)
  return C(0.5) * x * (1 + std::tanh(kScale * (x + C(0.044715) * x * x * x)));
}

/// Infinite x included: its difference with itself is no number.
template <class C>
THAW_HOST_DEVICE bool is_finite(C x) {
  return x - x == 0;
}

// clang-format off
/// A call and not inline: its many functions would be compiled into every place that has a fused
/// activation.
template <class C>
THAW_NOINLINE THAW_HOST_DEVICE C apply(const Function<C>& fn, C x) {
  switch (fn.kind) {
    case UnaryKind::linear: return x;
    case UnaryKind::abs: return std::fabs(x);
    case UnaryKind::neg: return -x;
    case UnaryKind::sign: return x != x ? x : static_cast<C>((x > 0) - (x < 0));
    case UnaryKind::square: return x * x;
    case UnaryKind::sqrt: return std::sqrt(x);
    case UnaryKind::rsqrt: return 1 / std::sqrt(x);
    case UnaryKind::reciprocal: return 1 / x;
    case UnaryKind::exp: return std::exp(x);
    case UnaryKind::expm1: return std::expm1(x);
    case UnaryKind::log: return std::log(x);
    case UnaryKind::log1p: return std::log1p(x);
    case UnaryKind::sin: return std::sin(x);
    case UnaryKind::cos: return std::cos(x);
    case UnaryKind::tan: return std::tan(x);
    case UnaryKind::asin: return std::asin(x);
    case UnaryKind::acos: return std::acos(x);
    case UnaryKind::atan: return std::atan(x);
    case UnaryKind::sinh: return std::sinh(x);
    case UnaryKind::cosh: return std::cosh(x);
    case UnaryKind::tanh: return std::tanh(x);
    case UnaryKind::asinh: return std::asinh(x);
    case UnaryKind::acosh: return std::acosh(x);
    case UnaryKind::atanh: return std::atanh(x);
    case UnaryKind::erf: return std::erf(x);
    case UnaryKind::erfc: return std::erfc(x);
    case UnaryKind::floor: return std::floor(x);
    case UnaryKind::ceil: return std::ceil(x);
    case UnaryKind::round: return std::nearbyint(x);  // half to even
    case UnaryKind::is_nan: return x != x;
    case UnaryKind::is_inf: return x == x && !is_finite(x);
    case UnaryKind::is_finite: return is_finite(x);
    case UnaryKind::sigmoid: return sigmoid(x);
    case UnaryKind::log_sigmoid: return -softplus(-x);
    case UnaryKind::relu: return at_least(x, C{0});
    case UnaryKind::clamp: return at_most(at_least(x, fn.alpha), fn.beta);
    case UnaryKind::leaky_relu: return x < 0 ? fn.alpha * x : x;
    case UnaryKind::threshold_relu: return x > fn.alpha ? x : C{0};
    case UnaryKind::elu: return x < 0 ? fn.alpha * std::expm1(x) : x;
    case UnaryKind::selu:
      return C(1.0507009873554805) * (x < 0 ? C(1.6732632423543772) * std::expm1(x) : x);
    case UnaryKind::celu: return celu(x, fn.alpha);
    case UnaryKind::softplus: return softplus(x);
    case UnaryKind::softsign: return x / (1 + std::fabs(x));
    case UnaryKind::hard_sigmoid: return hard_sigmoid(fn, x);
    case UnaryKind::gelu: return C(0.5) * x * std::erfc(-x * C(0.7071067811865476));
    case UnaryKind::gelu_tanh: return gelu_tanh(x);
    case UnaryKind::silu: return x * sigmoid(x);
    case UnaryKind::hard_silu: return x * hard_sigmoid(fn, x);
    case UnaryKind::mish: return x * std::tanh(softplus(x));
    case UnaryKind::tanh_shrink: return x - std::tanh(x);
    case UnaryKind::soft_shrink: return soft_shrink(x, fn.alpha);
    case UnaryKind::hard_shrink: return std::fabs(x) <= fn.alpha ? C{0} : x;
    case UnaryKind::sparse_plus:
      return x <= -1 ? C{0} : x < 1 ? (x + 1) * (x + 1) / 4 : x;
    case UnaryKind::squareplus: return (x + std::sqrt(x * x + fn.alpha)) / 2;
    case UnaryKind::lgamma: return static_cast<C>(log_gamma(x));
    case UnaryKind::digamma: return static_cast<C>(digamma(x));
    case UnaryKind::logical_not:
    case UnaryKind::bitwise_not: break;  // not of floats
  }
  return x;
}

/// The same with the usual gates and activations in line.
template <class C>
THAW_HOST_DEVICE C activate(const Function<C>& fn, C x) {
  if (fn.kind == UnaryKind::linear) return x;
  if (fn.kind == UnaryKind::sigmoid) return sigmoid(x);
  if (fn.kind == UnaryKind::tanh) return std::tanh(x);
  if (fn.kind == UnaryKind::relu) return at_least(x, C{0});
  return apply(fn, x);
}

/// The remainder with the divisor's sign.
template <class C>
THAW_HOST_DEVICE C floor_mod(C x, C y) {
  const C remainder = std::fmod(x, y);
  return remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder;
}

/// Kinds whose result has the operands' type; see has_float_form.
template <class C>
THAW_HOST_DEVICE C apply(BinaryKind kind, C x, C y) {
  switch (kind) {
    case BinaryKind::add: return x + y;
    case BinaryKind::sub: return x - y;
    case BinaryKind::mul: return x * y;
    case BinaryKind::div: return x / y;
    case BinaryKind::floor_div: return std::floor(x / y);
    case BinaryKind::floor_mod: return floor_mod(x, y);
    case BinaryKind::truncate_div: return std::trunc(x / y);
    case BinaryKind::truncate_mod: return std::fmod(x, y);
    case BinaryKind::div_no_nan: return y == 0 ? C{0} : x / y;
    case BinaryKind::mul_no_nan: return y == 0 ? C{0} : x * y;
    case BinaryKind::xdivy: return x == 0 ? C{0} : x / y;
    case BinaryKind::xlogy: return x == 0 ? C{0} : x * std::log(y);
    case BinaryKind::pow: return std::pow(x, y);
    case BinaryKind::maximum: return x != x || x > y ? x : y;
    case BinaryKind::minimum: return x != x || x < y ? x : y;
    case BinaryKind::squared_difference: return (x - y) * (x - y);
    case BinaryKind::atan2: return std::atan2(x, y);
    default: return x;
  }
}

template <class C>
THAW_HOST_DEVICE bool compare(BinaryKind kind, C x, C y) {
  switch (kind) {
    case BinaryKind::equal: return x == y;
    case BinaryKind::not_equal: return x != y;
    case BinaryKind::less: return x < y;
    case BinaryKind::less_equal: return x <= y;
    case BinaryKind::greater: return x > y;
    case BinaryKind::greater_equal: return x >= y;
    default: return false;
  }
}
// clang-format on

inline bool is_comparison(BinaryKind kind) {
  return kind >= BinaryKind::equal && kind <= BinaryKind::greater_equal;
}
/// Comparisons aside.
inline bool has_float_form(BinaryKind kind) { return kind <= BinaryKind::atan2; }

}  // namespace thaw::cuda
