// Pooling, convolution and its transpose by the definition: one thread per element of the result,
// channels last, so that neighbouring threads read neighbouring channels or weights.
#include "kernels/cuda/functions.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/strided.h"
#include "kernels/cuda/table.h"
#include "runtime/ir/infer.h"

namespace thaw::cuda {
namespace {

/// Up to 3 spatial dimensions, leading ones of 1. The large side is x of a convolution or pool.
struct Window {
  std::int64_t large[3] = {1, 1, 1}, small[3] = {1, 1, 1}, window[3] = {1, 1, 1};
  std::int64_t stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1}, before[3] = {0, 0, 0};
  std::int64_t large_volume = 1, small_volume = 1;

  /// False for more than 3 dimensions.
  bool set(const Shape& large_shape, const Shape& small_shape, const Ints& size,
           const Ints& strides, const Ints& dilations, const Padding& padding) {
    const std::size_t rank = size.size();
    if (rank > 3) return false;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      const std::size_t d = 3 - rank + axis;
      const int at = static_cast<int>(axis) + 1;
      large[d] = large_shape[at];
      small[d] = small_shape[at];
      window[d] = size[axis];
      if (!strides.empty()) stride[d] = strides[axis];
      if (!dilations.empty()) dilation[d] = dilations[axis];
      before[d] = window_padding(large[d], window[d], stride[d], dilation[d], padding,
                                 static_cast<int>(axis))
                      .first;
    }
    large_volume = large[0] * large[1] * large[2];
    small_volume = small[0] * small[1] * small[2];
    return true;
  }

  /// f(position in the large side, position in the window) for each tap inside, both flat.
  template <class F>
  THAW_HOST_DEVICE void taps(std::int64_t small_flat, const F& f) const {
    const std::int64_t at2 = small_flat % small[2] * stride[2] - before[2];
    const std::int64_t at1 = small_flat / small[2] % small[1] * stride[1] - before[1];
    const std::int64_t at0 = small_flat / small[2] / small[1] * stride[0] - before[0];
    for (std::int64_t i = 0; i < window[0]; ++i) {
      const std::int64_t p = at0 + i * dilation[0];
      if (p < 0 || p >= large[0]) continue;
      for (std::int64_t j = 0; j < window[1]; ++j) {
        const std::int64_t q = at1 + j * dilation[1];
        if (q < 0 || q >= large[1]) continue;
        for (std::int64_t k = 0; k < window[2]; ++k) {
          const std::int64_t r = at2 + k * dilation[2];
          if (r < 0 || r >= large[2]) continue;
          f((p * large[1] + q) * large[2] + r, (i * window[1] + j) * window[2] + k);
        }
      }
    }
  }

  /// The reverse: f(position in the small side, position in the window) for each window that covers
  /// a position of the large side.
  template <class F>
  THAW_HOST_DEVICE void covers(std::int64_t large_flat, const F& f) const {
    const std::int64_t at[3] = {large_flat / large[2] / large[1], large_flat / large[2] % large[1],
                                large_flat % large[2]};
    for (std::int64_t i = 0; i < window[0]; ++i) {
      const std::int64_t p = at[0] + before[0] - i * dilation[0];
      if (p < 0 || p % stride[0] != 0 || p / stride[0] >= small[0]) continue;
      for (std::int64_t j = 0; j < window[1]; ++j) {
        const std::int64_t q = at[1] + before[1] - j * dilation[1];
        if (q < 0 || q % stride[1] != 0 || q / stride[1] >= small[1]) continue;
        for (std::int64_t k = 0; k < window[2]; ++k) {
          const std::int64_t r = at[2] + before[2] - k * dilation[2];
          if (r < 0 || r % stride[2] != 0 || r / stride[2] >= small[2]) continue;
          f((p / stride[0] * small[1] + q / stride[1]) * small[2] + r / stride[2],
            (i * window[1] + j) * window[2] + k);
        }
      }
    }
  }
};

template <class T>
struct PoolBody {
  Window w;
  std::int64_t channels;
  bool max;
  const T* x;
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    using C = std::conditional_t<kIsFloat<T>, Compute<T>, std::int64_t>;
    const std::int64_t channel = i % channels, at = i / channels;
    const T* image = x + at / w.small_volume * w.large_volume * channels + channel;
    C best = lowest<Compute<T>>(), sum = 0;
    std::int64_t count = 0;
    w.taps(at % w.small_volume, [&](std::int64_t pixel, std::int64_t) {
      const C value = static_cast<C>(to_compute(image[pixel * channels]));
      if (value > best || value != value) best = value;  // a NaN wins and stays
      sum += value;
      ++count;
    });
    if (max) {
      y[i] = from_compute<T>(best);
    } else if (kIsFloat<T> || count > 0) {
      y[i] = from_compute<T>(sum / static_cast<C>(count));
    } else {
      y[i] = T{};
    }
  }
};

template <class T>
struct ConvBody {
  Window w;
  std::int64_t in_channels, out_channels, group_in, group_out;
  Function<Compute<T>> activation;
  const T *x, *weights, *bias;  // bias may be null
  T* y;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    using C = Compute<T>;
    const std::int64_t o = i % out_channels, at = i / out_channels;
    const std::int64_t group = o / group_out;
    const T* image = x + at / w.small_volume * w.large_volume * in_channels + group * group_in;
    C sum = bias == nullptr ? C{0} : to_compute(bias[o]);
    w.taps(at % w.small_volume, [&](std::int64_t pixel, std::int64_t tap) {
      const T* left = image + pixel * in_channels;
      const T* right = weights + tap * group_in * out_channels + o;
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

Ints spatial_dims(const Shape& weights) {
  const auto& dims = weights.dims();
  return Ints(dims.begin(), dims.end() - 2);
}

}  // namespace

KernelPtr prepare_pool(const Site& site) {
  const auto& op = site.op_as<ops::Pool>();
  const Shape& x = site.in[0].shape;
  const std::int64_t channels = x[x.rank() - 1], count = site.out[0].shape.num_elements();
  Window window;
  if (!window.set(x, site.out[0].shape, op.window, op.strides, {}, op.padding)) return nullptr;
  return for_reals(site.out[0].dtype, [&, max = op.kind == PoolKind::max](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel({"cuda pool"}, [=](const Args& args, const Queue& queue) {
      launch_each(
          queue, count,
          PoolBody<T>{window, channels, max, args.in[0].as<T>(), args.out[0].as_mutable<T>()});
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
  if (groups <= 0 || in % groups != 0 || out % groups != 0 ||
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
