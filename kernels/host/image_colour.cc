// Hue, saturation and value of pixels [..., 3].
#include <algorithm>
#include <cmath>

#include "kernels/host/image.h"

namespace thaw::host {
namespace {

template <class C>
struct Pixel {
  C a, b, c;  // red, green, blue or hue, saturation, value
};

template <class C>
Pixel<C> to_hsv(const Pixel<C>& rgb) {
  const C value = std::max({rgb.a, rgb.b, rgb.c});
  const C range = value - std::min({rgb.a, rgb.b, rgb.c});
  const C saturation = value > 0 ? range / value : C(0);
  C hue = 0;
  if (range > 0) {
    const C norm = 1 / range / 6;
    if (rgb.a == value) {
      hue = norm * (rgb.b - rgb.c);
    } else if (rgb.b == value) {
      hue = norm * (rgb.c - rgb.a) + C(2) / 6;
    } else {
      hue = norm * (rgb.a - rgb.b) + C(4) / 6;
    }
  }
  return {hue < 0 ? hue + 1 : hue, saturation, value};
}

template <class C>
Pixel<C> to_rgb(const Pixel<C>& hsv) {
  const auto unit = [](C x) { return std::clamp(x, C(0), C(1)); };
  const C sixths = hsv.a * 6;
  const C red = unit(std::abs(sixths - 3) - 1), green = unit(2 - std::abs(sixths - 2)),
          blue = unit(2 - std::abs(sixths - 4));
  const C grey = 1 - hsv.b;
  return {(grey + hsv.b * red) * hsv.c, (grey + hsv.b * green) * hsv.c,
          (grey + hsv.b * blue) * hsv.c};
}

/// One colour turned by `delta` full circles: the largest and smallest channel keep their values.
template <class C>
Pixel<C> turned(const Pixel<C>& rgb, C delta) {
  const C high = std::max({rgb.a, rgb.b, rgb.c}), low = std::min({rgb.a, rgb.b, rgb.c});
  C hue = to_hsv(rgb).a + delta;
  hue -= std::floor(hue);
  const C sixths = hue * 6;
  const auto channel = [&](C x) { return low + (high - low) * std::clamp(x, C(0), C(1)); };
  return {channel(std::abs(sixths - 3) - 1), channel(2 - std::abs(sixths - 2)),
          channel(2 - std::abs(sixths - 4))};
}

template <class Function>
std::vector<Tensor> map_pixels(const Tensor& x, const Function& function) {
  Tensor y = allocate(x.dtype(), x.shape().dims());
  for_floats(x.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    using C = Compute<T>;
    const T* from = elements<T>(x);
    T* to = mutable_elements<T>(y);
    for (std::int64_t i = 0; i + 2 < x.num_elements(); i += 3) {
      const Pixel<C> result =
          function(Pixel<C>{load(from[i]), load(from[i + 1]), load(from[i + 2])});
      to[i] = store<T>(result.a);
      to[i + 1] = store<T>(result.b);
      to[i + 2] = store<T>(result.c);
    }
  });
  return {y};
}

}  // namespace

std::vector<Tensor> rgb_to_hsv(const HostArgs& args) {
  return map_pixels(args.in[0], [](const auto& pixel) { return to_hsv(pixel); });
}

std::vector<Tensor> hsv_to_rgb(const HostArgs& args) {
  return map_pixels(args.in[0], [](const auto& pixel) { return to_rgb(pixel); });
}

// (images, delta)
std::vector<Tensor> adjust_hue(const HostArgs& args) {
  const double delta = real(args.in[1], "delta");
  return map_pixels(args.in[0], [delta]<class C>(const Pixel<C>& pixel) {
    return turned(pixel, static_cast<C>(delta));
  });
}

// (images, scale)
std::vector<Tensor> adjust_saturation(const HostArgs& args) {
  const double scale = real(args.in[1], "scale");
  return map_pixels(args.in[0], [scale]<class C>(const Pixel<C>& pixel) {
    Pixel<C> hsv = to_hsv(pixel);
    hsv.b = std::clamp(hsv.b * static_cast<C>(scale), C(0), C(1));
    return to_rgb(hsv);
  });
}

}  // namespace thaw::host
