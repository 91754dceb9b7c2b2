// Windows over images that are no pooling of the closed op list.
#include <algorithm>

#include "kernels/host/image.h"
#include "runtime/ir/infer.h"

namespace thaw::host {
namespace {

using Ints = std::vector<std::int64_t>;

/// Windows over the axes 1 to rank - 2 of x [N, S..., C].
struct Windows {
  Ints size, window, stride, rate, count, before;

  Windows(const HostArgs& args, const Ints& windows) : window(windows) {
    const Shape& x = args.in[0].shape();
    const Attributes& attributes = args.call.attributes;
    stride = attributes.ints("strides");
    rate = attributes.ints("rates");
    Padding padding;
    if (attributes.flag("same")) padding.kind = PaddingKind::same;
    for (std::size_t i = 0; i < window.size(); ++i) {
      const int axis = static_cast<int>(i);
      size.push_back(x[axis + 1]);
      count.push_back(window_output(size[i], window[i], stride[i], rate[i], padding, axis));
      before.push_back(window_padding(size[i], window[i], stride[i], rate[i], padding, axis).first);
    }
  }

  /// Calls body(which window, which element of it, pixel or -1 outside) in row-major order.
  template <class Body>
  void each(const Body& body) const {
    walk(count, [&](const Ints& at, std::int64_t number) {
      walk(window, [&](const Ints& offset, std::int64_t element) {
        std::int64_t pixel = 0;
        for (std::size_t i = 0; i < size.size() && pixel >= 0; ++i) {
          const std::int64_t position = at[i] * stride[i] + offset[i] * rate[i] - before[i];
          pixel = position < 0 || position >= size[i] ? -1 : pixel * size[i] + position;
        }
        body(number, element, pixel);
      });
    });
  }

  static std::int64_t volume(const Ints& dims) {
    std::int64_t total = 1;
    for (const std::int64_t dim : dims) total *= dim;
    return total;
  }

 private:
  template <class Body>
  static void walk(const Ints& dims, const Body& body) {
    Ints at(dims.size(), 0);
    const std::int64_t total = volume(dims);
    for (std::int64_t i = 0; i < total; ++i) {
      body(at, i);
      for (std::size_t axis = dims.size(); axis-- > 0;) {
        if (++at[axis] < dims[axis]) break;
        at[axis] = 0;
      }
    }
  }
};

Ints result_dims(const Shape& x, const Windows& windows, std::int64_t channels) {
  Ints dims{x[0]};
  dims.insert(dims.end(), windows.count.begin(), windows.count.end());
  dims.push_back(channels);
  return dims;
}

}  // namespace

// (x [N, S..., C]) -> (patches [N, S'..., K... C]); zero outside.
std::vector<Tensor> extract_patches(const HostArgs& args) {
  const Tensor& x = args.in[0];
  const Windows windows(args, args.call.attributes.ints("window"));
  const std::int64_t channels = x.shape()[x.shape().rank() - 1];
  const std::int64_t elements_per_window = Windows::volume(windows.window);
  const std::int64_t image = Windows::volume(windows.size) * channels;
  Tensor y = allocate(x.dtype(), result_dims(x.shape(), windows, elements_per_window * channels));
  for_storage(x.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    T* to = mutable_elements<T>(y);
    for (std::int64_t n = 0; n < x.shape()[0]; ++n) {
      const T* from = elements<T>(x) + n * image;
      windows.each([&](std::int64_t, std::int64_t, std::int64_t pixel) {
        for (std::int64_t c = 0; c < channels; ++c, ++to) {
          if (pixel >= 0) *to = from[pixel * channels + c];
        }
      });
    }
  });
  return {y};
}

// (x [N, H, W, C]) -> (y, flat index of each maximum): the first one counts.
std::vector<Tensor> max_pool_with_argmax(const HostArgs& args) {
  const Tensor& x = args.in[0];
  const Windows windows(args, args.call.attributes.ints("window"));
  const bool with_batch = args.call.attributes.flag("include_batch_in_index");
  const std::int64_t channels = x.shape()[3], image = Windows::volume(windows.size) * channels;
  const Ints dims = result_dims(x.shape(), windows, channels);
  Tensor y = allocate(x.dtype(), dims);
  Ints indices(static_cast<std::size_t>(y.num_elements()), -1);
  for_reals(x.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    for (std::int64_t n = 0; n < x.shape()[0]; ++n) {
      const T* from = elements<T>(x) + n * image;
      const std::int64_t base = n * Windows::volume(windows.count) * channels;
      T* to = mutable_elements<T>(y) + base;
      windows.each([&](std::int64_t window, std::int64_t, std::int64_t pixel) {
        if (pixel < 0) return;
        for (std::int64_t c = 0; c < channels; ++c) {
          std::int64_t& index = indices[static_cast<std::size_t>(base + window * channels + c)];
          T& best = to[window * channels + c];
          const std::int64_t at = pixel * channels + c;
          if (index >= 0 && !(load(best) < load(from[at]))) continue;
          best = from[at];
          index = at + (with_batch ? n * image : 0);
        }
      });
    }
  });
  return {y, integer_tensor(args.call.attributes.dtype("dtype"), dims, indices)};
}

// (x [N, H, W, C], filter [h, w, C]) -> (y): the largest x + filter of each window.
std::vector<Tensor> dilation_2d(const HostArgs& args) {
  const Tensor &x = args.in[0], &filter = args.in[1];
  const Windows windows(args, {filter.shape()[0], filter.shape()[1]});
  const std::int64_t channels = x.shape()[3], image = Windows::volume(windows.size) * channels;
  Tensor y = allocate(x.dtype(), result_dims(x.shape(), windows, channels));
  for_reals(x.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const T* weights = elements<T>(filter);
    T* to = mutable_elements<T>(y);
    std::vector<bool> seen(static_cast<std::size_t>(Windows::volume(windows.count) * channels));
    for (std::int64_t n = 0; n < x.shape()[0]; ++n, to += static_cast<std::int64_t>(seen.size())) {
      const T* from = elements<T>(x) + n * image;
      seen.assign(seen.size(), false);
      windows.each([&](std::int64_t window, std::int64_t element, std::int64_t pixel) {
        if (pixel < 0) return;
        for (std::int64_t c = 0; c < channels; ++c) {
          const std::int64_t at = window * channels + c;
          const T value =
              store<T>(load(from[pixel * channels + c]) + load(weights[element * channels + c]));
          const auto flag = seen.begin() + at;
          if (!*flag || load(to[at]) < load(value)) to[at] = value;
          *flag = true;
        }
      });
    }
  });
  return {y};
}

}  // namespace thaw::host
