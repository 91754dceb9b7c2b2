#include <cmath>
#include <numbers>

#include "kernels/host/fft.h"
#include "kernels/host/numeric.h"
#include "kernels/host/spectrogram.h"

namespace thaw::host {

std::vector<Tensor> audio_spectrogram(const HostArgs& args) {
  const Tensor& x = args.in[0];
  const std::int64_t samples = x.shape()[0], channels = x.shape()[1];
  const std::int64_t window = args.call.attributes.integer("window_size");
  const std::int64_t stride = args.call.attributes.integer("stride");
  const bool squared = args.call.attributes.flag("magnitude_squared");
  std::int64_t size = 1;
  while (size < window) size *= 2;
  const std::int64_t bins = size / 2 + 1;
  const std::int64_t frames = samples < window ? 0 : (samples - window) / stride + 1;
  Tensor y(args.out[0].dtype, Shape{channels, frames, bins});
  if (y.num_elements() == 0) return {std::move(y)};
  Fft fft(size);
  std::vector<Complex128> line(static_cast<std::size_t>(size));
  for_floats(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* out = mutable_elements<T>(y);
    for (std::int64_t channel = 0; channel < channels; ++channel) {
      for (std::int64_t frame = 0; frame < frames; ++frame) {
        std::fill(line.begin(), line.end(), Complex128(0));
        for (std::int64_t i = 0; i < window; ++i) {
          const double hann = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) /
                                                   static_cast<double>(window));
          const std::int64_t at = (frame * stride + i) * channels + channel;
          line[static_cast<std::size_t>(i)] = hann * to_number(elements<T>(x)[at]);
        }
        fft.forward(line.data());
        for (std::int64_t k = 0; k < bins; ++k) {
          const double power = std::norm(line[static_cast<std::size_t>(k)]);
          *out++ = store<T>(squared ? power : std::sqrt(power));
        }
      }
    }
  });
  return {std::move(y)};
}

namespace {

double mel(double frequency) { return 1127.0 * std::log1p(frequency / 700.0); }

/// Triangles, evenly spaced on the mel scale, that sum neighbouring frequencies. Every frequency
/// belongs to the falling side of one band with its weight and to the rising side of the next with
/// the rest.
class MelBank {
 public:
  MelBank(std::int64_t bins, double sample_rate, std::int64_t bands, double lower, double upper)
      : bands_(bands),
        bin_bands_(static_cast<std::size_t>(bins), -2),
        weights_(static_cast<std::size_t>(bins), 0) {
    const double lowest = mel(lower);
    const double spacing = (mel(upper) - lowest) / static_cast<double>(bands + 1);
    const auto center = [&](std::int64_t band) {  // band -1: the lower limit
      return lowest + spacing * static_cast<double>(band + 1);
    };
    const double width = 0.5 * sample_rate / static_cast<double>(bins - 1);
    // The constant frequency is left out.
    const auto last = static_cast<double>(bins);
    const auto begin = static_cast<std::int64_t>(std::min(1.5 + lower / width, last));
    const auto end = static_cast<std::int64_t>(std::min(upper / width, last));
    std::int64_t band = 0;
    for (std::int64_t i = 0; i < bins; ++i) {
      if (i < begin || i > end) continue;
      const double at = mel(static_cast<double>(i) * width);
      while (band < bands && center(band) < at) ++band;
      bin_bands_[static_cast<std::size_t>(i)] = band - 1;
      weights_[static_cast<std::size_t>(i)] = (center(band) - at) / spacing;
    }
  }

  /// Logarithms of the bands' sums of magnitudes.
  template <class T>
  std::vector<double> log_bands(const T* squared) const {
    std::vector<double> sums(static_cast<std::size_t>(bands_), 0);
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const std::int64_t band = bin_bands_[i];
      if (band == -2) continue;
      const double magnitude = std::sqrt(to_number(squared[i])), part = magnitude * weights_[i];
      if (band >= 0) sums[static_cast<std::size_t>(band)] += part;
      if (band + 1 < bands_) sums[static_cast<std::size_t>(band + 1)] += magnitude - part;
    }
    for (double& sum : sums) sum = std::log(std::max(sum, 1e-12));
    return sums;
  }

 private:
  std::int64_t bands_;
  std::vector<std::int64_t> bin_bands_;  // the band whose falling side it is; -2: none at all
  std::vector<double> weights_;
};

}  // namespace

std::vector<Tensor> mfcc(const HostArgs& args) {
  const Tensor& x = args.in[0];
  const Attributes& attributes = args.call.attributes;
  const std::int64_t bands = attributes.integer("filterbank_channel_count");
  const std::int64_t coefficients = attributes.integer("dct_coefficient_count");
  const double rate = static_cast<double>(integer(args.in[1], "sample_rate"));
  const double lower = attributes.real("lower_frequency_limit");
  const double upper = attributes.real("upper_frequency_limit");
  const std::int64_t bins = x.shape()[2];
  if (bins < 2 || !(rate > 0) || !(lower >= 0) || !(upper > lower)) {
    fail(ErrorCode::invalid_argument,
         "mfcc of {} frequencies at {} samples a second between {} and {}", bins, rate, lower,
         upper);
  }
  const MelBank bank(bins, rate, bands, lower, upper);
  const std::int64_t frames = x.shape()[0] * x.shape()[1];
  Tensor y(args.out[0].dtype, Shape{x.shape()[0], x.shape()[1], coefficients});
  const double norm = std::sqrt(2.0 / static_cast<double>(bands));
  for_floats(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (std::int64_t frame = 0; frame < frames; ++frame) {
      const std::vector<double> logs = bank.log_bands(elements<T>(x) + frame * bins);
      for (std::int64_t k = 0; k < coefficients; ++k) {
        double sum = 0;
        for (std::int64_t band = 0; band < bands; ++band) {
          sum += norm *
                 std::cos(static_cast<double>(k) * std::numbers::pi *
                          (static_cast<double>(band) + 0.5) / static_cast<double>(bands)) *
                 logs[static_cast<std::size_t>(band)];
        }
        mutable_elements<T>(y)[frame * coefficients + k] = store<T>(sum);
      }
    }
  });
  return {std::move(y)};
}

}  // namespace thaw::host
