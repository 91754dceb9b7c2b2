// Resizing by the nearest pixel or between two: one thread per element of the result. Positions are
// rounded as TensorFlow's are, so this file is compiled without contraction to fused operations.
// All other methods are weighted sums of pixels that are known at preparation: one thread per
// element, first along the columns of an image, then along its rows.
#include <cmath>
#include <cstring>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/narrow.h"
#include "kernels/cuda/strided.h"
#include "kernels/cuda/table.h"
#include "kernels/resize_taps.h"

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

/// A source pixel and its weight.
struct Tap {
  std::int32_t index;
  float weight;
};

/// One axis in the device's memory: result i is made of taps [begin[i], begin[i + 1]).
struct SampledAxis {
  std::int64_t in = 0, out = 0;
  const Tap* taps = nullptr;
  const std::int32_t* begin = nullptr;
  std::shared_ptr<const void> memory;  // the taps, and behind them `begin`

  /// False if an index is beyond int32.
  bool set(const Site& site, int axis, const Device& device) {
    in = site.in[0].shape[axis + 1];
    out = site.out[0].shape[axis + 1];
    const Taps from = resize_taps(site, axis);
    if (in > INT32_MAX || from.index.size() > INT32_MAX) return false;
    const std::size_t tap_bytes = from.index.size() * sizeof(Tap);
    Tensor table(
        DType::uint8,
        Shape({static_cast<std::int64_t>(tap_bytes + from.begin.size() * sizeof(std::int32_t))}));
    auto* to = static_cast<std::byte*>(table.mutable_data());
    for (std::size_t i = 0; i < from.index.size(); ++i) {
      const Tap tap{static_cast<std::int32_t>(from.index[i]), from.weight[i]};
      std::memcpy(to + i * sizeof tap, &tap, sizeof tap);
    }
    for (std::size_t i = 0; i < from.begin.size(); ++i) {
      const auto first = static_cast<std::int32_t>(from.begin[i]);
      std::memcpy(to + tap_bytes + i * sizeof first, &first, sizeof first);
    }
    memory = uploaded(table, device);
    taps = static_cast<const Tap*>(memory.get());
    begin = reinterpret_cast<const std::int32_t*>(taps + from.index.size());
    return true;
  }
};

/// [outer, in, inner] -> [outer, out, inner]. Sums in float64: where weights cancel each other out,
/// float32 would lose what the oracle keeps; memory decides all the same.
template <class From, class To>
struct SampleBody {
  std::int64_t in, out, inner;
  const Tap* taps;
  const std::int32_t* begin;
  const From* x;
  To* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t within = i % inner, line = i / inner, at = line % out;
    const From* from = x + line / out * in * inner + within;
    double sum = 0;
    for (std::int32_t t = begin[at]; t < begin[at + 1]; ++t) {
      const Tap tap = taps[t];
      sum += static_cast<double>(to_compute(from[tap.index * inner])) *
             static_cast<double>(tap.weight);
    }
    y[i] = from_compute<To>(sum);
  }
};

template <class From, class To>
void enqueue_sampled(const Queue& queue, const SampledAxis& axis, std::int64_t outer,
                     std::int64_t inner, const From* x, To* y) {
  launch_each(queue, outer * axis.out * inner,
              SampleBody<From, To>{axis.in, axis.out, inner, axis.taps, axis.begin, x, y});
}

}  // namespace

KernelPtr prepare_sampled_resize(const Site& site, const Device& device) {
  const ResizeMethod method = site.op_as<ops::Resize>().method;
  if (method == ResizeMethod::nearest || method == ResizeMethod::bilinear) return nullptr;
  const std::int64_t images = site.in[0].shape[0], channels = site.in[0].shape[3];
  SampledAxis rows, columns;
  if (!rows.set(site, 0, device) || !columns.set(site, 1, device)) return nullptr;
  // Rows of the result, as wide as the source.
  const std::size_t workspace =
      static_cast<std::size_t>(images * rows.out * columns.in * channels) * sizeof(double);
  return for_floats(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel(
        {"cuda resize, sampled", workspace}, [=](const Args& args, const Queue& queue) {
          auto* lines = reinterpret_cast<double*>(args.workspace);
          enqueue_sampled(queue, rows, images, columns.in * channels, args.in[0].as<T>(), lines);
          enqueue_sampled(queue, columns, images * rows.out, channels, lines,
                          args.out[0].as_mutable<T>());
        });
  });
}

KernelPtr prepare_resize(const Site& site) {
  const auto& op = site.op_as<ops::Resize>();
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
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
  if (op.method != ResizeMethod::bilinear) return nullptr;
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
