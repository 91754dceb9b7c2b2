// Parts of images around given places.
#include <algorithm>
#include <cmath>

#include "kernels/host/image.h"

namespace thaw::host {
namespace {

struct GlimpseRule {
  bool centered, normalized;
  bool old;  // the first version takes half of the part's size off in any case

  /// Where a part begins along an axis of `size` pixels.
  std::int64_t begin(float offset, std::int64_t size, std::int64_t part) const {
    const auto all = static_cast<float>(size), half = static_cast<float>(part) / 2.0F;
    float at = offset;
    if (normalized) at *= all;
    if (centered) {
      const bool halves = normalized || old;
      at = (halves ? at / 2.0F : at) + all / 2.0F;
    }
    if (old || (normalized && centered)) at -= half;
    if (!(std::abs(at) < 1e9F)) invalid("offset {} of an image", offset);
    return static_cast<std::int64_t>(at);  // towards zero
  }
};

}  // namespace

// (images [B, H, W, C], size [2], offsets [B, 2]) -> ([B, h, w, C])
std::vector<Tensor> extract_glimpse(const HostArgs& args) {
  const Tensor &images = args.in[0], &offsets = args.in[2];
  const Attributes& attributes = args.call.attributes;
  const GlimpseRule rule{attributes.flag("centered"), attributes.flag("normalized"),
                         attributes.flag("old")};
  const std::vector<std::int64_t> size = integers(args.in[1]);
  if (size.size() != 2 || size[0] < 1 || size[1] < 1) {
    invalid("size: expected two positive numbers, found [{}]", fmt::join(size, ", "));
  }
  const Shape& shape = images.shape();
  if (offsets.shape()[0] != shape[0]) {
    invalid("{} offsets for {} images", offsets.shape()[0], shape[0]);
  }
  const bool zero = attributes.flag("zero");
  const std::int64_t height = shape[1], width = shape[2], channels = shape[3];
  Tensor y = allocate(images.dtype(), {shape[0], size[0], size[1], channels});
  for_floats(images.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const T* from = elements<T>(images);
    T* to = mutable_elements<T>(y);
    for (std::int64_t image = 0; image < shape[0]; ++image) {
      const auto offset = [&](std::int64_t axis) {
        return static_cast<float>(load(elements<T>(offsets)[image * 2 + axis]));
      };
      const std::int64_t top = rule.begin(offset(0), height, size[0]);
      const std::int64_t left = rule.begin(offset(1), width, size[1]);
      for (std::int64_t row = top; row < top + size[0]; ++row) {
        for (std::int64_t column = left; column < left + size[1]; ++column, to += channels) {
          if (row >= 0 && row < height && column >= 0 && column < width) {
            const T* pixel = from + ((image * height + row) * width + column) * channels;
            std::copy_n(pixel, channels, to);
          } else if (zero) {
            std::fill_n(to, channels, T{});
          } else {
            fail(ErrorCode::unimplemented,
                 "a part that leaves the image, which TensorFlow fills with noise");
          }
        }
      }
    }
  });
  return {std::move(y)};
}

}  // namespace thaw::host
