#include "kernels/reference/scalar.h"

#include <cmath>

#include "runtime/base/check.h"

namespace thaw::reference {
namespace {

// Keep a NaN x, which std::max and std::min may drop.
double at_least(double x, double low) { return x < low ? low : x; }
double at_most(double x, double high) { return x > high ? high : x; }
double clamp(double x, double low, double high) { return at_most(at_least(x, low), high); }

double sigmoid(double x) {
  if (x >= 0) return 1 / (1 + std::exp(-x));
  const double e = std::exp(x);
  return e / (1 + e);
}

double softplus(double x) { return at_least(x, 0) + std::log1p(std::exp(-std::fabs(x))); }

double hard_sigmoid(const UnaryFn& fn, double x) { return clamp(fn.alpha * x + fn.beta, 0, 1); }

double gelu(double x) { return 0.5 * x * std::erfc(-x * M_SQRT1_2); }

double gelu_tanh(double x) {
  const double scale = 0.7978845608028654;  // sqrt(2 / pi)
  return 0.5 * x * (1 + std::tanh(scale * (x + 0.044715 * x * x * x)));
}

double celu(double x, double alpha) {
  if (std::isnan(x)) return x;
  return at_least(x, 0) + at_most(alpha * std::expm1(x / alpha), 0);
}

double soft_shrink(double x, double threshold) {
  if (x > threshold) return x - threshold;
  if (x < -threshold) return x + threshold;
  return std::isnan(x) ? x : 0;
}

double sparse_plus(double x) {
  if (x <= -1) return 0;
  return x < 1 ? (x + 1) * (x + 1) / 4 : x;
}

// Logarithmic derivative of the gamma function. NaN at its poles 0, -1, -2, ...
double digamma(double x) {
  if (x == HUGE_VAL) return x;
  if (!(x > -HUGE_VAL) || (x <= 0 && x == std::floor(x))) return NAN;
  double result = 0;
  if (x < 0) {  // reflection
    // The fractional part keeps tan exact for large |x|.
    result = -M_PI / std::tan(M_PI * (x - std::floor(x)));
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

double log_gamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);  // std::lgamma writes a global
}

constexpr double kSeluScale = 1.0507009873554804934193349852946;
constexpr double kSeluAlpha = 1.6732632423543772848170429916717;

}  // namespace

double apply(const UnaryFn& fn, double x) {
  switch (fn.kind) {
    case UnaryKind::linear: return x;
    case UnaryKind::abs: return std::fabs(x);
    case UnaryKind::neg: return -x;
    case UnaryKind::sign: return std::isnan(x) ? x : static_cast<double>((x > 0) - (x < 0));
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
    case UnaryKind::is_nan: return std::isnan(x) ? 1 : 0;
    case UnaryKind::is_inf: return std::isinf(x) ? 1 : 0;
    case UnaryKind::is_finite: return std::isfinite(x) ? 1 : 0;
    case UnaryKind::sigmoid: return sigmoid(x);
    case UnaryKind::log_sigmoid: return -softplus(-x);
    case UnaryKind::relu: return at_least(x, 0);
    case UnaryKind::clamp: return clamp(x, fn.alpha, fn.beta);
    case UnaryKind::leaky_relu: return x < 0 ? fn.alpha * x : x;
    case UnaryKind::threshold_relu: return x > fn.alpha ? x : 0;
    case UnaryKind::elu: return x < 0 ? fn.alpha * std::expm1(x) : x;
    case UnaryKind::selu: return kSeluScale * (x < 0 ? kSeluAlpha * std::expm1(x) : x);
    case UnaryKind::celu: return celu(x, fn.alpha);
    case UnaryKind::softplus: return softplus(x);
    case UnaryKind::softsign: return x / (1 + std::fabs(x));
    case UnaryKind::hard_sigmoid: return hard_sigmoid(fn, x);
    case UnaryKind::gelu: return gelu(x);
    case UnaryKind::gelu_tanh: return gelu_tanh(x);
    case UnaryKind::silu: return x * sigmoid(x);
    case UnaryKind::hard_silu: return x * hard_sigmoid(fn, x);
    case UnaryKind::mish: return x * std::tanh(softplus(x));
    case UnaryKind::tanh_shrink: return x - std::tanh(x);
    case UnaryKind::soft_shrink: return soft_shrink(x, fn.alpha);
    case UnaryKind::hard_shrink: return std::fabs(x) <= fn.alpha ? 0 : x;
    case UnaryKind::sparse_plus: return sparse_plus(x);
    case UnaryKind::squareplus: return (x + std::sqrt(x * x + fn.alpha)) / 2;
    case UnaryKind::lgamma: return log_gamma(x);
    case UnaryKind::digamma: return digamma(x);
    case UnaryKind::logical_not:
    case UnaryKind::bitwise_not: break;
  }
  fail(ErrorCode::internal, "{} is not a function of floats", name_of(fn.kind));
}

UnaryFn rounded_to(DType dtype, UnaryFn fn) {
  if (dtype != DType::float64) {
    fn.alpha = static_cast<float>(fn.alpha);
    fn.beta = static_cast<float>(fn.beta);
  }
  return fn;
}

}  // namespace thaw::reference
