// Convolutions of stride 1 with fewer multiplications (Winograd's minimal filtering): two outputs
// per axis at a time, 3 taps on two axes or 3 to 5 on one.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "kernels/cpu/functions.h"
#include "kernels/cpu/window.h"
#include "kernels/kernel.h"

namespace thaw::cpu {

/// What the vector code needs for a chunk of tiles; a tile is two outputs per axis.
struct WinogradChunk {
  std::int64_t taps = 3;
  bool square = false;  // on two axes
  bool pooled = false;  // of each tile only the largest output is kept; tiles at the edge are whole
  std::int64_t in_lines = 1, in_pixels = 0, out_lines = 1, out_pixels = 0;
  std::int64_t lines_before = 0, pixels_before = 0;  // of padding
  std::int64_t tile_lines = 1, tile_pixels = 0;      // tiles of an image
  std::int64_t channels = 0, outputs = 0;
  std::int64_t x_pixel = 0, y_pixel = 0;  // floats from one pixel to the next
  VectorFn activation;
  const float* weights = nullptr;  // [points] matrices [channels, outputs], packed for gemm()
  std::int64_t weight_stride = 0;  // between them
  const float* x = nullptr;
  const float* zeros = nullptr;  // a pixel outside the image
  const float* bias = nullptr;   // or null
  float* y = nullptr;
  std::int64_t first = 0, last = 0;         // tiles, of all images
  float *v = nullptr, *m = nullptr;         // [points][tile]: transformed inputs, products
  std::int64_t v_stride = 0, m_stride = 0;  // between points

  std::int64_t points() const { return square ? (taps + 1) * (taps + 1) : taps + 1; }
};

class Winograd {
 public:
  /// For the constant weights `operand` of a site; nothing if the convolution is none of these, if
  /// it does not pay or if a weight is not finite. `window` is without made padding and pooling.
  static std::optional<Winograd> prepare(const Site& site, int operand, const Window& window,
                                         std::int64_t groups, const UnaryFn& activation,
                                         std::int64_t pool = 1);

  std::size_t workspace() const;
  /// y [images, S'..., outputs] from x, whose pixels may have gaps between them (View; 0: none); no
  /// more images than the window has. Parallel over chunks of tiles, on which no result depends. A
  /// tile with a sum that is not finite is computed from the definition: the transforms would
  /// spread NaN and infinity to its other outputs.
  void run(const Args& args, const float* x, std::int64_t images, const float* bias, float* y,
           std::byte* workspace, std::int64_t x_pitch = 0, std::int64_t y_pitch = 0) const;
  std::int64_t channels() const { return base_.channels; }
  std::int64_t outputs() const { return base_.outputs; }
  bool is_pooled() const { return base_.pooled; }

 private:
  void run_chunk(const WinogradChunk& chunk) const;
  std::int64_t chunks(std::int64_t tiles) const;
  std::int64_t slot_floats() const;

  WinogradChunk base_;  // without what belongs to a run
  std::shared_ptr<const float> packed_;
  std::int64_t images_ = 0, chunk_tiles_ = 0;
  std::int64_t threads_ = 1;
};

/// A Conv by it (conv_winograd.cc); with a bias as operand 2.
std::unique_ptr<Kernel> winograd_kernel(Winograd winograd, std::int64_t images, bool bias);

}  // namespace thaw::cpu
