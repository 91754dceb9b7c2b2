// Single numbers from the words of a generator, and the distributions of random_distributions.cc.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

#include "kernels/host/numeric.h"
#include "kernels/host/philox.h"

namespace thaw::host {

/// Operands `key` uint64 [1] and `counter` uint64 [2].
Philox generator_of(const Tensor& key, const Tensor& counter);

// Random bits as the mantissa of a number in [1, 2), less one.

inline double uniform_double(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t mantissa = std::uint64_t{high & 0xfffffu} << 32 | low;
  return std::bit_cast<double>(std::uint64_t{1023} << 52 | mantissa) - 1.0;
}

inline float uniform_float(std::uint32_t word) {
  return std::bit_cast<float>(127u << 23 | (word & 0x7fffffu)) - 1.0f;
}

/// Box and Muller: two normal numbers from two uniform ones.
inline std::pair<double, double> normal_doubles(const Philox::Block& x) {
  const double u = std::max(uniform_double(x[0], x[1]), 1.0e-7);
  const double angle = 2 * std::numbers::pi * uniform_double(x[2], x[3]);
  const double radius = std::sqrt(-2.0 * std::log(u));
  return {std::sin(angle) * radius, std::cos(angle) * radius};
}

/// (shape, key, counter, alpha) -> (samples): shape ends with alpha's.
std::vector<Tensor> random_gamma(const HostArgs& args);
/// (shape, key, counter, rate) -> (samples): shape ends with rate's.
std::vector<Tensor> random_poisson(const HostArgs& args);
/// (shape, key, counter, counts, probs) -> (samples): shape ends with what both broadcast to.
std::vector<Tensor> random_binomial(const HostArgs& args);

}  // namespace thaw::host
