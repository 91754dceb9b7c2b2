// Tiles of a convolution: inputs transformed, one product per point over all tiles of a chunk, the
// products transformed back. Parallel over chunks, whose buffers stay in the L2 cache.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/winograd.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/functions-inl.h"
#include "kernels/cpu/winograd-inl.h"
// clang-format on

#include "kernels/cpu/winograd.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/cpu/gemm.h"

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

/// Where a tile is.
struct Tile {
  std::int64_t image, line, pixel;  // of its first output
};

HWY_INLINE Tile TileAt(const WinogradChunk& c, std::int64_t index) {
  const std::int64_t line = index / c.tile_pixels, pixel = index % c.tile_pixels;
  return {line / c.tile_lines, line % c.tile_lines * 2, pixel * 2};
}

/// The pixels under a tile's window.
template <class Form>
HWY_INLINE void Patch(const WinogradChunk& c, const Tile& tile,
                      const float* (&pixels)[Form::kPoints]) {
  const std::int64_t first_line = tile.line - c.lines_before;
  const std::int64_t first_pixel = tile.pixel - c.pixels_before;
  const float* image = c.x + tile.image * c.in_lines * c.in_pixels * c.x_pixel;
  for (int i = 0; i < Form::kLines; ++i) {
    const std::int64_t line = first_line + i;
    const bool inside = line >= 0 && line < c.in_lines;
    for (int j = 0; j < Form::kSide; ++j) {
      const std::int64_t pixel = first_pixel + j;
      pixels[i * Form::kSide + j] = inside && pixel >= 0 && pixel < c.in_pixels
                                        ? image + (line * c.in_pixels + pixel) * c.x_pixel
                                        : c.zeros;
    }
  }
}

template <class Form>
void InputTiles(const WinogradChunk& c) {
  for (std::int64_t t = c.first; t < c.last; ++t) {
    const float* pixels[Form::kPoints];
    Patch<Form>(c, TileAt(c, t), pixels);
    float* to = c.v + (t - c.first) * c.channels;
    V d[Form::kPoints], v[Form::kPoints];
    std::int64_t channel = 0;
    for (; channel + kLanes <= c.channels; channel += kLanes) {
      HWY_UNROLL(16)
      for (int i = 0; i < Form::kPoints; ++i) d[i] = hn::LoadU(f, pixels[i] + channel);
      Form::Nested(Form::Line::kInput, d, v);
      HWY_UNROLL(16)
      for (int i = 0; i < Form::kPoints; ++i) hn::StoreU(v[i], f, to + i * c.v_stride + channel);
    }
    const std::int64_t left = c.channels - channel;
    if (left == 0) continue;
    for (int i = 0; i < Form::kPoints; ++i) d[i] = LoadPartial(pixels[i] + channel, left);
    Form::Nested(Form::Line::kInput, d, v);
    for (int i = 0; i < Form::kPoints; ++i) {
      StorePartial(v[i], to + i * c.v_stride + channel, left);
    }
  }
}

HWY_INLINE V Activated(const WinogradChunk& c, V y) {
  if (c.activation.kind == UnaryKind::relu) return Relu(y);
  return c.activation.kind == UnaryKind::linear ? y : CallFunction(c.activation, y);
}

/// The largest output of a tile, from one vector of channels on.
HWY_INLINE void FinishPooled(const WinogradChunk& c, const Tile& tile, std::int64_t channel, V bias,
                             const V* sums) {
  const std::int64_t left = c.outputs - channel;
  V y = Activated(c, hn::Add(sums[0], bias));
  for (int i = 1; i < 4; ++i) y = Maximum(y, Activated(c, hn::Add(sums[i], bias)));
  const std::int64_t line = tile.image * c.tile_lines + tile.line / 2;
  float* to = c.y + (line * c.tile_pixels + tile.pixel / 2) * c.y_pixel + channel;
  if (left >= kLanes) {
    hn::StoreU(y, f, to);
  } else {
    StorePartial(y, to, left);
  }
}

/// Outputs of a tile from one vector of channels on, with bias and activation.
template <class Form>
HWY_INLINE void Finish(const WinogradChunk& c, const Tile& tile, std::int64_t channel,
                       const V* sums) {
  const std::int64_t left = c.outputs - channel;
  const bool whole = left >= kLanes;
  V bias = hn::Zero(f);
  if (c.bias != nullptr) {
    bias = whole ? hn::LoadU(f, c.bias + channel) : LoadPartial(c.bias + channel, left);
  }
  if constexpr (Form::kOutLines == 2) {
    if (c.pooled) return FinishPooled(c, tile, channel, bias, sums);
  }
  float* image = c.y + tile.image * c.out_lines * c.out_pixels * c.y_pixel + channel;
  for (int i = 0; i < Form::kOutLines; ++i) {
    const std::int64_t line = tile.line + i;
    if (line >= c.out_lines) return;
    for (int j = 0; j < 2; ++j) {
      const std::int64_t pixel = tile.pixel + j;
      if (pixel >= c.out_pixels) break;
      const V y = Activated(c, hn::Add(sums[i * 2 + j], bias));
      float* to = image + (line * c.out_pixels + pixel) * c.y_pixel;
      if (whole) {
        hn::StoreU(y, f, to);
      } else {
        StorePartial(y, to, left);
      }
    }
  }
}

/// The tile by the definition.
template <class Form>
HWY_NOINLINE void PlainTile(const WinogradChunk& c, const Tile& tile) {
  constexpr int kTaps = Form::kSide - 1;
  const float* pixels[Form::kPoints];
  Patch<Form>(c, tile, pixels);
  for (std::int64_t n = 0; n < c.outputs; n += kLanes) {
    const std::int64_t block = n / (4 * kLanes) * (4 * kLanes);
    const std::int64_t width = HWY_MIN(4, ceil_div(c.outputs - block, kLanes)) * kLanes;
    const float* column = c.weights + block * c.channels + (n - block);
    V sums[Form::kOutLines * 2], u[Form::kPoints], taps[Form::kTapLines * kTaps];
    for (V& sum : sums) sum = hn::Zero(f);
    for (std::int64_t k = 0; k < c.channels; ++k) {
      for (int i = 0; i < Form::kPoints; ++i) {
        u[i] = hn::LoadU(f, column + i * c.weight_stride + k * width);
      }
      Form::Nested(Form::Line::kTaps, u, taps);
      for (int out = 0; out < Form::kOutLines * 2; ++out) {
        for (int tap = 0; tap < Form::kTapLines * kTaps; ++tap) {
          const int at = (out / 2 + tap / kTaps) * Form::kSide + out % 2 + tap % kTaps;
          sums[out] = hn::MulAdd(Splat(pixels[at][k]), taps[tap], sums[out]);
        }
      }
    }
    Finish<Form>(c, tile, n, sums);
  }
}

template <class Form>
void OutputTiles(const WinogradChunk& c) {
  for (std::int64_t t = c.first; t < c.last; ++t) {
    const Tile tile = TileAt(c, t);
    const float* from = c.m + (t - c.first) * c.outputs;
    V finite = hn::Zero(f);  // stays it while all sums are finite
    for (std::int64_t channel = 0; channel < c.outputs; channel += kLanes) {
      const std::int64_t left = c.outputs - channel;
      V m[Form::kPoints], sums[Form::kOutLines * 2];
      if (left >= kLanes) {
        HWY_UNROLL(16)
        for (int i = 0; i < Form::kPoints; ++i)
          m[i] = hn::LoadU(f, from + i * c.m_stride + channel);
      } else {
        for (int i = 0; i < Form::kPoints; ++i) {
          m[i] = LoadPartial(from + i * c.m_stride + channel, left);
        }
      }
      Form::Nested(Form::Line::kOutput, m, sums);
      HWY_UNROLL(4)
      for (int i = 0; i < Form::kOutLines * 2; ++i) {
        finite = hn::MulAdd(sums[i], hn::Zero(f), finite);
      }
      Finish<Form>(c, tile, channel, sums);
    }
    if (!hn::AllTrue(f, hn::Eq(finite, hn::Zero(f)))) PlainTile<Form>(c, tile);
  }
}

template <class Body>
HWY_INLINE void WithForm(const WinogradChunk& c, const Body& body) {
  if (c.square) return body(Form<3, true>{});
  if (c.taps == 3) return body(Form<3, false>{});
  if (c.taps == 4) return body(Form<4, false>{});
  body(Form<5, false>{});
}

void WinogradInput(const WinogradChunk& c) {
  WithForm(c, [&](auto form) HWY_ATTR { InputTiles<decltype(form)>(c); });
}

void WinogradOutput(const WinogradChunk& c) {
  WithForm(c, [&](auto form) HWY_ATTR { OutputTiles<decltype(form)>(c); });
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(WinogradInput);
HWY_EXPORT(WinogradOutput);

namespace {

constexpr std::int64_t kChunkFloats = 3 << 15;  // of both buffers of a chunk: in L2 beside weights
constexpr std::int64_t kLeastTiles = 12, kMostTiles = 192, kTileStep = 6;  // of a chunk
constexpr std::int64_t kLeastChannels = 8;
// Transformed weights: 16/9 of the plain ones, and read once per chunk.
constexpr std::int64_t kMostWeightFloats = 16 << 16;

/// Between the buffers of two points: a line more, so that they do not meet in the cache's sets.
std::int64_t apart(std::int64_t count) { return ceil_div(count, 16) * 16 + 16; }

template <int kSide, int kTaps>
std::vector<std::vector<double>> nested(const double (&line)[kSide][kTaps], bool square) {
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < (square ? kSide : 1); ++i) {
    for (int j = 0; j < kSide; ++j) {
      std::vector<double>& row = rows.emplace_back();
      for (int r = 0; r < (square ? kTaps : 1); ++r) {
        for (int s = 0; s < kTaps; ++s) row.push_back((square ? line[i][r] : 1) * line[j][s]);
      }
    }
  }
  return rows;
}

/// Per point the factors of the taps.
std::vector<std::vector<double>> weight_transform(std::int64_t taps, bool square) {
  if (taps == 3) return nested(WinogradLine<3>::kWeights, square);
  if (taps == 4) return nested(WinogradLine<4>::kWeights, square);
  return nested(WinogradLine<5>::kWeights, square);
}

/// w [taps, channels, outputs] to the packed matrices of all points, and behind them 1 if all of
/// their elements are finite, else 0.
void pack_points(const WinogradChunk& c, const float* w, float* to) {
  const std::int64_t matrix = c.channels * c.outputs;
  const std::vector<std::vector<double>> rows = weight_transform(c.taps, c.square);
  std::vector<double> sums(static_cast<std::size_t>(c.outputs));
  std::vector<float> point(static_cast<std::size_t>(matrix));
  bool finite = true;
  for (const std::vector<double>& row : rows) {
    for (std::int64_t k = 0; k < c.channels; ++k) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (std::size_t tap = 0; tap < row.size(); ++tap) {
        if (row[tap] == 0) continue;
        const float* from = w + static_cast<std::int64_t>(tap) * matrix + k * c.outputs;
        for (std::size_t n = 0; n < sums.size(); ++n) sums[n] += row[tap] * from[n];
      }
      float* line = point.data() + k * c.outputs;
      for (std::size_t n = 0; n < sums.size(); ++n) {
        line[n] = static_cast<float>(sums[n]);
        finite = finite && std::isfinite(line[n]);
      }
    }
    pack_matrix(point.data(), c.channels, c.outputs, c.outputs, 1, to, 0,
                ceil_div(c.outputs, gemm_columns()));
    to += c.weight_stride;
  }
  *to = finite ? 1 : 0;
}

/// The convolution's geometry; false if it is none of the forms.
bool describe(const Window& w, std::int64_t groups, WinogradChunk& c) {
  using Extent = Window::Extent;
  c.taps = w.kernel[2];
  c.square = w.kernel[1] > 1;
  const bool fits = c.square ? w.kernel[1] == 3 && c.taps == 3 : c.taps >= 3 && c.taps <= 5;
  if (!fits || w.in[0] != 1 || w.kernel[0] != 1 || w.out[0] != 1 || groups != 1 || w.repeat != 1 ||
      w.stride != Extent{1, 1, 1} || w.dilation != Extent{1, 1, 1} || w.before[0] != 0) {
    return false;
  }
  c.in_lines = w.in[1];
  c.in_pixels = w.in[2];
  c.out_lines = w.out[1];
  c.out_pixels = w.out[2];
  c.lines_before = w.before[1];
  c.pixels_before = w.before[2];
  c.channels = w.channels;
  return true;
}

}  // namespace

std::optional<Winograd> Winograd::prepare(const Site& site, int operand, const Window& window,
                                          std::int64_t groups, const UnaryFn& activation,
                                          std::int64_t pool) {
  Winograd result;
  WinogradChunk& c = result.base_;
  if (!describe(window, groups, c) || !has_vector_form(activation.kind)) return std::nullopt;
  const Shape& w = site.in[static_cast<std::size_t>(operand)].shape;
  c.outputs = w[w.rank() - 1];
  // Lines on their own stay so: a tile of a square form is two lines high.
  c.tile_lines = c.square ? ceil_div(c.out_lines, 2) : c.out_lines;
  c.tile_pixels = ceil_div(c.out_pixels, 2);
  if (pool > 1) {
    if (!c.square || pool != 2) return std::nullopt;
    c.pooled = true;
    c.tile_lines = c.out_lines / 2;
    c.tile_pixels = c.out_pixels / 2;
  }
  c.activation = VectorFn(activation);
  c.weight_stride = packed_size(c.channels, c.outputs);
  const std::int64_t floats = c.points() * c.weight_stride;
  const std::int64_t tiles = window.images * c.tile_lines * c.tile_pixels;
  if (c.channels < kLeastChannels || c.outputs < kLeastChannels || tiles < kLeastTiles ||
      floats > kMostWeightFloats || (!c.square && c.out_lines != 1)) {
    return std::nullopt;
  }
  result.packed_ = packed_weights(
      site, operand,
      layout_name("winograd", {c.taps, c.square, c.channels, c.outputs, float_lanes()}), floats + 1,
      [&](const float* from, float* to) { pack_points(c, from, to); });
  if (result.packed_.get()[floats] == 0) return std::nullopt;
  c.weights = result.packed_.get();
  result.images_ = window.images;
  result.threads_ = site.threads;
  const std::int64_t most = kChunkFloats / (c.points() * (c.channels + c.outputs));
  result.chunk_tiles_ = std::clamp(most / kTileStep * kTileStep, kLeastTiles, kMostTiles);
  return result;
}

/// As many for each thread, if there is work for all.
std::int64_t Winograd::chunks(std::int64_t tiles) const {
  const std::int64_t count = ceil_div(tiles, chunk_tiles_);
  return tiles < kTileStep * threads_ ? count : ceil_div(count, threads_) * threads_;
}

std::int64_t Winograd::slot_floats() const {
  return base_.points() *
             (apart(chunk_tiles_ * base_.channels) + apart(chunk_tiles_ * base_.outputs)) +
         apart(base_.channels);
}

std::size_t Winograd::workspace() const {
  const std::int64_t count = chunks(images_ * base_.tile_lines * base_.tile_pixels);
  return static_cast<std::size_t>(std::min(threads_, count) * slot_floats()) * sizeof(float);
}

void Winograd::run_chunk(const WinogradChunk& c) const {
  HWY_DYNAMIC_DISPATCH(WinogradInput)(c);
  Gemm g;
  g.inner_rows = g.m = c.last - c.first;
  g.row_stride = g.segment_length = c.channels;
  g.n = g.c_stride = c.outputs;
  const std::int64_t tasks = gemm_tasks(g.m, g.n);
  for (std::int64_t point = 0; point < c.points(); ++point) {
    g.a = c.v + point * c.v_stride;
    g.packed = c.weights + point * c.weight_stride;
    g.c = c.m + point * c.m_stride;
    gemm(g, 0, tasks);
  }
  HWY_DYNAMIC_DISPATCH(WinogradOutput)(c);
}

void Winograd::run(const Args& args, const float* x, std::int64_t images, const float* bias,
                   float* y, std::byte* workspace, std::int64_t x_pitch,
                   std::int64_t y_pitch) const {
  const std::int64_t tiles = images * base_.tile_lines * base_.tile_pixels;
  const std::int64_t count = chunks(tiles), slots = std::min(threads_, count);
  const std::int64_t v_stride = apart(chunk_tiles_ * base_.channels);
  const std::int64_t m_stride = apart(chunk_tiles_ * base_.outputs);
  std::atomic<std::int64_t> next{0};
  parallel(args, slots, kParallelWork, [&](std::int64_t begin, std::int64_t) {
    WinogradChunk c = base_;
    float* memory = reinterpret_cast<float*>(workspace) + begin * slot_floats();
    c.v = memory;
    c.v_stride = v_stride;
    c.m = c.v + c.points() * v_stride;
    c.m_stride = m_stride;
    float* zeros = c.m + c.points() * m_stride;
    std::fill_n(zeros, c.channels, 0.0F);
    c.zeros = zeros;
    c.x = x;
    c.bias = bias;
    c.y = y;
    c.x_pixel = x_pitch == 0 ? c.channels : x_pitch;
    c.y_pixel = y_pitch == 0 ? c.outputs : y_pitch;
    for (std::int64_t i = next++; i < count; i = next++) {
      c.first = tiles * i / count;
      c.last = tiles * (i + 1) / count;
      run_chunk(c);
    }
  });
}

}  // namespace thaw::cpu
#endif
