// Depthwise Conv on float32: channels along the vector lanes, four output pixels of a line share each load
// of the weights. Several outputs per channel: the padded copy repeats the channel.
// Parallel over output lines.
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

/// One output line.
struct DepthwiseLine {
  const float* x;  // corner of the first pixel
  const float* w;  // [taps, channels]
  const float* bias;
  float* y;
  const std::int64_t* taps;
  std::int64_t tap_count, pixels, pixel_stride, channels;
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

/// P pixels x one vector of channels; `left` channels are real.
template <int P>
HWY_INLINE void Pixels(const DepthwiseLine& s, std::int64_t pixel, std::int64_t channel) {
  const std::int64_t left = s.channels - channel;
  const bool whole = left >= kLanes;
  V acc[P];
  const V bias = s.bias == nullptr ? hn::Zero(f) : LoadChannels(s.bias + channel, left);
  for (int p = 0; p < P; ++p) acc[p] = hn::Zero(f);
  const float* x = s.x + pixel * s.pixel_stride + channel;
  const float* w = s.w + channel;
  if (whole) {
    for (std::int64_t t = 0; t < s.tap_count; ++t, w += s.channels) {
      const V weight = hn::LoadU(f, w);
      HWY_UNROLL(8)
      for (int p = 0; p < P; ++p) {
        acc[p] = hn::MulAdd(hn::LoadU(f, x + s.taps[t] + p * s.pixel_stride), weight, acc[p]);
      }
    }
  } else {
    for (std::int64_t t = 0; t < s.tap_count; ++t, w += s.channels) {
      const V weight = LoadPartial(w, left);
      for (int p = 0; p < P; ++p) {
        acc[p] = hn::MulAdd(LoadPartial(x + s.taps[t] + p * s.pixel_stride, left), weight, acc[p]);
      }
    }
  }
  float* y = s.y + pixel * s.channels + channel;
  for (int p = 0; p < P; ++p, y += s.channels) {
    V sum = hn::Add(acc[p], bias);
    if (s.activation.kind == UnaryKind::relu) {
      sum = Relu(sum);
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

void Line(const DepthwiseLine& s) {
  for (std::int64_t channel = 0; channel < s.channels; channel += kLanes) {
    std::int64_t pixel = 0;
    for (; pixel + 4 <= s.pixels; pixel += 4) Pixels<4>(s, pixel, channel);
    for (; pixel < s.pixels; ++pixel) Pixels<1>(s, pixel, channel);
  }
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
    for (std::int64_t d = 0; d < window_.kernel[0]; ++d) {
      for (std::int64_t h = 0; h < window_.kernel[1]; ++h) {
        for (std::int64_t w = 0; w < window_.kernel[2]; ++w) taps_.push_back(window_.tap(d, h, w));
      }
    }
  }

  const char* name() const override { return "cpu depthwise conv"; }

  void run(const Args& args) const override {
    const Window& n = window_;
    const std::int64_t lines = n.out[0] * n.out[1], line = n.out[2] * n.channels;
    const auto taps = static_cast<std::int64_t>(taps_.size());
    for (std::int64_t first = 0; first < n.images; first += n.wave) {
      const std::int64_t count = std::min(n.wave, n.images - first);
      const float* images = n.pad(args, args.in[0].as<float>(), first, count);
      float* y = args.out[0].as_mutable<float>() + first * lines * line;
      const float* bias = has_bias_ ? args.in[2].as<float>() : nullptr;
      parallel(args, count * lines, line * taps / 4, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const float* corner = images + i / lines * n.padded_floats() +
                                i % lines / n.out[1] * n.slice_stride() + i % n.out[1] * n.line_stride();
          const DepthwiseLine s{corner,       args.in[1].as<float>(), bias,           y + i * line,
                                taps_.data(), taps,                   n.out[2],       n.row_stride(),
                                n.channels,   activation_};
          HWY_DYNAMIC_DISPATCH(Line)(s);
        }
      });
    }
  }

 private:
  Window window_;
  std::vector<std::int64_t> taps_;
  bool has_bias_;
  VectorFn activation_;
};

}  // namespace

std::unique_ptr<Kernel> prepare_conv_depthwise(const Site& site) {
  const auto& op = site.op_as<ops::Conv>();
  const Shape &x = site.in[0].shape, &w = site.in[1].shape;
  const std::int64_t channels = x[x.rank() - 1], outputs = w[w.rank() - 1];
  if (!all_float32(site) || !has_vector_form(op.activation.kind) || op.groups != channels || channels < 2 ||
      site.out[0].shape.num_elements() == 0 || w.num_elements() == 0) {
    return nullptr;
  }
  Window window;
  if (!window.init(op, x, w, site.out[0].shape, outputs / channels, site.threads)) return nullptr;
  return std::make_unique<DepthwiseKernel>(op, window, site.in.size() > 2);
}

}  // namespace thaw::cpu
#endif
