// Inverse error function, normal quantiles, and integrals of elementary functions.
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

#include "kernels/host/special_functions.h"

namespace thaw::host {
namespace {

constexpr double kEuler = std::numbers::egamma;

/// The y > 0 with erfc(y) = q, 0 < q <= 1: Winitzki's approximation, then Halley's iteration.
double erfc_inverse(double q) {
  constexpr double kA = 0.147;
  const double log = q < 1e-8 ? std::log(q * (2 - q)) : std::log1p(-(1 - q) * (1 - q));
  const double h = 2 / (std::numbers::pi * kA) + log / 2;
  double y = std::sqrt(std::max(0.0, std::sqrt(h * h - log / kA) - h));
  for (int i = 0; i < 4; ++i) {
    // erf is better conditioned near zero, erfc far from it.
    const double error = q > 0.5 ? (1 - q) - std::erf(y) : std::erfc(y) - q;
    const double newton = error / (2 * std::numbers::inv_sqrtpi * std::exp(-y * y));
    if (!std::isfinite(newton)) break;
    y += newton / (1 - y * newton);
  }
  return y;
}

}  // namespace

double erfinv(double x) {
  const double size = std::abs(x);
  if (!(size <= 1)) return kNan;
  if (size == 1) return std::copysign(kInfinity, x);
  if (size < 1e-9) return x / (2 * std::numbers::inv_sqrtpi);
  if (size > 0.5) return std::copysign(erfc_inverse(1 - size), x);
  // Close to zero 1 - x would lose digits.
  double y = size / (2 * std::numbers::inv_sqrtpi);
  for (int i = 0; i < 6; ++i) {
    const double newton = (size - std::erf(y)) / (2 * std::numbers::inv_sqrtpi * std::exp(-y * y));
    y += newton / (1 - y * newton);
  }
  return std::copysign(y, x);
}

double ndtri(double p) {
  if (!(p >= 0 && p <= 1)) return kNan;
  if (p == 0 || p == 1) return p == 0 ? -kInfinity : kInfinity;
  if (p > 0.25 && p < 0.75) return std::numbers::sqrt2 * erfinv(2 * (p - 0.5));
  const double tail = std::numbers::sqrt2 * erfc_inverse(2 * std::min(p, 1 - p));
  return p < 0.5 ? -tail : tail;
}

// Rybicki's sum: samples of a Gaussian at odd multiples of a step h converge as exp(-(pi / 2h)^2).
double dawsn(double x) {
  if (std::isnan(x)) return kNan;
  const double size = std::abs(x);
  if (size < 0.2) {
    double term = x, sum = x;
    for (int k = 1; std::abs(term) > std::abs(sum) * kEpsilon * 0.1 && k < 30; ++k) {
      term *= -2 * x * x / (2 * k + 1);
      sum += term;
    }
    return sum;
  }
  if (size > 1e8) return 0.5 / x;
  constexpr double kStep = 0.2;
  const double nearest = 2 * std::round(0.5 * size / kStep);
  const double rest = size - nearest * kStep;
  double sum = 0;
  for (int n = 1; n <= 33; n += 2) {
    const double up = rest - n * kStep, down = rest + n * kStep;
    sum += std::exp(-up * up) / (nearest + n) + std::exp(-down * down) / (nearest - n);
  }
  return std::copysign(sum * std::numbers::inv_sqrtpi, x);
}

double expint(double x) {
  if (std::isnan(x) || x < 0 || std::isinf(x)) return kNan;
  if (x == 0) return -kInfinity;
  if (x <= 40) {
    double term = 1, sum = 0;
    for (int k = 1; k < 200; ++k) {
      term *= x / k;
      sum += term / k;
      if (term / k < sum * kEpsilon * 0.1) break;
    }
    return kEuler + std::log(x) + sum;
  }
  double term = 1, sum = 1;
  for (int k = 1; k < x; ++k) {
    term *= k / x;
    sum += term;
    if (term < kEpsilon * 0.1) break;
  }
  return x > 700 ? std::exp(x - std::log(x)) * sum : std::exp(x) / x * sum;
}

namespace {

struct Fresnel {
  double cosine, sine;
};

/// The power series in t = pi x^2 / 2, x small.
Fresnel fresnel_series(double x) {
  const double t = 0.5 * std::numbers::pi * x * x;
  double cosine = 0, sine = 0, term = x;  // x t^n / n! with signs + + - -
  for (int n = 0; n < 60; ++n) {
    const double part = (n & 2 ? -term : term) / (2 * n + 1);
    (n & 1 ? sine : cosine) += part;
    if (std::abs(term) < 1e-20 * std::abs(x) && n > 3) break;
    term *= t / (n + 1);
  }
  return {cosine, sine};
}

/// C + i S = (1 + i) / 2 (1 - exp(i pi x^2 / 2) erfcx(sqrt(pi) (1 - i) x / 2)), the scaled
/// complementary error function by its continued fraction.
Fresnel fresnel_fraction(double x) {
  using Complex = std::complex<double>;
  constexpr double kTiny = 1e-300;
  const double square = x * x, below = std::fma(x, x, -square);  // x^2 in two parts
  const double phase = 0.5 * std::numbers::pi * (std::fmod(square, 4) + below);
  Complex b(1, -std::numbers::pi * square), c = 1 / kTiny, d = 1.0 / b, h = d;
  for (int k = 2, n = -1; k < 500; ++k) {
    n += 2;
    const double a = -n * (n + 1.0);
    b += 4;
    d = 1.0 / (a * d + b);
    c = b + a / c;
    const Complex change = c * d;
    h *= change;
    if (std::abs(change.real() - 1) + std::abs(change.imag()) < kEpsilon) break;
  }
  h *= Complex(x, -x);
  const Complex result = Complex(0.5, 0.5) * (1.0 - Complex(std::cos(phase), std::sin(phase)) * h);
  return {result.real(), result.imag()};
}

Fresnel fresnel(double x) {
  if (std::isnan(x)) return {kNan, kNan};
  const double size = std::abs(x);
  Fresnel value{0.5, 0.5};
  if (size < 1.6) {
    value = fresnel_series(size);
  } else if (size < 1e15) {
    value = fresnel_fraction(size);
  }
  if (std::signbit(x)) value = {-value.cosine, -value.sine};
  return value;
}

}  // namespace

double fresnel_cos(double x) { return fresnel(x).cosine; }
double fresnel_sin(double x) { return fresnel(x).sine; }

namespace {

/// Li2(1 - exp(-u)) = u - u^2 / 4 + the sum of B_2k u^(2k+1) / (2k+1)!, |u| < 1.
double dilogarithm_series(double u) {
  constexpr double kCoefficients[] = {// B_2k / (2k+1)!
                                      1.0 / 36,
                                      -1.0 / 3600,
                                      1.0 / 211680,
                                      -1.0 / 10886400,
                                      1.0 / 526901760,
                                      -691.0 / 16999766784000,
                                      1.0 / 1120863744000,
                                      -3617.0 / 181400588328960000,
                                      43867.0 / 97072790126247936000.0};
  double sum = 0, power = u * u * u;
  for (const double coefficient : kCoefficients) {
    sum += coefficient * power;
    power *= u * u;
  }
  return u - u * u / 4 + sum;
}

}  // namespace

double spence(double x) {
  constexpr double kSixth = std::numbers::pi * std::numbers::pi / 6;
  if (std::isnan(x) || x < 0 || std::isinf(x)) return kNan;
  if (x == 0) return kSixth;
  if (x < 0.5) return kSixth - std::log(x) * std::log1p(-x) - dilogarithm_series(-std::log1p(-x));
  if (x <= 2) return dilogarithm_series(-std::log(x));
  const double log = std::log(x);
  return -0.5 * log * log - spence(1 / x);
}

}  // namespace thaw::host
