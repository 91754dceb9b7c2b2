// Depthwise Conv on float32: channels along the vector lanes, up to eight output pixels of a line
// share each load of the weights; the window is clipped to the input. Several outputs per channel:
// a copy of the input repeats the channel. Parallel over output lines.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv_depthwise.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/functions-inl.h"
// clang-format on

#include <utility>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/window.h"

#ifndef THAW_KERNELS_CPU_CONV_DEPTHWISE_
#define THAW_KERNELS_CPU_CONV_DEPTHWISE_
namespace thaw::cpu {

/// One output line over the input lines that its window covers.
struct DepthwiseLine {
  const float* x;     // input line of the first covered window line, its first pixel
  const float* w;     // [window lines and planes, kernel, channels], from the first covered one
  const float* bias;  // or null
  float* y;
  std::int64_t planes, lines;                     // covered
  std::int64_t x_plane, x_line, w_plane, w_line;  // strides
  std::int64_t kernel, stride, dilation, before;  // along the line, in pixels
  std::int64_t in_pixels, out_pixels, channels;
  std::int64_t y_pixel;  // floats from one output pixel to the next
  VectorFn activation;
};

}  // namespace thaw::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

HWY_INLINE V LoadChannels(const float* p, std::int64_t left) {
  return left >= kLanes ? hn::LoadU(f, p) : LoadPartial(p, left);
}

/// P pixels from `pixel` on x one vector of channels; the taps [begin, end) of each are inside the
/// line.
template <int P>
HWY_INLINE void Pixels(const DepthwiseLine& s, std::int64_t pixel, std::int64_t channel,
                       std::int64_t begin, std::int64_t end) {
  const std::int64_t left = s.channels - channel, pixel_stride = s.stride * s.channels;
  const bool whole = left >= kLanes;
  V acc[P];
  for (int p = 0; p < P; ++p) acc[p] = hn::Zero(f);
  const float* corner =
      s.x + (pixel * s.stride - s.before + begin * s.dilation) * s.channels + channel;
  for (std::int64_t d = 0; d < s.planes; ++d) {
    for (std::int64_t h = 0; h < s.lines; ++h) {
      const float* x = corner + d * s.x_plane + h * s.x_line;
      const float* w = s.w + d * s.w_plane + h * s.w_line + begin * s.channels + channel;
      for (std::int64_t k = begin; k < end; ++k, x += s.dilation * s.channels, w += s.channels) {
        if (whole) {
          const V weight = hn::LoadU(f, w);
          HWY_UNROLL(8)
          for (int p = 0; p < P; ++p) {
            acc[p] = hn::MulAdd(hn::LoadU(f, x + p * pixel_stride), weight, acc[p]);
          }
        } else {
          const V weight = LoadPartial(w, left);
          for (int p = 0; p < P; ++p) {
            acc[p] = hn::MulAdd(LoadPartial(x + p * pixel_stride, left), weight, acc[p]);
          }
        }
      }
    }
  }
  const V bias = s.bias == nullptr ? hn::Zero(f) : LoadChannels(s.bias + channel, left);
  float* y = s.y + pixel * s.y_pixel + channel;
  for (int p = 0; p < P; ++p, y += s.y_pixel) {
    V sum = hn::Add(acc[p], bias);
    if (s.activation.kind == UnaryKind::relu) {
      sum = Relu(sum);
    } else if (s.activation.kind == UnaryKind::clamp) {
      sum = Function<UnaryKind::clamp>(sum, Splat(s.activation.alpha), Splat(s.activation.beta));
    } else if (s.activation.kind != UnaryKind::linear) {
      sum = CallFunction(s.activation, sum);
    }
    if (whole) {
      hn::StoreU(sum, f, y);
    } else {
      StorePartial(sum, y, left);
    }
  }
}

template <int P>
HWY_INLINE void AllChannels(const DepthwiseLine& s, std::int64_t pixel, std::int64_t begin,
                            std::int64_t end) {
  for (std::int64_t channel = 0; channel < s.channels; channel += kLanes) {
    Pixels<P>(s, pixel, channel, begin, end);
  }
}

/// A pixel at a border: only some taps.
void BorderPixel(const DepthwiseLine& s, std::int64_t pixel) {
  const std::int64_t start = pixel * s.stride - s.before;
  std::int64_t begin = 0, end = s.kernel;
  while (begin < end && start + begin * s.dilation < 0) ++begin;
  while (end > begin && start + (end - 1) * s.dilation >= s.in_pixels) --end;
  AllChannels<1>(s, pixel, begin, end);
}

void Line(const DepthwiseLine& s) {
  // Pixels [first, last) have their whole window inside the line.
  const std::int64_t first = HWY_MIN(s.out_pixels, (s.before + s.stride - 1) / s.stride);
  const std::int64_t room = s.in_pixels - 1 - (s.kernel - 1) * s.dilation + s.before;
  const std::int64_t last =
      room < 0 ? first : HWY_MAX(first, HWY_MIN(s.out_pixels, room / s.stride + 1));
  std::int64_t pixel = 0;
  for (; pixel < first; ++pixel) BorderPixel(s, pixel);
  for (; pixel + 8 <= last; pixel += 8) AllChannels<8>(s, pixel, 0, s.kernel);
  for (; pixel + 4 <= last; pixel += 4) AllChannels<4>(s, pixel, 0, s.kernel);
  for (; pixel < last; ++pixel) AllChannels<1>(s, pixel, 0, s.kernel);
  for (; pixel < s.out_pixels; ++pixel) BorderPixel(s, pixel);
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(Line);

namespace {

class DepthwiseKernel final : public Kernel {
 public:
  DepthwiseKernel(const ops::Conv& op, const Window& window, bool bias)
      : window_(window), has_bias_(bias), activation_(op.activation) {
    workspace_ = window_.workspace();
  }

  const char* name() const override { return "cpu depthwise conv"; }
  bool writes_rows(std::size_t, std::int64_t columns) const override {
    return columns == window_.channels;
  }

  void run(const Args& args) const override {
    const Window& n = window_;
    const std::int64_t lines = n.out[0] * n.out[1],
                       line = n.out[2] * args.out[0].row_stride(n.channels);
    const std::int64_t cost = n.out[2] * n.channels * n.kernel[0] * n.kernel[1] * n.kernel[2] / 2;
    for (std::int64_t first = 0; first < n.images; first += n.wave) {
      const std::int64_t count = std::min(n.wave, n.images - first);
      const float* images = n.pad(args, args.in[0].as<float>(), first, count);
      float* y = args.out[0].as_mutable<float>() + first * lines * line;
      parallel(args, count * lines, std::max<std::int64_t>(1, cost),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const DepthwiseLine s = line_at(args, images + i / lines * n.padded_floats(),
                                                   i % lines, y + i * line);
                   HWY_DYNAMIC_DISPATCH(Line)(s);
                 }
               });
    }
  }

 private:
  DepthwiseLine line_at(const Args& args, const float* image, std::int64_t index, float* y) const {
    const Window& n = window_;
    DepthwiseLine s{};
    s.x_line = n.padded[2] * n.channels;
    s.x_plane = n.padded[1] * s.x_line;
    s.w_line = n.kernel[2] * n.channels;
    s.w_plane = n.kernel[1] * s.w_line;
    std::int64_t d = index / n.out[1] * n.stride[0] - n.before[0],
                 h = index % n.out[1] * n.stride[1] - n.before[1];
    const std::int64_t skip_d = cover(0, d, s.planes), skip_h = cover(1, h, s.lines);
    s.x = image + d * s.x_plane + h * s.x_line;
    s.x_plane *= n.dilation[0];
    s.x_line *= n.dilation[1];
    s.w = args.in[1].as<float>() + skip_d * s.w_plane + skip_h * s.w_line;
    s.bias = has_bias_ ? args.in[2].as<float>() : nullptr;
    s.y = y;
    s.kernel = n.kernel[2];
    s.stride = n.stride[2];
    s.dilation = n.dilation[2];
    s.before = n.before[2];
    s.in_pixels = n.padded[2];
    s.out_pixels = n.out[2];
    s.channels = n.channels;
    s.y_pixel = args.out[0].row_stride(n.channels);
    s.activation = activation_;
    return s;
  }

  /// Moves `start` to the first tap inside the input; returns how many taps that skips.
  std::int64_t cover(std::size_t axis, std::int64_t& start, std::int64_t& count) const {
    const std::int64_t step = window_.dilation[axis], size = window_.padded[axis];
    const std::int64_t skip =
        start < 0 ? std::min(window_.kernel[axis], ceil_div(-start, step)) : 0;
    start += skip * step;
    const std::int64_t room = start < size ? ceil_div(size - start, step) : 0;
    count = std::min(window_.kernel[axis] - skip, room);
    if (count == 0) start = 0;
    return skip;
  }

  Window window_;
  bool has_bias_;
  VectorFn activation_;
};

}  // namespace

std::unique_ptr<Kernel> prepare_conv_depthwise(const Site& site) {
  const auto& op = site.op_as<ops::Conv>();
  const Shape &x = site.in[0].shape, &w = site.in[1].shape;
  const std::int64_t channels = x[x.rank() - 1], outputs = w[w.rank() - 1];
  if (!all_float32(site) || !has_vector_form(op.activation.kind) || op.groups != channels ||
      channels < 2 || site.out[0].shape.num_elements() == 0 || w.num_elements() == 0) {
    return nullptr;
  }
  Window window;
  if (!window.init(op, x, w, site.out[0].shape, outputs / channels, site.threads, false))
    return nullptr;
  return std::make_unique<DepthwiseKernel>(op, window, site.in.size() > 2);
}

}  // namespace thaw::cpu
#endif
