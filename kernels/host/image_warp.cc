// Images seen through a projective transform.
#include <algorithm>
#include <cmath>

#include "kernels/host/image.h"

namespace thaw::host {
namespace {

enum class Fill { constant, reflect, wrap, nearest };

Fill fill_of(const std::string& mode) {
  if (mode == "CONSTANT") return Fill::constant;
  if (mode == "REFLECT") return Fill::reflect;
  return mode == "WRAP" ? Fill::wrap : Fill::nearest;
}

/// TensorFlow's way of bringing a coordinate into [0, length); constant leaves it.
float mapped(float x, std::int64_t length, Fill fill) {
  if (fill == Fill::constant) return x;
  const float last = static_cast<float>(length - 1), size = static_cast<float>(length);
  if (fill != Fill::nearest && (x < 0 || x > last)) {
    if (length <= 1) return 0;
    const float period = fill == Fill::reflect ? 2 * size : last;
    if (fill == Fill::reflect) {
      x = x < 0 ? -x - 1 : x;
      x -= period * std::trunc(x / period);
      if (x >= size) x = period - x - 1;
    } else {
      x += x < 0 ? size * (std::trunc(-x / period) + 1) : -size * std::trunc(x / period);
    }
  }
  return std::clamp(x, 0.0F, last);
}

/// The nearest number of T.
template <class T>
T saturated(double value) {
  if constexpr (std::is_integral_v<T>) {
    if (!(value > static_cast<double>(std::numeric_limits<T>::lowest()))) {
      return value < 0 ? std::numeric_limits<T>::lowest() : T(0);
    }
    if (value >= static_cast<double>(std::numeric_limits<T>::max())) {
      return std::numeric_limits<T>::max();
    }
  }
  return store<T>(value);
}

template <class T>
class Warp {
 public:
  using C = Compute<T>;
  Warp(const T* image, const Shape& shape, double fill)
      : image_(image),
        height_(shape[1]),
        width_(shape[2]),
        depth_(shape[3]),
        fill_(saturated<T>(fill)) {}

  T nearest(float y, float x, std::int64_t c) const {
    return pixel(std::round(y), std::round(x), c);
  }

  T bilinear(float y, float x, std::int64_t c) const {
    const float top = std::floor(y), left = std::floor(x);
    const float bottom = top + 1, right = left + 1;
    const auto value = [&](float row, float column) {
      return static_cast<float>(load(pixel(row, column, c)));
    };
    const float above = (right - x) * value(top, left) + (x - left) * value(top, right);
    const float below = (right - x) * value(bottom, left) + (x - left) * value(bottom, right);
    return saturated<T>(static_cast<double>((bottom - y) * above + (y - top) * below));
  }

  T fill() const { return fill_; }

 private:
  T pixel(float y, float x, std::int64_t c) const {
    if (!(y >= 0 && y < static_cast<float>(height_) && x >= 0 && x < static_cast<float>(width_))) {
      return fill_;
    }
    return image_[(static_cast<std::int64_t>(y) * width_ + static_cast<std::int64_t>(x)) * depth_ +
                  c];
  }

  const T* image_;
  std::int64_t height_, width_, depth_;
  T fill_;
};

template <class T>
void warp_images(const HostArgs& args, const std::vector<float>& transforms, double fill_value,
                 Tensor& y) {
  const Tensor& x = args.in[0];
  const Fill fill = fill_of(args.call.attributes.text("fill_mode"));
  const bool bilinear = args.call.attributes.text("interpolation") == "BILINEAR";
  const Shape& in = x.shape();
  const std::int64_t image = in[1] * in[2] * in[3];
  T* to = mutable_elements<T>(y);
  for (std::int64_t n = 0; n < in[0]; ++n) {
    const float* t = transforms.data() + (transforms.size() == 8 ? 0 : n * 8);
    const Warp<T> warp(elements<T>(x) + n * image, in, fill_value);
    for (std::int64_t i = 0; i < y.shape()[1]; ++i) {
      for (std::int64_t j = 0; j < y.shape()[2]; ++j) {
        const float row = static_cast<float>(i), column = static_cast<float>(j);
        const float depth = t[6] * column + t[7] * row + 1;
        const float from_x = mapped((t[0] * column + t[1] * row + t[2]) / depth, in[2], fill);
        const float from_y = mapped((t[3] * column + t[4] * row + t[5]) / depth, in[1], fill);
        for (std::int64_t c = 0; c < in[3]; ++c, ++to) {
          // A point at infinity is no pixel in any mode.
          if (depth == 0) {
            *to = warp.fill();
          } else {
            *to = bilinear ? warp.bilinear(from_y, from_x, c) : warp.nearest(from_y, from_x, c);
          }
        }
      }
    }
  }
}

}  // namespace

// (images [N, H, W, C], transforms [1 or N, 8], output_shape [2], [fill_value]) -> (images)
std::vector<Tensor> projective_transform(const HostArgs& args) {
  const Tensor &x = args.in[0], &transforms = args.in[1];
  const std::vector<std::int64_t> size = integers(args.in[2]);
  if (size[0] <= 0 || size[1] <= 0) {
    invalid("output_shape: expected positive numbers, found {} x {}", size[0], size[1]);
  }
  if (transforms.shape()[0] != 1 && transforms.shape()[0] != x.shape()[0]) {
    invalid("transforms: expected 1 or {}, found {}", x.shape()[0], transforms.shape()[0]);
  }
  std::vector<float> numbers(static_cast<std::size_t>(transforms.num_elements()));
  for_floats(transforms.dtype(), [&](auto tag) {
    const auto* from = elements<TypeOf<decltype(tag)>>(transforms);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(load(from[i]));
  });
  const double fill = args.in.size() == 4 ? real(args.in[3], "fill_value") : 0;
  Tensor y = allocate(x.dtype(), {x.shape()[0], size[0], size[1], x.shape()[3]});
  if (x.num_elements() == 0 && y.num_elements() != 0)
    invalid("images: expected pixels, found none");
  for_reals(x.dtype(),
            [&](auto tag) { warp_images<TypeOf<decltype(tag)>>(args, numbers, fill, y); });
  return {y};
}

}  // namespace thaw::host
