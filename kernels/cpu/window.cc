#include "kernels/cpu/window.h"

#include <cstring>

#include "runtime/ir/infer.h"

namespace thaw::cpu {
namespace {

constexpr std::int64_t kWaveFloats = 1 << 18;  // padded images kept at a time: about an L2 cache

void clear(float* p, std::int64_t count) {
  if (count > 0) std::memset(p, 0, static_cast<std::size_t>(count) * sizeof(float));
}

void copy_repeated(const float* from, std::int64_t count, std::int64_t repeat, float* to) {
  if (repeat == 1) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t r = 0; r < repeat; ++r) *to++ = from[i];
  }
}

}  // namespace

bool Window::init(const ops::Conv& op, const Shape& x, const Shape& w, const Shape& y,
                  std::int64_t channel_repeat, int threads, bool make_padding) {
  const int spatial = x.rank() - 2;
  if (spatial < 1 || spatial > 3) return false;
  make_padding_ = make_padding;
  images = x[0];
  repeat = channel_repeat;
  channels = x[x.rank() - 1] * repeat;
  copied = repeat > 1;
  for (int i = 0; i < spatial; ++i) {
    const auto from = static_cast<std::size_t>(i), to = static_cast<std::size_t>(3 - spatial + i);
    in[to] = x[1 + i];
    out[to] = y[1 + i];
    kernel[to] = w[i];
    stride[to] = op.strides[from];
    dilation[to] = op.dilations[from];
    before[to] = window_padding(in[to], kernel[to], stride[to], dilation[to], op.padding, i).first;
    if (before[to] < 0) return false;
  }
  for (std::size_t i = 0; i < 3; ++i) {
    const std::int64_t needed = (out[i] - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1;
    const bool fits = !make_padding || (before[i] == 0 && needed <= in[i]);
    padded[i] = fits ? in[i] : needed;
    copied = copied || !fits;
  }
  wave = images;
  if (copied) {
    const std::int64_t several = kWaveFloats / std::max<std::int64_t>(1, padded_floats());
    wave = std::min(images, std::max<std::int64_t>(several, threads));
  }
  return true;
}

const float* Window::pad(const Args& args, const float* x, std::int64_t first,
                         std::int64_t count) const {
  if (!copied) return x + first * padded_floats();
  float* memory = reinterpret_cast<float*>(args.workspace);
  const std::int64_t lines = padded[0] * padded[1], line = padded[2] * channels;
  const Extent front = make_padding_ ? before : Extent{0, 0, 0};
  const std::int64_t in_line = in[2] * (channels / repeat);
  parallel(args, count * lines, line / 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t image = first + i / lines;
      const std::int64_t d = i % lines / padded[1] - front[0], h = i % padded[1] - front[1];
      float* to = memory + i * line;
      if (d < 0 || d >= in[0] || h < 0 || h >= in[1]) {
        clear(to, line);
        continue;
      }
      const std::int64_t left = std::min(front[2], padded[2]);
      const std::int64_t pixels = std::min(in[2], padded[2] - left);
      clear(to, left * channels);
      copy_repeated(x + ((image * in[0] + d) * in[1] + h) * in_line, pixels * (channels / repeat),
                    repeat, to + left * channels);
      clear(to + (left + pixels) * channels, (padded[2] - left - pixels) * channels);
    }
  });
  return memory;
}

}  // namespace thaw::cpu
