// Pooling, convolution and its transpose by the definition: one thread per element of the result,
// channels last, so that neighbouring threads read neighbouring channels or weights.
#include "kernels/cuda/functions.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/narrow.h"
#include "kernels/cuda/product.h"
#include "kernels/cuda/table.h"
#include "kernels/cuda/window.cuh"

namespace thaw::cuda {
namespace {

template <class T>
struct PoolBody {
  static constexpr int kLeastBlocks = 1;  // registers for all values
  Window w;
  std::int64_t channels;
  bool max;
  Compute<T> least;  // a window without elements
  Reader<T> x;
  Writer<T> y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    using C = Compute<T>;
    using Dividend = std::conditional_t<kIsFloat<T>, C, std::int64_t>;
    const std::int64_t channel = i % channels, at = i / channels;
    const std::int64_t image = at / w.small_volume * w.large_volume * channels + channel;
    C best = least;
    Sum<T> sum = 0;
    std::int64_t count = 0;
    w.taps(at % w.small_volume, [&](std::int64_t pixel, std::int64_t) {
      const C value = x[image + pixel * channels];
      if (value > best || value != value) best = value;  // a NaN wins and stays
      sum += static_cast<Sum<T>>(value);
      ++count;
    });
    if (max) {
      y.put(i, best);
    } else if (kIsFloat<T> || count > 0) {
      y.put(i, static_cast<Dividend>(sum) / static_cast<Dividend>(count));
    } else {
      y.put(i, C{0});
    }
  }
};

/// W: of the weights.
template <class T, class W = T>
struct ConvBody {
  Window w;
  std::int64_t in_channels, out_channels, group_in, group_out;
  Function<Compute<T>> activation;
  const T* x;
  const W* weights;
  const T* bias;  // may be null
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    using C = Compute<T>;
    const std::int64_t o = i % out_channels, at = i / out_channels;
    const std::int64_t group = o / group_out;
    const T* image = x + at / w.small_volume * w.large_volume * in_channels + group * group_in;
    C sum = bias == nullptr ? C{0} : to_compute(bias[o]);
    w.taps(at % w.small_volume, [&](std::int64_t pixel, std::int64_t tap) {
      const T* left = image + pixel * in_channels;
      const W* right = weights + tap * group_in * out_channels + o;
      for (std::int64_t c = 0; c < group_in; ++c) {
        sum += to_compute(left[c]) * to_compute(right[c * out_channels]);
      }
    });
    y[i] = from_compute<T>(activate(activation, sum));
  }
};

/// weights [window, O, C]
template <class T>
struct ConvTransposeBody {
  static constexpr int kLeastBlocks = 1;  // registers for all values
  Window w;
  std::int64_t in_channels, out_channels;
  const T *x, *weights, *bias;  // bias may be null
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    using C = Compute<T>;
    const std::int64_t o = i % out_channels, at = i / out_channels;
    const T* image = x + at / w.large_volume * w.small_volume * in_channels;
    C sum = bias == nullptr ? C{0} : to_compute(bias[o]);
    w.covers(at % w.large_volume, [&](std::int64_t pixel, std::int64_t tap) {
      const T* left = image + pixel * in_channels;
      const T* right = weights + (tap * out_channels + o) * in_channels;
      for (std::int64_t c = 0; c < in_channels; ++c) {
        sum += to_compute(left[c]) * to_compute(right[c]);
      }
    });
    y[i] = from_compute<T>(sum);
  }
};

/// columns [pixel of the small side, tap, channel]: what a window over each pixel sees.
template <class T>
struct ColumnsBody {
  Window w;
  std::int64_t channels, taps;
  const T* x;
  T* columns;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t channel = i % channels, tap = i / channels % taps;
    const std::int64_t at = i / channels / taps;
    const std::int64_t pixel = w.pixel(at % w.small_volume, tap);
    const T* image = x + at / w.small_volume * w.large_volume * channels;
    columns[i] = pixel < 0 ? T{} : image[pixel * channels + channel];
  }
};

/// The reverse, which sums what the windows over a pixel of the large side have for it.
template <class T>
struct FromColumnsBody {
  Window w;
  std::int64_t channels, taps;
  const Compute<T>* columns;
  const T* bias;  // may be null
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t channel = i % channels, at = i / channels;
    const std::int64_t first = at / w.large_volume * w.small_volume;
    Compute<T> sum = bias == nullptr ? Compute<T>{0} : to_compute(bias[channel]);
    w.covers(at % w.large_volume, [&](std::int64_t pixel, std::int64_t tap) {
      sum += columns[((first + pixel) * taps + tap) * channels + channel];
    });
    y[i] = from_compute<T>(sum);
  }
};

template <class T>
struct PaddedBody {
  Window w, padded;
  std::int64_t channels;
  const T* x;
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t channel = i % channels, at = i / channels % padded.large_volume;
    const std::int64_t image = i / channels / padded.large_volume;
    const std::int64_t p = at / padded.large[2] / padded.large[1] - w.before[0];
    const std::int64_t q = at / padded.large[2] % padded.large[1] - w.before[1];
    const std::int64_t r = at % padded.large[2] - w.before[2];
    const bool inside =
        p >= 0 && p < w.large[0] && q >= 0 && q < w.large[1] && r >= 0 && r < w.large[2];
    const std::int64_t pixel = (p * w.large[1] + q) * w.large[2] + r;
    y[i] = inside ? x[(image * w.large_volume + pixel) * channels + channel] : T{};
  }
};

}  // namespace

Ints spatial_dims(const Shape& weights) {
  const auto& dims = weights.dims();
  return Ints(dims.begin(), dims.end() - 2);
}

void enqueue_columns(const Queue& queue, const Window& window, std::int64_t images,
                     std::int64_t channels, DType dtype, const void* x, void* columns) {
  const std::int64_t taps = window.window[0] * window.window[1] * window.window[2];
  const std::int64_t count = images * window.small_volume * taps * channels;
  for_storage(dtype, [&](auto tag) -> KernelPtr {
    using T = TypeOf<decltype(tag)>;
    launch_each(
        queue, count,
        ColumnsBody<T>{window, channels, taps, static_cast<const T*>(x), static_cast<T*>(columns)});
    return nullptr;
  });
}

void enqueue_from_columns(const Queue& queue, const Window& window, std::int64_t images,
                          std::int64_t channels, DType dtype, const void* columns, const void* bias,
                          void* y) {
  const std::int64_t taps = window.window[0] * window.window[1] * window.window[2];
  for_floats(dtype, [&](auto tag) -> KernelPtr {
    using T = TypeOf<decltype(tag)>;
    launch_each(queue, images * window.large_volume * channels,
                FromColumnsBody<T>{window, channels, taps, static_cast<const Compute<T>*>(columns),
                                   static_cast<const T*>(bias), static_cast<T*>(y)});
    return nullptr;
  });
}

void enqueue_padded(const Queue& queue, const Window& window, std::int64_t images,
                    std::int64_t channels, DType dtype, const void* x, void* padded) {
  const Window target = window.written_out();
  for_storage(dtype, [&](auto tag) -> KernelPtr {
    using T = TypeOf<decltype(tag)>;
    launch_each(
        queue, images * target.large_volume * channels,
        PaddedBody<T>{window, target, channels, static_cast<const T*>(x), static_cast<T*>(padded)});
    return nullptr;
  });
}

KernelPtr prepare_pool(const Site& site) {
  const auto& op = site.op_as<ops::Pool>();
  const Shape& x = site.in[0].shape;
  const std::int64_t channels = x[x.rank() - 1], count = site.out[0].shape.num_elements();
  Window window;
  if (!window.set(x, site.out[0].shape, op.window, op.strides, {}, op.padding)) return nullptr;
  return for_reals(site.out[0].dtype, [&, max = op.kind == PoolKind::max](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const auto least = lowest_of<Compute<T>>(site.out[0].dtype);
    return make_kernel({"cuda pool"}, [=](const Args& args, const Queue& queue) {
      launch_each(
          queue, count,
          PoolBody<T>{window, channels, max, least, reader<T>(args.in[0]), writer<T>(args.out[0])});
    });
  });
}

KernelPtr prepare_conv(const Site& site) {
  const auto& op = site.op_as<ops::Conv>();
  const Shape &x = site.in[0].shape, &weights = site.in[1].shape, &y = site.out[0].shape;
  const std::int64_t in = x[x.rank() - 1], out = y[y.rank() - 1], count = y.num_elements();
  const std::int64_t groups = op.groups;
  const bool has_bias = site.in.size() > 2;
  Window window;
  if (op.pool > 1 || groups <= 0 || in % groups != 0 || out % groups != 0 ||
      !window.set(x, y, spatial_dims(weights), op.strides, op.dilations, op.padding)) {
    return nullptr;
  }
  return for_floats(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const auto activation = function_of<Compute<T>>(op.activation, site.out[0].dtype);
    return make_kernel({"cuda conv"}, [=](const Args& args, const Queue& queue) {
      launch_each(
          queue, count,
          ConvBody<T>{window, in, out, in / groups, out / groups, activation, args.in[0].as<T>(),
                      args.in[1].as<T>(), has_bias ? args.in[2].as<T>() : nullptr,
                      args.out[0].as_mutable<T>()});
    });
  });
}

KernelPtr prepare_conv_narrow(const Site& site, const Device& device, Precision precision) {
  const auto& op = site.op_as<ops::Conv>();
  const Shape &x = site.in[0].shape, &weights = site.in[1].shape, &y = site.out[0].shape;
  const DType dtype = site.out[0].dtype, storage = storage_of(precision, dtype);
  const std::int64_t in = x[x.rank() - 1], out = y[y.rank() - 1], count = y.num_elements();
  const std::int64_t groups = op.groups;
  const bool has_bias = site.in.size() > 2;
  Window window;
  NarrowOperand taps;
  if (storage == dtype || site.constants[1] == nullptr || groups <= 0 || in % groups != 0 ||
      out % groups != 0 ||
      !window.set(x, y, spatial_dims(weights), op.strides, op.dilations, op.padding) ||
      !taps.set(site, 1, storage, device)) {
    return nullptr;
  }
  const auto activation = function_of<float>(op.activation, dtype);
  const auto make = [&](auto tag) {
    using W = TypeOf<decltype(tag)>;
    const KernelTraits traits{"cuda conv, 16 bits", 0, false, 2};
    return make_kernel(traits, [=](const Args& args, const Queue& queue) {
      const auto* narrow = static_cast<const W*>(taps.bring(queue, nullptr, nullptr));
      launch_each(queue, count,
                  ConvBody<float, W>{window, in, out, in / groups, out / groups, activation,
                                     args.in[0].as<float>(), narrow,
                                     has_bias ? args.in[2].as<float>() : nullptr,
                                     args.out[0].as_mutable<float>()});
    });
  };
  return storage == DType::float16 ? make(Tag<float16>{}) : make(Tag<bfloat16>{});
}

KernelPtr prepare_conv_transpose(const Site& site) {
  const auto& op = site.op_as<ops::ConvTranspose>();
  const Shape &x = site.in[0].shape, &weights = site.in[1].shape, &y = site.out[0].shape;
  const std::int64_t in = x[x.rank() - 1], out = y[y.rank() - 1], count = y.num_elements();
  const bool has_bias = site.in.size() > 3;
  Window window;
  if (!window.set(y, x, spatial_dims(weights), op.strides, op.dilations, op.padding)) {
    return nullptr;
  }
  return for_floats(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel({"cuda conv transpose"}, [=](const Args& args, const Queue& queue) {
      launch_each(queue, count,
                  ConvTransposeBody<T>{window, in, out, args.in[0].as<T>(), args.in[1].as<T>(),
                                       has_bias ? args.in[3].as<T>() : nullptr,
                                       args.out[0].as_mutable<T>()});
    });
  });
}

}  // namespace thaw::cuda
