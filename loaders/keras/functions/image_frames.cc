// Functions of tf.image that change a picture's frame, its element type or its colour space.
#include <algorithm>
#include <cmath>
#include <limits>

#include "loaders/keras/functions/function_call.h"
#include "loaders/keras/operations/shared.h"

namespace thaw::keras {
namespace {

constexpr std::int64_t kMaxSide = 1 << 20;

struct Picture {
  Expr x;  // [..., H, W, C]
  std::int64_t height, width;
};

// A picture or a batch of them, whose size must be known.
Picture picture_of(OpCall& c) {
  const Expr x = c.tensor(need_first(c, {"image", "images"}));
  const int rank = x.rank();
  if (rank != 3 && rank != 4) c.bad("expected one image or a batch of them");
  const Picture picture{x, x.dim(rank - 3), x.dim(rank - 2)};
  if (picture.height == kUnknownDim || picture.width == kUnknownDim)
    c.unsupported("images of unknown size");
  return picture;
}

std::int64_t side(OpCall& c, const char* name) {
  const std::int64_t size = c.integer(name);
  if (size < 1 || size > kMaxSide) c.bad(std::string(name) + " is out of range");
  return size;
}

// The picture at (top, left) of a black one.
Expr padded_to(OpCall& c, const Picture& picture, std::int64_t top, std::int64_t left,
               std::int64_t height, std::int64_t width) {
  const std::int64_t bottom = height - top - picture.height, right = width - left - picture.width;
  if (top < 0 || left < 0 || bottom < 0 || right < 0) c.bad("the image does not fit its frame");
  Axes pairs(static_cast<std::size_t>(picture.x.rank() - 3) * 2, 0);
  pairs.insert(pairs.end(), {top, bottom, left, right, 0, 0});
  return c.tensorflow1("Pad", {picture.x, c.paddings(pairs)});
}

Results pad_to_box(OpCall& c, const FunctionRow&) {
  const std::int64_t height = side(c, "target_height"), width = side(c, "target_width");
  const std::int64_t top = c.integer("offset_height"), left = c.integer("offset_width");
  if (top < 0 || left < 0 || top > height || left > width) c.bad("the offset is out of range");
  return {padded_to(c, picture_of(c), top, left, height, width)};
}

Results crop_or_pad(OpCall& c, const FunctionRow&) {
  const std::int64_t height = side(c, "target_height"), width = side(c, "target_width");
  Picture picture = picture_of(c);
  const int rank = picture.x.rank();
  const auto middle = [](std::int64_t larger, std::int64_t smaller) {
    return larger > smaller ? (larger - smaller) / 2 : 0;
  };
  const std::int64_t top = middle(picture.height, height), left = middle(picture.width, width);
  picture.x = slice_axis(picture.x, rank - 3, top, top + std::min(picture.height, height));
  picture.x = slice_axis(picture.x, rank - 2, left, left + std::min(picture.width, width));
  const std::int64_t above = middle(height, picture.height), before = middle(width, picture.width);
  picture.height = std::min(picture.height, height);
  picture.width = std::min(picture.width, width);
  return {padded_to(c, picture, above, before, height, width)};
}

// TensorFlow computes the sizes in float32.
Results resize_with_pad(OpCall& c, const FunctionRow&) {
  const std::int64_t height = side(c, "target_height"), width = side(c, "target_width");
  const Picture picture = picture_of(c);
  const auto high = static_cast<float>(picture.height), wide = static_cast<float>(picture.width);
  if (picture.height < 1 || picture.width < 1) c.bad("an empty image");
  const auto target_high = static_cast<float>(height), target_wide = static_cast<float>(width);
  const float ratio = std::max(wide / target_wide, high / target_high);
  const float new_high = high / ratio, new_wide = wide / ratio;
  const auto whole = [](float value) { return static_cast<std::int64_t>(std::floor(value)); };
  const auto before = [&](float target, float size) {
    return std::max<std::int64_t>(0, whole((target - size) / 2.0F));
  };
  const bool single = picture.x.rank() == 3;
  const bool first_version = c.layer.text("function", "").starts_with("compat.v1.");
  const Operand* method = c.find("method");
  if (method != nullptr && !method->value.is_string()) c.unsupported("a method by its number");
  Picture resized{resize_image(c, single ? expand(picture.x, 0) : picture.x,
                               c.ints_constant({whole(new_high), whole(new_wide)}),
                               c.text("method", "bilinear"), c.flag("antialias", false),
                               first_version, c.flag("align_corners", false), single),
                  whole(new_high), whole(new_wide)};
  return {padded_to(c, resized, before(target_high, new_high), before(target_wide, new_wide),
                    height, width)};
}

Results rotated(OpCall& c, const FunctionRow&) {
  const Expr x = c.tensor(need_first(c, {"image", "images"}));
  const int rank = x.rank();
  const std::int64_t turns = ((c.integer("k", 1) % 4) + 4) % 4;
  const auto flipped = [&](Expr value, int axis) {
    return c.expr(c.g.add1(ops::Reverse{{axis}}, {value}));
  };
  const auto turned = [&](Expr value) {
    return move_axes(value, {rank - 3, rank - 2}, {rank - 2, rank - 3});
  };
  if (turns == 0) return {x};
  if (turns == 1) return {flipped(turned(x), rank - 3)};
  if (turns == 2) return {flipped(flipped(x, rank - 3), rank - 2)};
  return {turned(flipped(x, rank - 3))};
}

// Rows are what red, green and blue (or Y and the differences) give.
struct ColourSpace {
  double kernel[9];
};
constexpr ColourSpace kColourSpaces[] = {
    {{0.299, -0.14714119, 0.61497538, 0.587, -0.28886916, -0.51496512, 0.114, 0.43601035,
      -0.10001026}},
    {{1, 1, 1, 0, -0.394642334, 2.03206185, 1.13988303, -0.58062185, 0}},
    {{0.299, 0.59590059, 0.2115, 0.587, -0.27455667, -0.52273617, 0.114, -0.32134392, 0.31119955}},
    {{1, 1, 1, 0.95598634, -0.27201283, -1.10674021, 0.6208248, -0.64720424, 1.70423049}},
};

Results colour_space(OpCall& c, const FunctionRow& row) {
  const Expr x = c.tensor("images");
  if (!is_floating(x.dtype())) c.bad("expected images of floats");
  const double* kernel = kColourSpaces[row.kind].kernel;
  const Expr matrix = cast(c.expr(c.g.constant(Tensor::from<double>(
                               Shape{3, 3}, std::vector<double>(kernel, kernel + 9)))),
                           x.dtype());
  return {contract(x, {x.rank() - 1}, matrix, {0})};
}

Results convert_dtype(OpCall& c, const FunctionRow&) {
  return {converted_image(c, c.tensor("image"), c.dtype("dtype", DType::invalid),
                          c.flag("saturate", false))};
}

}  // namespace

// To [0, 1] or a whole type's range.
Expr converted_image(const OpCall& c, Expr x, DType to, bool saturate) {
  const auto largest = [&](DType dtype) {
    switch (dtype) {
      case DType::uint8: return 255.0;
      case DType::int8: return 127.0;
      case DType::uint16: return 65535.0;
      case DType::int16: return 32767.0;
      default: c.unsupported("images of " + std::string(name_of(dtype)));
    }
  };
  if (to == x.dtype()) return x;
  if (is_floating(to) && is_floating(x.dtype())) return cast(x, to);
  if (is_floating(to)) return cast(x, to) * (1.0 / largest(x.dtype()));
  if (!is_floating(x.dtype())) c.unsupported("whole images in another whole type");
  const double top = largest(to);
  const Expr scaled = x * (top + 0.5);
  if (!saturate) return cast(scaled, to);
  const bool is_signed = to == DType::int8 || to == DType::int16;
  return cast(clip(scaled, scaled.number(is_signed ? -top - 1 : 0), scaled.number(top)), to);
}

std::span<const FunctionRow> image_frame_functions() {
  static constexpr FunctionRow kRows[] = {
      {"image.convert_image_dtype", "image dtype saturate", convert_dtype},
      {"image.pad_to_bounding_box", "image offset_height offset_width target_height target_width",
       pad_to_box},
      {"image.resize_image_with_crop_or_pad", "image target_height target_width", crop_or_pad},
      {"image.resize_with_crop_or_pad", "image target_height target_width", crop_or_pad},
      {"image.resize_with_pad", "image target_height target_width method antialias",
       resize_with_pad},
      {"image.rgb_to_yiq", "images", colour_space, "", 2},
      {"image.rgb_to_yuv", "images", colour_space, "", 0},
      {"image.rot90", "image k", rotated},
      {"image.yiq_to_rgb", "images", colour_space, "", 3},
      {"image.yuv_to_rgb", "images", colour_space, "", 1},
  };
  return kRows;
}

}  // namespace thaw::keras
