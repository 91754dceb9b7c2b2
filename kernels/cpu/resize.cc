// Nearest and bilinear resizing of channels-last images: the source pixels of a row are found once,
// channels are the inner loop. Parallel over result rows.
#include <cstring>

#include "kernels/cpu/common.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/plain.h"
#include "kernels/resize_taps.h"

namespace thaw::cpu {
namespace {

struct Sizes {
  std::int64_t images, height, width, channels;  // of the operand
};

std::unique_ptr<Kernel> prepare_nearest(const Site& site, const Sizes& s) {
  const auto& op = site.op_as<ops::Resize>();
  const Shape& shape = site.out[0].shape;
  const std::size_t pixel = static_cast<std::size_t>(s.channels) * size_of(site.out[0].dtype);
  return plain_kernel(
      "cpu resize nearest", [s, pixel, rows = nearest_indices(s.height, shape[1], op),
                             columns = nearest_indices(s.width, shape[2], op)](const Args& args) {
        const auto* x = static_cast<const std::byte*>(args.in[0].data);
        auto* y = static_cast<std::byte*>(args.out[0].data);
        const auto height = static_cast<std::int64_t>(rows.size());
        parallel(args, s.images * height, static_cast<std::int64_t>(columns.size() * pixel / 4),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t i = begin; i < end; ++i) {
                     const std::int64_t row =
                         i / height * s.height + rows[static_cast<std::size_t>(i % height)];
                     const std::byte* from = x + static_cast<std::size_t>(row * s.width) * pixel;
                     std::byte* to = y + static_cast<std::size_t>(i) * columns.size() * pixel;
                     for (const std::int64_t column : columns) {
                       std::memcpy(to, from + static_cast<std::size_t>(column) * pixel, pixel);
                       to += pixel;
                     }
                   }
                 });
      });
}

float mix(float a, float b, float weight) { return a + (b - a) * weight; }

void bilinear_row(const float* top, const float* bottom, float weight,
                  const std::vector<Interpolation>& columns, std::int64_t channels, float* to) {
  for (const Interpolation& column : columns) {
    const std::int64_t left = column.lower * channels, right = column.upper * channels;
    const auto across = static_cast<float>(column.weight);
    for (std::int64_t c = 0; c < channels; ++c) {
      const float above = mix(top[left + c], top[right + c], across);
      const float below = mix(bottom[left + c], bottom[right + c], across);
      to[c] = mix(above, below, weight);
    }
    to += channels;
  }
}

std::unique_ptr<Kernel> prepare_bilinear(const Site& site, const Sizes& s) {
  const auto& op = site.op_as<ops::Resize>();
  const Shape& shape = site.out[0].shape;
  return plain_kernel(
      "cpu resize bilinear", [s, rows = linear_weights(s.height, shape[1], op),
                              columns = linear_weights(s.width, shape[2], op)](const Args& args) {
        const float* x = args.in[0].as<float>();
        float* y = args.out[0].as_mutable<float>();
        const auto height = static_cast<std::int64_t>(rows.size()),
                   line = static_cast<std::int64_t>(columns.size()) * s.channels;
        parallel(args, s.images * height, 2 * line, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) {
            const Interpolation& row = rows[static_cast<std::size_t>(i % height)];
            const float* image = x + i / height * s.height * s.width * s.channels;
            bilinear_row(image + row.lower * s.width * s.channels,
                         image + row.upper * s.width * s.channels, static_cast<float>(row.weight),
                         columns, s.channels, y + i * line);
          }
        });
      });
}

}  // namespace

std::unique_ptr<Kernel> prepare_resize(const Site& site) {
  const ResizeMethod method = site.op_as<ops::Resize>().method;
  const Shape& x = site.in[0].shape;
  if (site.out[0].shape.num_elements() == 0 || site.in[0].dtype == DType::string) return nullptr;
  const Sizes sizes{x[0], x[1], x[2], x[3]};
  if (method == ResizeMethod::nearest && site.in[0].dtype == site.out[0].dtype) {
    return prepare_nearest(site, sizes);
  }
  if (method == ResizeMethod::bilinear && site.in[0].dtype == DType::float32 &&
      site.out[0].dtype == DType::float32) {
    return prepare_bilinear(site, sizes);
  }
  return nullptr;
}

}  // namespace thaw::cpu
