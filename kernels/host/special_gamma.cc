#include <cmath>
#include <initializer_list>
#include <limits>
#include <numbers>

#include "kernels/host/special_functions.h"

namespace thaw::host {
namespace {

/// From here on the gamma function's distribution is normal to 1e-15 but for the first correction.
constexpr double kLargeShape = 1e10;

/// gamma(z) over Stirling's sqrt(2 pi / z) (z / e)^z, which is close to 1 + 1 / (12 z).
double gamma_ratio(double z) {
  if (z >= 10) {
    const double w = 1 / (z * z);
    const double series =
        (1.0 / 12 -
         w * (1.0 / 360 -
              w * (1.0 / 1260 -
                   w * (1.0 / 1680 - w * (1.0 / 1188 - w * (691.0 / 360360 - w / 156.0)))))) /
        z;
    return std::exp(series);
  }
  return std::tgamma(z) * std::exp(z) / (std::sqrt(2 * std::numbers::pi) * std::pow(z, z - 0.5));
}

/// log(1 + t) - t without cancellation.
double log1p_minus(double t) {
  if (std::abs(t) > 0.4) return std::log1p(t) - t;
  // With r = t / (2 + t): log(1 + t) = 2 (r + r^3/3 + ...), and t = 2 r / (1 - r).
  const double r = t / (2 + t), r2 = r * r;
  double sum = 0, power = r * r2;
  for (int k = 3; std::abs(power) > kEpsilon * std::abs(sum) * 0.1 && k < 200; k += 2) {
    sum += power / k;
    power *= r2;
  }
  return 2 * sum - t * r;
}

/// x^a exp(-x) / gamma(a): the common factor of the incomplete gamma functions, times x.
double gamma_density(double a, double x) {
  const double t = (x - a) / a;
  const double exponent = t > -0.5 && t < 1e3 ? a * log1p_minus(t) : a * std::log(x / a) - (x - a);
  return std::exp(exponent) * std::sqrt(a / (2 * std::numbers::pi)) / gamma_ratio(a);
}

/// P(a, x) by its power series; x below about a.
double gamma_series(double a, double x) {
  double term = 1 / a, sum = term;
  for (double n = a + 1; term > sum * kEpsilon * 0.25; n += 1) {
    term *= x / n;
    sum += term;
  }
  return gamma_density(a, x) * sum;
}

/// Q(a, x) by its continued fraction; x above about a.
double gamma_fraction(double a, double x) {
  constexpr double kTiny = 1e-300;
  double b = x + 1 - a, c = 1 / kTiny, d = 1 / b, h = d;
  for (double i = 1; i < 1e7; i += 1) {
    const double an = -i * (i - a);
    b += 2;
    d = an * d + b;
    if (std::abs(d) < kTiny) d = kTiny;
    c = b + an / c;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    const double change = d * c;
    h *= change;
    if (std::abs(change - 1) < kEpsilon) break;
  }
  return gamma_density(a, x) * h;
}

/// Temme's uniform expansion to its first term, for huge a. `upper`: Q, else P.
double gamma_uniform(double a, double x, bool upper) {
  const double t = (x - a) / a;
  const double half_square = -log1p_minus(t);  // eta^2 / 2
  const double eta = std::copysign(std::sqrt(2 * half_square), t);
  const double correction = std::abs(t) < 1e-5 ? -1.0 / 3 + t / 12 : 1 / t - 1 / eta;
  const double rest = std::exp(-a * half_square) / std::sqrt(2 * std::numbers::pi * a) * correction;
  const double sign = upper ? 1 : -1;
  return 0.5 * std::erfc(sign * eta * std::sqrt(a / 2)) + sign * rest;
}

bool outside_gamma(double a, double x) { return !(a > 0) || !(x >= 0) || std::isinf(a); }

}  // namespace

double igamma(double a, double x) {
  if (x == 0 && a >= 0) return 0;
  if (outside_gamma(a, x)) return kNan;
  if (std::isinf(x)) return 1;
  if (a > kLargeShape) return gamma_uniform(a, x, false);
  return x > 1 && x > a ? 1 - gamma_fraction(a, x) : gamma_series(a, x);
}

double igammac(double a, double x) {
  if (outside_gamma(a, x)) return kNan;
  if (std::isinf(x)) return 0;
  if (x == 0) return 1;
  if (a > kLargeShape) return gamma_uniform(a, x, true);
  if (x >= 1 && x >= a) return gamma_fraction(a, x);
  if (a > 0.5) return 1 - gamma_series(a, x);
  // Where P is near 1: with g(a) = 1 / gamma(1 + a), P = x^a g (1 + a sum of (-x)^n / (n! (a+n))).
  double sum = 0, power = 1;
  for (int n = 1; n < 40; ++n) {
    power *= -x / n;
    sum += power / (a + n);
  }
  const double exponent = a * std::log(x) - std::lgamma(1 + a);
  return -std::expm1(exponent) - std::exp(exponent) * a * sum;
}

namespace {

/// x^a (1 - x)^b / (a B(a, b)).
double beta_density(double a, double b, double x) {
  const double s = a + b, mean = a / s;
  const double dx = x - mean;
  // dx / mean and -dx / (1 - mean) weighted by a and b cancel to first order.
  const double left = dx / mean, right = -dx / (b / s);
  const double exponent = std::abs(left) < 0.4 && std::abs(right) < 0.4
                              ? a * log1p_minus(left) + b * log1p_minus(right)
                              : a * std::log(x / mean) + b * std::log((1 - x) / (b / s));
  return std::exp(exponent) * std::sqrt(a * b / (2 * std::numbers::pi * s)) *
         (gamma_ratio(s) / (gamma_ratio(a) * gamma_ratio(b))) / a;
}

/// The continued fraction of I_x(a, b), which converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  if (std::abs(d) < kTiny) d = kTiny;
  d = 1 / d;
  double h = d;
  for (double m = 1; m < 1e6; m += 1) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double change = 1;
    for (const double numerator : {even, odd}) {
      d = 1 + numerator * d;
      if (std::abs(d) < kTiny) d = kTiny;
      c = 1 + numerator / c;
      if (std::abs(c) < kTiny) c = kTiny;
      d = 1 / d;
      change = d * c;
      h *= change;
    }
    if (std::abs(change - 1) < kEpsilon) break;
  }
  return h;
}

}  // namespace

double betainc(double a, double b, double x) {
  if (!(a > 0) || !(b > 0) || !(x >= 0) || !(x <= 1) || std::isinf(a) || std::isinf(b)) return kNan;
  if (x == 0 || x == 1) return x;
  if (x < (a + 1) / (a + b + 2)) return beta_density(a, b, x) * beta_fraction(a, b, x);
  return 1 - beta_density(b, a, 1 - x) * beta_fraction(b, a, 1 - x);
}

namespace {

/// Euler and Maclaurin's formula after the first terms, q > 0.
double zeta_positive(double x, double q) {
  constexpr double kBernoulli[] = {// B_2k / (2k)!
                                   1.0 / 12,
                                   -1.0 / 720,
                                   1.0 / 30240,
                                   -1.0 / 1209600,
                                   1.0 / 47900160,
                                   -691.0 / 1307674368000,
                                   1.0 / 74724249600,
                                   -3617.0 / 10670622842880000,
                                   43867.0 / 5109094217170944000};
  double sum = 0, at = q;
  for (int k = 0; k < 12 || at < 12; ++k, at += 1) {
    const double term = std::pow(at, -x);
    sum += term;
    if (term < sum * kEpsilon * 1e-3) return sum;
  }
  const double power = std::pow(at, -x);
  sum += power * at / (x - 1) + 0.5 * power;
  double factor = x * power / at;  // x (x+1) ... (x+2k) / at^(x+2k+1)
  for (int k = 0; k < 9; ++k) {
    const double term = kBernoulli[k] * factor;
    sum += term;
    if (std::abs(term) < std::abs(sum) * kEpsilon * 0.1) break;
    factor *= (x + 2 * k + 1) * (x + 2 * k + 2) / (at * at);
  }
  return sum;
}

}  // namespace

double hurwitz_zeta(double x, double q) {
  if (std::isnan(x) || std::isnan(q)) return kNan;
  if (x == 1) return kInfinity;
  if (x < 1) return kNan;
  if (q > 0) {
    if (std::isinf(q)) return 0;
    if (std::isinf(x)) return q > 1 ? 0 : q == 1 ? 1 : kInfinity;
    return zeta_positive(x, q);
  }
  const bool whole = std::floor(x) == x, even = std::fmod(x, 2) == 0;
  if (q == std::floor(q)) return whole && even ? kInfinity : kNan;
  if (!whole) return kNan;
  // The terms on both sides of zero are sums of their own.
  const double fraction = q - std::floor(q);
  const double below = zeta_positive(x, 1 - fraction) - zeta_positive(x, 1 - q);
  return zeta_positive(x, fraction) + (even ? below : -below);
}

double digamma(double x) {
  if (x == 0) return std::copysign(kInfinity, -x);
  if (x < 0) {
    if (x == std::floor(x)) return kNan;
    const double fraction = x - std::floor(x);
    return digamma(1 - x) - std::numbers::pi / std::tan(std::numbers::pi * fraction);
  }
  double shift = 0;
  for (; x < 12; x += 1) shift += 1 / x;
  const double w = 1 / (x * x);
  const double series =
      w * (1.0 / 12 - w * (1.0 / 120 -
                           w * (1.0 / 252 -
                                w * (1.0 / 240 - w * (1.0 / 132 - w * (691.0 / 32760 - w / 12))))));
  return std::log(x) - 0.5 / x - series - shift;
}

double polygamma(double n, double x) {
  if (n != std::floor(n) || n < 0) return kNan;
  if (n == 0) return digamma(x);
  const double sign = std::fmod(n, 2) == 0 ? -1 : 1;
  return sign * std::tgamma(n + 1) * hurwitz_zeta(n + 1, x);
}

}  // namespace thaw::host
