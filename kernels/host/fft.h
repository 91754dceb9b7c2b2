// Discrete Fourier transforms of any length.
#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <vector>

namespace thaw::host {

/// Transforms of one length n in O(n log n): mixed radix where n has small prime factors only, else
/// Bluestein's convolution. Sums and twiddle factors are float64.
class Fft {
 public:
  using Complex = std::complex<double>;

  explicit Fft(std::int64_t n);
  std::int64_t size() const { return n_; }

  /// In place: X[k] = sum of x[j] exp(-2 pi i j k / n).
  void forward(Complex* data);
  /// In place, with the factor 1 / n.
  void inverse(Complex* data);

 private:
  void prepare_convolution();
  void mixed_radix(Complex* data);
  void convolve(Complex* data);

  std::int64_t n_;
  std::vector<std::int64_t> factors_;  // of n; empty: by convolution
  std::vector<Complex> twiddles_;      // exp(-2 pi i k / n)
  std::vector<Complex> scratch_;
  std::unique_ptr<Fft> inner_;  // of the convolution
  std::vector<Complex> chirp_, spectrum_;
};

}  // namespace thaw::host
