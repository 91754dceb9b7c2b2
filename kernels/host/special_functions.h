// Special functions of real numbers in float64. Arguments outside a function's domain give NaN,
// poles the infinities that TensorFlow gives.
#pragma once

#include <limits>

namespace thaw::host {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

// special_gamma.cc
/// Regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 - P.
double igamma(double a, double x);
double igammac(double a, double x);
/// Regularised incomplete beta function I_x(a, b).
double betainc(double a, double b, double x);
/// Hurwitz zeta: the sum of (q + k)^-x over k >= 0.
double hurwitz_zeta(double x, double q);
/// Derivative number n of digamma.
double polygamma(double n, double x);
double digamma(double x);

// special_error.cc
double erfinv(double x);
/// The inverse of the normal distribution's cumulative probability.
double ndtri(double p);
/// exp(-x^2) times the integral of exp(t^2) from 0 to x.
double dawsn(double x);
/// The exponential integral Ei(x), x > 0.
double expint(double x);
/// Integrals of cos and sin of pi t^2 / 2 from 0 to x.
double fresnel_cos(double x);
double fresnel_sin(double x);
/// The dilogarithm Li2(1 - x), x >= 0.
double spence(double x);

// special_bessel.cc: e means times exp(-|x|) (i) or exp(x) (k)
double bessel_i0(double x);
double bessel_i0e(double x);
double bessel_i1(double x);
double bessel_i1e(double x);
double bessel_k0(double x);
double bessel_k0e(double x);
double bessel_k1(double x);
double bessel_k1e(double x);
double bessel_j0(double x);
double bessel_j1(double x);
double bessel_y0(double x);
double bessel_y1(double x);

}  // namespace thaw::host
