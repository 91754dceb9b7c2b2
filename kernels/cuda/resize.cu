// Resizing by the nearest pixel or between two: one thread per element of the result. Positions are
// rounded as TensorFlow's are, so this file is compiled without contraction to fused operations.
#include <cmath>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/strided.h"
#include "kernels/cuda/table.h"

namespace thaw::cuda {
namespace {

struct ResizeAxis {
  std::int64_t in = 1, out = 1;
  float scale = 1;
  bool align_corners = false, half_pixel_centers = false;

  ResizeAxis(std::int64_t from, std::int64_t to, const ops::Resize& op)
      : in(from),
        out(to),
        align_corners(op.align_corners),
        half_pixel_centers(op.half_pixel_centers) {
    scale = align_corners && to > 1 ? static_cast<float>(from - 1) / static_cast<float>(to - 1)
                                    : static_cast<float>(from) / static_cast<float>(to);
  }

  THAW_HOST_DEVICE std::int64_t inside(float position) const {
    const auto whole = static_cast<std::int64_t>(position);
    return whole < 0 ? 0 : whole < in ? whole : in - 1;
  }
  THAW_HOST_DEVICE std::int64_t nearest(std::int64_t i) const {
    const float at =
        half_pixel_centers ? (static_cast<float>(i) + 0.5f) * scale : static_cast<float>(i) * scale;
    return inside(align_corners ? std::round(at) : std::floor(at));
  }
  /// The two neighbours, and the weight of the upper one.
  THAW_HOST_DEVICE float between(std::int64_t i, std::int64_t& lower, std::int64_t& upper) const {
    const float at = half_pixel_centers ? (static_cast<float>(i) + 0.5f) * scale - 0.5f
                                        : static_cast<float>(i) * scale;
    const float floor = std::floor(at);
    lower = inside(floor);
    const auto ceil = static_cast<std::int64_t>(std::ceil(at));
    upper = ceil < in - 1 ? ceil : in - 1;
    return at - floor;
  }
};

template <class T>
struct NearestBody {
  ResizeAxis rows, columns;
  std::int64_t channels;
  const T* x;
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t channel = i % channels, column = i / channels % columns.out;
    const std::int64_t row = i / channels / columns.out % rows.out;
    const std::int64_t image = i / channels / columns.out / rows.out;
    const std::int64_t line = image * rows.in + rows.nearest(row);
    y[i] = x[(line * columns.in + columns.nearest(column)) * channels + channel];
  }
};

template <class T>
struct BilinearBody {
  using C = Compute<T>;
  ResizeAxis rows, columns;
  std::int64_t channels;
  const T* x;
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t channel = i % channels, column = i / channels % columns.out;
    const std::int64_t row = i / channels / columns.out % rows.out;
    const T* image = x + i / channels / columns.out / rows.out * rows.in * columns.in * channels;
    std::int64_t top, bottom, left, right;
    const C down = static_cast<C>(rows.between(row, top, bottom));
    const C along = static_cast<C>(columns.between(column, left, right));
    const auto at = [&](std::int64_t line, std::int64_t pixel) {
      return to_compute(image[(line * columns.in + pixel) * channels + channel]);
    };
    const C above = at(top, left) + (at(top, right) - at(top, left)) * along;
    const C below = at(bottom, left) + (at(bottom, right) - at(bottom, left)) * along;
    y[i] = from_compute<T>(above + (below - above) * down);
  }
};

}  // namespace

KernelPtr prepare_resize(const Site& site) {
  const auto& op = site.op_as<ops::Resize>();
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  if (site.in[0].dtype != site.out[0].dtype || x.num_elements() == 0) return nullptr;
  const ResizeAxis rows(x[1], y[1], op), columns(x[2], y[2], op);
  const std::int64_t channels = x[3], count = y.num_elements();
  if (op.method == ResizeMethod::nearest) {
    return for_storage(site.out[0].dtype, [&](auto tag) {
      using T = TypeOf<decltype(tag)>;
      return make_kernel({"cuda resize"}, [=](const Args& args, const Queue& queue) {
        launch_each(queue, count,
                    NearestBody<T>{rows, columns, channels, args.in[0].as<T>(),
                                   args.out[0].as_mutable<T>()});
      });
    });
  }
  if (op.method != ResizeMethod::bilinear || op.antialias) return nullptr;
  return for_floats(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel({"cuda resize"}, [=](const Args& args, const Queue& queue) {
      launch_each(queue, count,
                  BilinearBody<T>{rows, columns, channels, args.in[0].as<T>(),
                                  args.out[0].as_mutable<T>()});
    });
  });
}

}  // namespace thaw::cuda
