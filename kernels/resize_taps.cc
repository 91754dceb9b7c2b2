// Weights are computed in float in TensorFlow's order of operations: which pixels a window takes in
// depends on the rounding.
#include "kernels/resize_taps.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/base/check.h"

namespace thaw {
namespace {

/// One axis of an image: its sizes before and after, and where a sampling kernel puts it.
struct ResizedAxis {
  std::int64_t in, out;
  float scale, translation;
};

/// Element `axis` of host operand `i`, a float32 vector.
float host_float(const Site& site, std::size_t i, std::size_t axis) {
  THAW_CHECK(site.constants[i] != nullptr, "resize needs operand {} at preparation", i);
  return static_cast<const float*>(site.constants[i]->data())[axis];
}

ResizedAxis resized_axis(const Site& site, int axis) {
  const std::int64_t in = site.in[0].shape[axis + 1], out = site.out[0].shape[axis + 1];
  ResizedAxis resized{in, out, static_cast<float>(out) / static_cast<float>(in), 0};
  if (site.in.size() == 4) {
    resized.scale = host_float(site, 2, static_cast<std::size_t>(axis));
    resized.translation = host_float(site, 3, static_cast<std::size_t>(axis));
    if (!(resized.scale > 0)) {
      fail(ErrorCode::invalid_argument, "scale: expected a positive number, found {}",
           resized.scale);
    }
  }
  return resized;
}

// ---- sampling kernels: the weight at a distance >= 0 of x pixels ----

float lanczos(float x, float radius) {
  constexpr float kPi = 3.14159265359F;
  if (x > radius) return 0;
  if (x <= 1e-3F) return 1;
  return radius * std::sin(kPi * x) * std::sin(kPi * x / radius) / (kPi * kPi * x * x);
}

float gaussian(float x) {
  constexpr float kDeviation = 0.5F;
  if (x >= 3 * kDeviation) return 0;
  return static_cast<float>(std::exp(-x * x / (2.0 * kDeviation * kDeviation)));
}

float box(float x) { return x < 0.5F ? 1.0F : x == 0.5F ? 0.5F : 0.0F; }

float triangle(float x) { return x < 1 ? 1 - x : 0.0F; }

float keys_cubic(float x) {
  if (x >= 2) return 0;
  if (x >= 1) return ((-0.5F * x + 2.5F) * x - 4.0F) * x + 2.0F;
  return (1.5F * x - 2.5F) * x * x + 1.0F;
}

float mitchell_cubic(float x) {
  if (x >= 2) return 0;
  if (x >= 1) return ((-7.0F / 18 * x + 2.0F) * x - 10.0F / 3) * x + 16.0F / 9;
  return (7.0F / 6 * x - 2.0F) * x * x + 8.0F / 9;
}

struct SamplingKernel {
  float radius;
  float (*weight)(float);
};

SamplingKernel sampling_kernel(ResizeMethod method) {
  switch (method) {
    case ResizeMethod::lanczos1: return {1, [](float x) { return lanczos(x, 1); }};
    case ResizeMethod::lanczos3: return {3, [](float x) { return lanczos(x, 3); }};
    case ResizeMethod::lanczos5: return {5, [](float x) { return lanczos(x, 5); }};
    case ResizeMethod::gaussian: return {1.5F, gaussian};
    case ResizeMethod::box: return {1, box};
    case ResizeMethod::triangle: return {1, triangle};
    case ResizeMethod::keys_cubic: return {2, keys_cubic};
    case ResizeMethod::mitchell_cubic: return {2, mitchell_cubic};
    default: break;
  }
  fail(ErrorCode::internal, "resize: method {} has no sampling kernel", static_cast<int>(method));
}

/// Makes the weights of the pixel under way sum to one, unless they vanish.
void normalise(Taps& taps) {
  const auto first = taps.weight.begin() + taps.begin.back();
  float sum = 0;
  for (auto weight = first; weight != taps.weight.end(); ++weight) sum += *weight;
  if (std::fabs(sum) < 1000 * std::numeric_limits<float>::min()) return;
  const float factor = 1 / sum;
  for (auto weight = first; weight != taps.weight.end(); ++weight) *weight *= factor;
}

Taps sampled_taps(const SamplingKernel& kernel, const ResizedAxis& axis, bool antialias) {
  const float step = 1 / axis.scale;
  const float shift = -step * axis.translation;
  const float widening = antialias ? std::max(step, 1.0F) : 1.0F;
  const float reach = kernel.radius * widening, narrowing = 1 / widening;
  const auto last = static_cast<float>(axis.in - 1);
  Taps taps;
  for (std::int64_t i = 0; i < axis.out; ++i) {
    const float at = (static_cast<float>(i) + 0.5F) * step + shift;
    // Outside the image nothing is sampled. The comparison is false for NaN as well.
    if (at >= 0 && at <= static_cast<float>(axis.in)) {
      const float low = std::ceil(at - reach - 0.5F), high = std::floor(at + reach - 0.5F);
      const auto first = static_cast<std::int64_t>(std::clamp(low, 0.0F, last));
      const auto end = static_cast<std::int64_t>(std::clamp(high, 0.0F, last)) + 1;
      for (std::int64_t source = first; source < std::min(end, axis.in); ++source) {
        const float distance = static_cast<float>(source) + 0.5F - at;
        taps.add(source, kernel.weight(std::fabs(distance * narrowing)));
      }
      normalise(taps);
    }
    taps.end_pixel();
  }
  return taps;
}

// ---- cubic convolution from a table of 1024 positions between two pixels ----

/// The weight of a pixel `offset` / 1024 + (0 or 1) pixels away.
float cubic_weight(std::int64_t offset, bool far, double a) {
  constexpr double kPositions = 1024;
  auto x = static_cast<float>(static_cast<double>(offset) / kPositions);
  if (!far) return static_cast<float>(((a + 2) * x - (a + 3)) * x * x + 1);
  x += 1;
  return static_cast<float>(((a * x - 5 * a) * x + 8 * a) * x - 4 * a);
}

Taps cubic_taps(const ops::Resize& op, const ResizedAxis& axis) {
  const float step = resize_step(axis.in, axis.out, op.align_corners);
  const bool keys = op.half_pixel_centers;
  const double a = keys ? -0.5 : -0.75;
  Taps taps;
  for (std::int64_t i = 0; i < axis.out; ++i) {
    const float at =
        keys ? (static_cast<float>(i) + 0.5F) * step - 0.5F : static_cast<float>(i) * step;
    const float whole = std::floor(at);
    const std::int64_t offset = std::lrint((at - whole) * 1024);
    const float weights[] = {cubic_weight(offset, true, a), cubic_weight(offset, false, a),
                             cubic_weight(1024 - offset, false, a),
                             cubic_weight(1024 - offset, true, a)};
    for (int tap = 0; tap < 4; ++tap) {
      const std::int64_t source = static_cast<std::int64_t>(whole) + tap - 1;
      const std::int64_t held = std::clamp(source, std::int64_t{0}, axis.in - 1);
      // Keys' form leaves out what lies beyond the border, the older one repeats the border.
      taps.add(held, keys && held != source ? 0.0F : weights[tap]);
    }
    if (keys) normalise(taps);
    taps.end_pixel();
  }
  return taps;
}

// ---- area: the mean of what a result pixel covers ----

Taps area_taps(const ops::Resize& op, const ResizedAxis& axis) {
  const float step = resize_step(axis.in, axis.out, op.align_corners);
  Taps taps;
  for (std::int64_t i = 0; i < axis.out; ++i) {
    const float from = static_cast<float>(i) * step, to = static_cast<float>(i + 1) * step;
    const auto first = static_cast<std::int64_t>(std::floor(from));
    const auto end = std::max(static_cast<std::int64_t>(std::ceil(to)), first + 1);
    for (std::int64_t source = first; source < end; ++source) {
      const auto left = static_cast<float>(source), right = static_cast<float>(source + 1);
      const float covered =
          left < from ? (right > to ? step : right - from) : (right > to ? to - left : 1.0F);
      // With corners aligned a single source pixel covers everything.
      taps.add(std::clamp(source, std::int64_t{0}, axis.in - 1), step == 0 ? 1 : covered / step);
    }
    taps.end_pixel();
  }
  return taps;
}

}  // namespace

float resize_step(std::int64_t in, std::int64_t out, bool align_corners) {
  return align_corners && out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                                  : static_cast<float>(in) / static_cast<float>(out);
}

Taps resize_taps(const Site& site, int axis) {
  const auto& op = site.op_as<ops::Resize>();
  const ResizedAxis resized = resized_axis(site, axis);
  if (op.method == ResizeMethod::bicubic) return cubic_taps(op, resized);
  if (op.method == ResizeMethod::area) return area_taps(op, resized);
  return sampled_taps(sampling_kernel(op.method), resized, op.antialias);
}

std::vector<std::int64_t> nearest_indices(std::int64_t in, std::int64_t out,
                                          const ops::Resize& op) {
  const float scale = resize_step(in, out, op.align_corners);
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < out; ++i) {
    const float at = op.half_pixel_centers ? (static_cast<float>(i) + 0.5f) * scale
                                           : static_cast<float>(i) * scale;
    const float whole = op.align_corners ? std::round(at) : std::floor(at);
    indices.push_back(std::clamp(static_cast<std::int64_t>(whole), std::int64_t{0}, in - 1));
  }
  return indices;
}

std::vector<Interpolation> linear_weights(std::int64_t in, std::int64_t out,
                                          const ops::Resize& op) {
  const float scale = resize_step(in, out, op.align_corners);
  std::vector<Interpolation> weights;
  for (std::int64_t i = 0; i < out; ++i) {
    const float at = op.half_pixel_centers ? (static_cast<float>(i) + 0.5f) * scale - 0.5f
                                           : static_cast<float>(i) * scale;
    const float floor = std::floor(at);
    weights.push_back({std::clamp(static_cast<std::int64_t>(floor), std::int64_t{0}, in - 1),
                       std::min(static_cast<std::int64_t>(std::ceil(at)), in - 1), at - floor});
  }
  return weights;
}

}  // namespace thaw
