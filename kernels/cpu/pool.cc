// Pool on float32: channels along the vector lanes, the window clipped to the input.
// Parallel over output lines.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/pool.cc"
// clang-format off
#include "kernels/cpu/simd.h"
#include "hwy/foreach_target.h"
#include "kernels/cpu/math-inl.h"
// clang-format on

#include <array>

#include "kernels/cpu/common.h"
#include "kernels/cpu/kernels.h"
#include "runtime/ir/infer.h"

#ifndef THAW_KERNELS_CPU_POOL_
#define THAW_KERNELS_CPU_POOL_
namespace thaw::cpu {

/// The part of one output pixel's window that is inside; depth, height, width.
struct PoolWindow {
  const float* x;  // its first input pixel
  std::array<std::int64_t, 3> count, stride;
  std::int64_t channels, pixel;  // floats of a pixel, from one to the next
  bool average;
};

}  // namespace thaw::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace thaw::cpu {
namespace HWY_NAMESPACE {

template <bool kAverage, class Load>
HWY_INLINE V Reduce(const PoolWindow& s, const float* x, const Load& load) {
  V acc = kAverage ? hn::Zero(f) : Splat(-__builtin_inff());
  for (std::int64_t d = 0; d < s.count[0]; ++d) {
    for (std::int64_t h = 0; h < s.count[1]; ++h) {
      const float* p = x + d * s.stride[0] + h * s.stride[1];
      for (std::int64_t w = 0; w < s.count[2]; ++w, p += s.pixel) {
        acc = kAverage ? hn::Add(acc, load(p)) : Maximum(acc, load(p));
      }
    }
  }
  if (!kAverage) return acc;
  return hn::Div(acc, Splat(static_cast<float>(s.count[0] * s.count[1] * s.count[2])));
}

struct LoadAll {
  HWY_INLINE V operator()(const float* p) const { return hn::LoadU(f, p); }
};
struct LoadSome {
  HWY_INLINE V operator()(const float* p) const { return LoadPartial(p, count); }
  std::int64_t count;
};

template <bool kAverage>
void Pixel(const PoolWindow& s, float* y) {
  std::int64_t c = 0;
  for (; c + kLanes <= s.channels; c += kLanes) {
    hn::StoreU(Reduce<kAverage>(s, s.x + c, LoadAll{}), f, y + c);
  }
  if (c < s.channels) {
    const std::int64_t left = s.channels - c;
    StorePartial(Reduce<kAverage>(s, s.x + c, LoadSome{left}), y + c, left);
  }
}

void PoolPixel(const PoolWindow& s, float* y) {
  s.average ? Pixel<true>(s, y) : Pixel<false>(s, y);
}

}  // namespace HWY_NAMESPACE
}  // namespace thaw::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thaw::cpu {

HWY_EXPORT(PoolPixel);

namespace {

using Extent = std::array<std::int64_t, 3>;

struct PoolShape {
  std::int64_t images = 0, channels = 0;
  Extent in{1, 1, 1}, out{1, 1, 1}, window{1, 1, 1}, stride{1, 1, 1}, before{0, 0, 0};
  bool average = false;
};

class PoolKernel final : public Kernel {
 public:
  explicit PoolKernel(const PoolShape& shape) : s_(shape) {}
  const char* name() const override { return "cpu pool"; }
  bool reads_rows(std::size_t, std::int64_t columns) const override {
    return columns == s_.channels;
  }
  bool writes_rows(std::size_t, std::int64_t columns) const override {
    return columns == s_.channels;
  }

  void run(const Args& args) const override {
    const std::int64_t lines = s_.images * s_.out[0] * s_.out[1];
    const std::int64_t cost =
        s_.out[2] * s_.channels * s_.window[0] * s_.window[1] * s_.window[2] / 4;
    parallel(args, lines, std::max<std::int64_t>(1, cost),
             [&](std::int64_t begin, std::int64_t end) {
               for (std::int64_t i = begin; i < end; ++i) {
                 line(args.in[0], i, args.out[0]);
               }
             });
  }

 private:
  void line(const View& from, std::int64_t index, const View& to) const {
    const std::int64_t x_pixel = from.row_stride(s_.channels), y_pixel = to.row_stride(s_.channels);
    const std::int64_t row = s_.in[2] * x_pixel, plane = s_.in[1] * row;
    const float* x = from.as<float>();
    float* y = to.as_mutable<float>() + index * s_.out[2] * y_pixel;
    const Extent at{index / s_.out[1] % s_.out[0], index % s_.out[1], 0};
    PoolWindow w{nullptr, {}, {plane, row, x_pixel}, s_.channels, x_pixel, s_.average};
    const float* corner = x + index / s_.out[1] / s_.out[0] * s_.in[0] * plane;
    for (std::size_t i = 0; i < 2; ++i) corner += clip(i, at[i], w.count[i]) * w.stride[i];
    for (std::int64_t p = 0; p < s_.out[2]; ++p) {
      w.x = corner + clip(2, p, w.count[2]) * x_pixel;
      HWY_DYNAMIC_DISPATCH(PoolPixel)(w, y + p * y_pixel);
    }
  }

  /// First input index of the window inside, and how many are.
  std::int64_t clip(std::size_t i, std::int64_t at, std::int64_t& count) const {
    const std::int64_t start = at * s_.stride[i] - s_.before[i];
    const std::int64_t first = std::max<std::int64_t>(0, start);
    count = std::max<std::int64_t>(0, std::min(s_.in[i], start + s_.window[i]) - first);
    return count == 0 ? 0 : first;
  }

  PoolShape s_;
};

}  // namespace

std::unique_ptr<Kernel> prepare_pool(const Site& site) {
  const auto& op = site.op_as<ops::Pool>();
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  const int spatial = x.rank() - 2;
  if (!all_float32(site) || spatial < 1 || spatial > 3 || y.num_elements() == 0) return nullptr;
  PoolShape s;
  s.images = x[0];
  s.channels = x[x.rank() - 1];
  s.average = op.kind == PoolKind::average;
  for (int i = 0; i < spatial; ++i) {
    const auto from = static_cast<std::size_t>(i), to = static_cast<std::size_t>(3 - spatial + i);
    s.in[to] = x[1 + i];
    s.out[to] = y[1 + i];
    s.window[to] = op.window[from];
    s.stride[to] = op.strides[from];
    s.before[to] = window_padding(s.in[to], s.window[to], s.stride[to], 1, op.padding, i).first;
  }
  return std::make_unique<PoolKernel>(s);
}

}  // namespace thaw::cpu
#endif
