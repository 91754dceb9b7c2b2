// Windows that slide over 1 to 3 spatial dimensions, seen as always 3; channels last.
#pragma once

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/strided.h"
#include "runtime/ir/infer.h"

namespace thaw::cuda {

/// Up to 3 spatial dimensions, leading ones of 1. The large side is x of a convolution or pool.
struct Window {
  std::int64_t large[3] = {1, 1, 1}, small[3] = {1, 1, 1}, window[3] = {1, 1, 1};
  std::int64_t stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1}, before[3] = {0, 0, 0};
  std::int64_t large_volume = 1, small_volume = 1;

  /// False for more than 3 dimensions.
  bool set(const Shape& large_shape, const Shape& small_shape, const Ints& size,
           const Ints& strides, const Ints& dilations, const Padding& padding) {
    const std::size_t rank = size.size();
    if (rank > 3) return false;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      const std::size_t d = 3 - rank + axis;
      const int at = static_cast<int>(axis) + 1;
      large[d] = large_shape[at];
      small[d] = small_shape[at];
      window[d] = size[axis];
      if (!strides.empty()) stride[d] = strides[axis];
      if (!dilations.empty()) dilation[d] = dilations[axis];
      before[d] = window_padding(large[d], window[d], stride[d], dilation[d], padding,
                                 static_cast<int>(axis))
                      .first;
    }
    large_volume = large[0] * large[1] * large[2];
    small_volume = small[0] * small[1] * small[2];
    return true;
  }

  /// Where tap `tap` of the window over a pixel of the small side lies in the large side, all flat;
  /// -1: outside.
  THAW_HOST_DEVICE std::int64_t pixel(std::int64_t small_flat, std::int64_t tap) const {
    const std::int64_t p = small_flat / small[2] / small[1] * stride[0] - before[0] +
                           tap / window[2] / window[1] * dilation[0];
    const std::int64_t q = small_flat / small[2] % small[1] * stride[1] - before[1] +
                           tap / window[2] % window[1] * dilation[1];
    const std::int64_t r =
        small_flat % small[2] * stride[2] - before[2] + tap % window[2] * dilation[2];
    const bool inside = p >= 0 && p < large[0] && q >= 0 && q < large[1] && r >= 0 && r < large[2];
    return inside ? (p * large[1] + q) * large[2] + r : -1;
  }

  /// The same on a large side that has its padding in memory, as much as the windows reach.
  Window written_out() const {
    Window padded = *this;
    for (int d = 0; d < 3; ++d) {
      padded.large[d] = (small[d] - 1) * stride[d] + (window[d] - 1) * dilation[d] + 1;
      padded.before[d] = 0;
    }
    padded.large_volume = padded.large[0] * padded.large[1] * padded.large[2];
    return padded;
  }

  /// The window sees each pixel of the large side once, in order.
  bool is_pointwise() const {
    for (int d = 0; d < 3; ++d) {
      if (window[d] != 1 || stride[d] != 1 || before[d] != 0 || small[d] != large[d]) return false;
    }
    return true;
  }

  /// f(position in the large side, position in the window) for each tap inside, both flat.
  template <class F>
  THAW_HOST_DEVICE void taps(std::int64_t small_flat, const F& f) const {
    const std::int64_t at2 = small_flat % small[2] * stride[2] - before[2];
    const std::int64_t at1 = small_flat / small[2] % small[1] * stride[1] - before[1];
    const std::int64_t at0 = small_flat / small[2] / small[1] * stride[0] - before[0];
    for (std::int64_t i = 0; i < window[0]; ++i) {
      const std::int64_t p = at0 + i * dilation[0];
      if (p < 0 || p >= large[0]) continue;
      for (std::int64_t j = 0; j < window[1]; ++j) {
        const std::int64_t q = at1 + j * dilation[1];
        if (q < 0 || q >= large[1]) continue;
        for (std::int64_t k = 0; k < window[2]; ++k) {
          const std::int64_t r = at2 + k * dilation[2];
          if (r < 0 || r >= large[2]) continue;
          f((p * large[1] + q) * large[2] + r, (i * window[1] + j) * window[2] + k);
        }
      }
    }
  }

  /// The reverse: f(position in the small side, position in the window) for each window that covers
  /// a position of the large side.
  template <class F>
  THAW_HOST_DEVICE void covers(std::int64_t large_flat, const F& f) const {
    const std::int64_t at[3] = {large_flat / large[2] / large[1], large_flat / large[2] % large[1],
                                large_flat % large[2]};
    for (std::int64_t i = 0; i < window[0]; ++i) {
      const std::int64_t p = at[0] + before[0] - i * dilation[0];
      if (p < 0 || p % stride[0] != 0 || p / stride[0] >= small[0]) continue;
      for (std::int64_t j = 0; j < window[1]; ++j) {
        const std::int64_t q = at[1] + before[1] - j * dilation[1];
        if (q < 0 || q % stride[1] != 0 || q / stride[1] >= small[1]) continue;
        for (std::int64_t k = 0; k < window[2]; ++k) {
          const std::int64_t r = at[2] + before[2] - k * dilation[2];
          if (r < 0 || r % stride[2] != 0 || r / stride[2] >= small[2]) continue;
          f((p / stride[0] * small[1] + q / stride[1]) * small[2] + r / stride[2],
            (i * window[1] + j) * window[2] + k);
        }
      }
    }
  }
};

/// The most images whose columns fit into `most` bytes, dividing `images`; 0 if one alone does not.
inline std::int64_t images_at_once(std::int64_t images, std::int64_t bytes_each,
                                   std::int64_t most) {
  for (std::int64_t parts = 1; parts <= images; ++parts) {
    if (images % parts == 0 && images / parts * bytes_each <= most) return images / parts;
  }
  return 0;
}

/// The spatial dimensions of weights [K..., C, O].
Ints spatial_dims(const Shape& weights);

/// What the window sees at each pixel of `images` images, [pixel, tap, channel]; zero outside.
void enqueue_columns(const Queue& queue, const Window& window, std::int64_t images,
                     std::int64_t channels, DType dtype, const void* x, void* columns);

/// y (the large side) = what all windows have for each pixel, in float32 (float64 for float64), and
/// the bias, which may be null. `dtype` is y's and the bias's.
void enqueue_from_columns(const Queue& queue, const Window& window, std::int64_t images,
                          std::int64_t channels, DType dtype, const void* columns, const void* bias,
                          void* y);

/// The large side of window.written_out(): x with zeros around it.
void enqueue_padded(const Queue& queue, const Window& window, std::int64_t images,
                    std::int64_t channels, DType dtype, const void* x, void* padded);

}  // namespace thaw::cuda
