#include <cmath>
#include <numbers>

#include "kernels/host/fft.h"

namespace thaw::host {
namespace {

using Complex = Fft::Complex;

constexpr std::int64_t kLargestRadix = 31;  // above, a convolution is cheaper than a radix^2 step

/// exp(-pi i k / half), with the argument reduced to an eighth so that symmetric factors agree.
Complex root(std::int64_t k, std::int64_t half) {
  const std::int64_t full = 2 * half;
  k %= full;
  if (8 * k > 7 * full) return std::conj(root(full - k, half));
  const std::int64_t quadrant = (4 * k + half) / full;  // nearest multiple of a quarter turn
  const double angle = std::numbers::pi * static_cast<double>(4 * k - quadrant * full) /
                       static_cast<double>(4 * half);
  const double c = std::cos(angle), s = std::sin(angle);
  switch (quadrant % 4) {
    case 0: return {c, -s};
    case 1: return {-s, -c};
    case 2: return {-c, s};
    default: return {s, c};
  }
}

/// Small factors of n, fours first; empty when a prime factor is too large.
std::vector<std::int64_t> factorise(std::int64_t n) {
  std::vector<std::int64_t> factors;
  for (; n % 4 == 0; n /= 4) factors.push_back(4);
  for (std::int64_t p = 2; p <= kLargestRadix && n > 1; ++p) {
    for (; n % p == 0; n /= p) factors.push_back(p);
  }
  if (n > 1) factors.clear();
  return factors;
}

/// One step of Stockham's algorithm: `in` holds, for `stride` interleaved transforms, radix * m
/// elements each; `out` gets them as radix groups.
struct Butterfly {
  std::int64_t radix, m, stride;
  const Complex* twiddles;  // of the whole length
};

void radix2(const Butterfly& s, const Complex* in, Complex* out) {
  for (std::int64_t p = 0; p < s.m; ++p) {
    const Complex w = s.twiddles[p * s.stride];
    for (std::int64_t q = 0; q < s.stride; ++q) {
      const Complex a = in[q + s.stride * p], b = in[q + s.stride * (p + s.m)];
      out[q + s.stride * 2 * p] = a + b;
      out[q + s.stride * (2 * p + 1)] = (a - b) * w;
    }
  }
}

void radix4(const Butterfly& s, const Complex* in, Complex* out) {
  for (std::int64_t p = 0; p < s.m; ++p) {
    const Complex w1 = s.twiddles[p * s.stride], w2 = s.twiddles[2 * p * s.stride],
                  w3 = s.twiddles[3 * p * s.stride];
    for (std::int64_t q = 0; q < s.stride; ++q) {
      const Complex* x = in + q + s.stride * p;
      const std::int64_t hop = s.stride * s.m;
      const Complex a = x[0] + x[2 * hop], b = x[0] - x[2 * hop];
      const Complex c = x[hop] + x[3 * hop], d = x[hop] - x[3 * hop];
      const Complex rotated(d.imag(), -d.real());  // -i d
      Complex* y = out + q + s.stride * 4 * p;
      y[0] = a + c;
      y[s.stride] = (b + rotated) * w1;
      y[2 * s.stride] = (a - c) * w2;
      y[3 * s.stride] = (b - rotated) * w3;
    }
  }
}

void any_radix(const Butterfly& s, std::int64_t n, const Complex* in, Complex* out) {
  const std::int64_t turn = n / s.radix;  // of one radix-th of a turn, in twiddles
  for (std::int64_t p = 0; p < s.m; ++p) {
    for (std::int64_t q = 0; q < s.stride; ++q) {
      for (std::int64_t k = 0; k < s.radix; ++k) {
        Complex sum = in[q + s.stride * p];
        for (std::int64_t j = 1; j < s.radix; ++j) {
          sum += in[q + s.stride * (p + s.m * j)] * s.twiddles[(j * k) % s.radix * turn];
        }
        out[q + s.stride * (s.radix * p + k)] = sum * s.twiddles[p * k * s.stride];
      }
    }
  }
}

}  // namespace

Fft::Fft(std::int64_t n) : n_(n), factors_(factorise(n)) {
  if (n <= 1) return;
  if (factors_.empty()) {
    prepare_convolution();
    return;
  }
  twiddles_.resize(static_cast<std::size_t>(n));
  for (std::int64_t k = 0; k < n; ++k) twiddles_[static_cast<std::size_t>(k)] = root(2 * k, n);
  scratch_.resize(static_cast<std::size_t>(n));
}

// With j k = (j^2 + k^2 - (k - j)^2) / 2 a transform is a convolution with a chirp, which
// transforms of a power of two do.
void Fft::prepare_convolution() {
  std::int64_t size = 1;
  while (size < 2 * n_ - 1) size *= 2;
  inner_ = std::make_unique<Fft>(size);
  chirp_.resize(static_cast<std::size_t>(n_));
  spectrum_.assign(static_cast<std::size_t>(size), 0);
  std::int64_t square = 0;  // k^2 modulo 2 n
  for (std::int64_t k = 0; k < n_; ++k) {
    chirp_[static_cast<std::size_t>(k)] = root(square, n_);
    spectrum_[static_cast<std::size_t>(k)] = std::conj(chirp_[static_cast<std::size_t>(k)]);
    if (k > 0) {
      spectrum_[static_cast<std::size_t>(size - k)] = spectrum_[static_cast<std::size_t>(k)];
    }
    square = (square + 2 * k + 1) % (2 * n_);
  }
  inner_->forward(spectrum_.data());
  scratch_.resize(static_cast<std::size_t>(size));
}

void Fft::mixed_radix(Complex* data) {
  Complex *in = data, *out = scratch_.data();
  std::int64_t rest = n_, stride = 1;
  for (const std::int64_t radix : factors_) {
    const Butterfly step{radix, rest / radix, stride, twiddles_.data()};
    if (radix == 4) {
      radix4(step, in, out);
    } else if (radix == 2) {
      radix2(step, in, out);
    } else {
      any_radix(step, n_, in, out);
    }
    std::swap(in, out);
    rest /= radix;
    stride *= radix;
  }
  if (in != data) std::copy(in, in + n_, data);
}

void Fft::convolve(Complex* data) {
  std::fill(scratch_.begin(), scratch_.end(), Complex(0));
  for (std::size_t k = 0; k < chirp_.size(); ++k) scratch_[k] = data[k] * chirp_[k];
  inner_->forward(scratch_.data());
  for (std::size_t k = 0; k < scratch_.size(); ++k) scratch_[k] *= spectrum_[k];
  inner_->inverse(scratch_.data());
  for (std::size_t k = 0; k < chirp_.size(); ++k) data[k] = scratch_[k] * chirp_[k];
}

void Fft::forward(Complex* data) {
  if (n_ <= 1) return;
  if (inner_ != nullptr) {
    convolve(data);
  } else {
    mixed_radix(data);
  }
}

void Fft::inverse(Complex* data) {
  for (std::int64_t k = 0; k < n_; ++k) data[k] = std::conj(data[k]);
  forward(data);
  const double scale = 1 / static_cast<double>(n_);
  for (std::int64_t k = 0; k < n_; ++k) data[k] = std::conj(data[k]) * scale;
}

}  // namespace thaw::host
