#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/host/special_functions.h"

namespace thaw::host {
namespace {

/// Beyond, the asymptotic series of I reaches full precision.
constexpr double kLargeArgument = 30;

/// I_order(x) exp(-x) / x^order for x >= 0, order 0 or 1.
double scaled_i(int order, double x) {
  const double quarter = x * x / 4;
  if (x <= kLargeArgument) {  // (x/2)^order times the sum of (x^2/4)^k / (k! (k + order)!)
    double term = order == 0 ? 1 : 0.5, sum = term;
    for (int k = 1; term > sum * kEpsilon * 0.1; ++k) {
      term *= quarter / (k * (k + static_cast<double>(order)));
      sum += term;
    }
    return sum * std::exp(-x);
  }
  const double mu = 4.0 * order * order;
  double term = 1, sum = 1;
  for (int k = 1; k < 60; ++k) {
    const double odd = 2 * k - 1;
    term *= -(mu - odd * odd) / (k * 8 * x);
    if (std::abs(term) < kEpsilon * 0.1) break;
    sum += term;
  }
  return sum / std::sqrt(2 * std::numbers::pi * x) / (order == 0 ? 1 : x);
}

double scaled_i_signed(int order, double x) {
  if (std::isnan(x)) return kNan;
  const double size = std::abs(x);
  if (std::isinf(size)) return order == 0 ? 0 : std::copysign(0, x);
  return order == 0 ? scaled_i(0, size) : x * scaled_i(1, size);
}

struct KPair {
  double k0, k1;  // times exp(x)
};

/// Series with the logarithm for x <= 2: K0 = -(log(x/2) + gamma) I0 + the sum of h_k t^k / k!^2.
KPair k_series(double x) {
  const double t = x * x / 4, log = std::log(x / 2) + std::numbers::egamma;
  double term = 1, harmonic = 0, i0 = 1, i1 = 1, k0 = 0;
  // K1 = 1/x + log(x/2) I1 - x/4 times the sum of (psi(k+1) + psi(k+2)) t^k / (k! (k+1)!).
  double k1 = 0.5 * (1 - 2 * std::numbers::egamma), term1 = 1;
  for (int k = 1; k < 40; ++k) {
    harmonic += 1.0 / k;
    term *= t / (static_cast<double>(k) * k);
    term1 *= t / (static_cast<double>(k) * (k + 1));
    i0 += term;
    i1 += term1;
    k0 += term * harmonic;
    k1 += term1 * (harmonic + 0.5 / (k + 1) - std::numbers::egamma);
  }
  const double scale = std::exp(x);
  return {(k0 - log * i0) * scale, (1 / x + std::log(x / 2) * i1 * x / 2 - k1 * x / 2) * scale};
}

/// Temme's continued fraction for x > 2, summed by Steed's method.
KPair k_fraction(double x) {
  double b = 2 * (1 + x), d = 1 / b, h = d, change = d;
  double q1 = 0, q2 = 1;
  const double a1 = 0.25;
  double q = a1, c = a1, a = -a1, sum = 1 + q * change;
  for (int i = 2; i < 10000; ++i) {
    a -= 2 * (i - 1);
    c = -a * c / i;
    const double next = (q1 - b * q2) / a;
    q1 = q2;
    q2 = next;
    q += c * next;
    b += 2;
    d = 1 / (b + a * d);
    change = (b * d - 1) * change;
    h += change;
    const double part = q * change;
    sum += part;
    if (std::abs(part / sum) < kEpsilon * 0.5) break;
  }
  h = a1 * h;
  const double k0 = std::sqrt(std::numbers::pi / (2 * x)) / sum;
  return {k0, k0 * (x + 0.5 - h) / x};
}

KPair scaled_k(double x) {
  if (std::isnan(x)) return {kNan, kNan};
  if (x <= 0) return {kInfinity, kInfinity};
  if (std::isinf(x)) return {0, 0};
  return x <= 2 ? k_series(x) : k_fraction(x);
}

}  // namespace

double bessel_i0e(double x) { return scaled_i_signed(0, x); }
double bessel_i1e(double x) { return scaled_i_signed(1, x); }
// An infinite argument gives NaN in TensorFlow, where infinity times zero is formed.
double bessel_i0(double x) { return bessel_i0e(x) * std::exp(std::abs(x)); }
double bessel_i1(double x) { return bessel_i1e(x) * std::exp(std::abs(x)); }
double bessel_k0e(double x) { return scaled_k(x).k0; }
double bessel_k1e(double x) { return scaled_k(x).k1; }
double bessel_k0(double x) { return x <= 0 ? kInfinity : bessel_k0e(x) * std::exp(-x); }
double bessel_k1(double x) { return x <= 0 ? kInfinity : bessel_k1e(x) * std::exp(-x); }
double bessel_j0(double x) { return std::isinf(x) ? kNan : ::j0(x); }
double bessel_j1(double x) { return std::isinf(x) ? kNan : ::j1(x); }
double bessel_y0(double x) { return x <= 0 ? -kInfinity : std::isinf(x) ? kNan : ::y0(x); }
double bessel_y1(double x) { return x <= 0 ? -kInfinity : std::isinf(x) ? kNan : ::y1(x); }

}  // namespace thaw::host
