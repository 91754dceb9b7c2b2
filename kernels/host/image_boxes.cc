// Boxes in images: cut out, drawn.
#include <algorithm>
#include <cmath>

#include "kernels/host/image.h"

namespace thaw::host {
namespace {

struct ImageSize {
  std::int64_t batch, height, width, depth;
};

ImageSize size_of_image(const Tensor& image) {
  const Shape& shape = image.shape();
  return {shape[0], shape[1], shape[2], shape[3]};
}

/// Where the samples of a crop lie along one axis: in float for all element types, as TensorFlow
/// has it, so that the nearest pixel is the same.
struct Samples {
  Samples(float begin, float end, std::int64_t size, std::int64_t count)
      : last_(static_cast<float>(size - 1)) {
    scale_ = count > 1 ? (end - begin) * last_ / static_cast<float>(count - 1) : 0.0F;
    first_ = count > 1 ? begin * last_ : 0.5F * (begin + end) * last_;
  }
  float at(std::int64_t i) const { return first_ + static_cast<float>(i) * scale_; }
  /// False for NaN too.
  bool inside(float position) const { return position >= 0 && position <= last_; }

 private:
  float last_, scale_, first_;
};

/// One crop [height, width, depth] of the image at `image`.
template <class T, class Out>
void crop(const T* image, const ImageSize& size, const float (&box)[4], std::int64_t height,
          std::int64_t width, bool nearest, Out outside, Out* to) {
  const Samples rows(box[0], box[2], size.height, height),
      columns(box[1], box[3], size.width, width);
  const auto pixel = [&](float y, float x, std::int64_t d) {
    const auto row = static_cast<std::int64_t>(y), column = static_cast<std::int64_t>(x);
    return static_cast<Out>(load(image[(row * size.width + column) * size.depth + d]));
  };
  for (std::int64_t i = 0; i < height; ++i) {
    const float y = rows.at(i);
    for (std::int64_t j = 0; j < width; ++j) {
      const float x = columns.at(j);
      const bool inside = rows.inside(y) && columns.inside(x);
      const float top = std::floor(y), bottom = std::ceil(y), left = std::floor(x),
                  right = std::ceil(x);
      const Out x_part = static_cast<Out>(x - left), y_part = static_cast<Out>(y - top);
      for (std::int64_t d = 0; d < size.depth; ++d, ++to) {
        if (!inside) {
          *to = outside;
        } else if (nearest) {
          *to = pixel(std::round(y), std::round(x), d);
        } else {
          const Out corner = pixel(top, left, d), lower = pixel(bottom, left, d);
          const Out above = corner + (pixel(top, right, d) - corner) * x_part;
          const Out below = lower + (pixel(bottom, right, d) - lower) * x_part;
          *to = above + (below - above) * y_part;
        }
      }
    }
  }
}

template <class T, class B>
void crop_all(const HostArgs& args, const std::vector<std::int64_t>& images, Tensor& crops) {
  const ImageSize size = size_of_image(args.in[0]);
  const bool nearest = args.call.attributes.text("method") == "nearest";
  const B outside = static_cast<B>(args.call.attributes.real("extrapolation_value"));
  const std::int64_t height = crops.shape()[1], width = crops.shape()[2];
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const B* corners = elements<B>(args.in[1]) + at * 4;
    const float box[4] = {static_cast<float>(corners[0]), static_cast<float>(corners[1]),
                          static_cast<float>(corners[2]), static_cast<float>(corners[3])};
    crop(elements<T>(args.in[0]) + images[i] * size.height * size.width * size.depth, size, box,
         height, width, nearest, outside,
         mutable_elements<B>(crops) + at * height * width * size.depth);
  }
}

using Color = std::vector<float>;

/// TensorFlow's own colours, where the operand gives none.
std::vector<Color> default_colors() {
  return {{1, 1, 0, 1},       {0, 0, 1, 1},    {1, 0, 0, 1},    {0, 1, 0, 1}, {0.5F, 0, 0.5F, 1},
          {0.5F, 0.5F, 0, 1}, {0.5F, 0, 0, 1}, {0, 0, 0.5F, 1}, {0, 1, 1, 1}, {1, 0, 1, 1}};
}

std::vector<Color> colors_of(const HostArgs& args, std::int64_t depth) {
  std::vector<Color> colors;
  if (args.in.size() == 3 && args.in[2].num_elements() > 0) {
    const Tensor& given = args.in[2];
    const std::int64_t count = given.shape()[0], channels = given.shape()[1];
    if (channels < depth) invalid("colors of {} channels for images of {}", channels, depth);
    for_floats(given.dtype(), [&](auto tag) {
      const auto* from = elements<TypeOf<decltype(tag)>>(given);
      for (std::int64_t i = 0; i < count; ++i) {
        Color color;
        for (std::int64_t c = 0; c < channels; ++c) {
          color.push_back(static_cast<float>(load(from[i * channels + c])));
        }
        colors.push_back(color);
      }
    });
  }
  if (colors.empty()) colors = default_colors();
  if (depth == 1) {
    for (Color& color : colors) color[0] = 1;  // grey images get white boxes
  }
  return colors;
}

/// A line of boxes lies at a pixel that a coordinate of the unit square falls into.
std::int64_t pixel_of(double coordinate, std::int64_t size) {
  constexpr double kFar = 1e15;
  const double position =
      static_cast<double>(static_cast<float>(coordinate) * static_cast<float>(size - 1));
  if (std::isnan(position)) return -1;
  return static_cast<std::int64_t>(std::clamp(position, -kFar, kFar));
}

template <class T>
void draw_box(T* image, const ImageSize& size, const std::int64_t (&box)[4], const Color& color) {
  const auto [top, left, bottom, right] = box;
  if (top > bottom || left > right || top >= size.height || bottom < 0 || left >= size.width ||
      right < 0) {
    return;
  }
  const auto paint = [&](std::int64_t y, std::int64_t x) {
    for (std::int64_t d = 0; d < size.depth; ++d) {
      image[(y * size.width + x) * size.depth + d] = store<T>(color[static_cast<std::size_t>(d)]);
    }
  };
  for (std::int64_t x = std::max<std::int64_t>(left, 0); x <= std::min(right, size.width - 1);
       ++x) {
    if (top >= 0) paint(top, x);
    if (bottom < size.height) paint(bottom, x);
  }
  for (std::int64_t y = std::max<std::int64_t>(top, 0); y <= std::min(bottom, size.height - 1);
       ++y) {
    if (left >= 0) paint(y, left);
    if (right < size.width) paint(y, right);
  }
}

}  // namespace

// (image [N, H, W, D], boxes [n, 4], box_ind [n], crop_size [2]) -> (crops [n, h, w, D])
std::vector<Tensor> crop_and_resize(const HostArgs& args) {
  const ImageSize size = size_of_image(args.in[0]);
  const std::vector<std::int64_t> images = integers(args.in[2]), crop_size = integers(args.in[3]);
  for (const std::int64_t image : images) {
    if (image < 0 || image >= size.batch) {
      invalid("box_ind: expected numbers in [0, {}), found {}", size.batch, image);
    }
  }
  if (crop_size[0] <= 0 || crop_size[1] <= 0) {
    invalid("crop_size: expected positive numbers, found {} x {}", crop_size[0], crop_size[1]);
  }
  if (size.height <= 0 || size.width <= 0) invalid("image: expected pixels, found none");
  const DType dtype = args.call.attributes.dtype("dtype");
  Tensor crops = allocate(
      dtype, {static_cast<std::int64_t>(images.size()), crop_size[0], crop_size[1], size.depth});
  for_reals(args.in[0].dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    if (dtype == DType::float64) {
      crop_all<T, double>(args, images, crops);
    } else {
      crop_all<T, float>(args, images, crops);
    }
  });
  return {crops};
}

// (images [N, H, W, D], boxes [N, n, 4], [colors [c, D]]) -> (images)
std::vector<Tensor> draw_bounding_boxes(const HostArgs& args) {
  Tensor result = args.in[0].clone();
  const ImageSize size = size_of_image(result);
  const Tensor& boxes = args.in[1];
  const std::vector<Color> colors = colors_of(args, size.depth);
  if (size.depth > static_cast<std::int64_t>(colors[0].size())) {
    invalid("images: expected 1, 3 or 4 channels, found {}", size.depth);
  }
  for_floats(result.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    for_floats(boxes.dtype(), [&](auto box_tag) {
      const auto* from = elements<TypeOf<decltype(box_tag)>>(boxes);
      const std::int64_t count = boxes.shape()[1];
      for (std::int64_t i = 0; i < size.batch * count; ++i) {
        std::int64_t box[4];
        for (int k = 0; k < 4; ++k) {
          box[k] = pixel_of(static_cast<double>(load(from[i * 4 + k])),
                            k % 2 == 0 ? size.height : size.width);
        }
        draw_box(mutable_elements<T>(result) + i / count * size.height * size.width * size.depth,
                 size, box, colors[static_cast<std::size_t>(i % count) % colors.size()]);
      }
    });
  });
  return {result};
}

}  // namespace thaw::host
