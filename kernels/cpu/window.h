// Geometry of a convolution, and its input with the padding made real.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/cpu/common.h"
#include "runtime/ir/ops.h"

namespace thaw::cpu {

/// Convolutions of 1 to 3 spatial dimensions as depth, height, width; missing ones are 1 in front.
/// The window is read from a padded copy of the input, so that every tap of every output pixel is
/// at one fixed offset from the pixel's corner; without padding the input itself serves.
class Window {
 public:
  using Extent = std::array<std::int64_t, 3>;

  std::int64_t images = 0, channels = 0;  // channels of the padded input
  std::int64_t repeat = 1;                // each input channel stands so often in the padded input
  Extent in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1};
  Extent before{0, 0, 0}, padded{1, 1, 1};
  bool copied = false;    // the padded input is a copy in the workspace
  std::int64_t wave = 0;  // images whose padded copies are in the workspace at a time

  /// False if the padding is one that only the reference backend handles. With `make_padding` off
  /// the padding stays in `before` for the kernel to clip its windows by.
  bool init(const ops::Conv& op, const Shape& x, const Shape& w, const Shape& y,
            std::int64_t channel_repeat, int threads, bool make_padding = true);

  std::int64_t padded_floats() const { return padded[0] * padded[1] * padded[2] * channels; }
  std::size_t workspace() const {
    return copied ? static_cast<std::size_t>(wave * padded_floats()) * sizeof(float) : 0;
  }
  /// Offset of a tap from a pixel's corner.
  std::int64_t tap(std::int64_t d, std::int64_t h, std::int64_t w) const {
    return ((d * dilation[0] * padded[1] + h * dilation[1]) * padded[2] + w * dilation[2]) *
           channels;
  }
  std::int64_t row_stride() const { return stride[2] * channels; }
  std::int64_t line_stride() const { return stride[1] * padded[2] * channels; }
  std::int64_t slice_stride() const { return stride[0] * padded[1] * padded[2] * channels; }

  /// The padded images [first, first + count), count <= wave.
  const float* pad(const Args& args, const float* x, std::int64_t first, std::int64_t count) const;

 private:
  bool make_padding_ = true;
};

}  // namespace thaw::cpu
