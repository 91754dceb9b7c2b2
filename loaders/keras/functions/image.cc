// Functions of tf.image.
#include <cmath>

#include "loaders/keras/functions/function_call.h"
#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

Expr image_of(OpCall& c) { return c.tensor(need_first(c, {"images", "image", "image_left"})); }

// The largest [height, width] of x's aspect ratio inside of `size`, as TensorFlow rounds it.
Expr size_within(Expr x, Expr size) {
  const Expr own = concat({expand(size_of_axis(x, 1, DType::float32), 0),
                           expand(size_of_axis(x, 2, DType::float32), 0)},
                          0);
  const Expr ratio = reduce(ReduceKind::min, cast(size, DType::float32) / own, {0}, false);
  return cast(unary(UnaryKind::round, ratio * own), DType::int32);
}

bool has_size(const OpCall& c, Expr x, Expr size) {
  const Tensor* known = c.g.constant_of(cast(size, DType::int64));
  if (known == nullptr || known->num_elements() != 2) return false;
  return known->data<std::int64_t>()[0] == x.dim(1) && known->data<std::int64_t>()[1] == x.dim(2);
}

// tf.image.resize, of both versions (version 1 has pixel centres at the corners and align_corners).
Results resize(OpCall& c, const FunctionRow& row) {
  Expr x = image_of(c);
  const bool first_version = c.layer.text("function", "").starts_with("compat.v1.");
  const bool single = x.rank() == 3;
  if (single) x = expand(x, 0);
  if (x.rank() != 4) c.bad("expected images");
  std::string method = row.op;
  if (method.empty()) {
    const Operand* given = c.find("method");
    static constexpr const char* kOldMethods[] = {"bilinear", "nearest", "bicubic", "area"};
    method = "bilinear";
    if (given != nullptr && given->value.is_string()) method = given->value.string();
    if (given != nullptr && given->value.is_integer()) {
      const std::int64_t number = given->value.integer();
      if (number < 0 || number > 3) c.bad(fmt::format("method is {}, expected 0 to 3", number));
      method = kOldMethods[number];
    }
  }
  Expr size = int_vector(c, c.need("size"));
  if (c.flag("preserve_aspect_ratio", false)) size = size_within(x, size);
  // Version 1 leaves an image of the wanted size alone, and so its type.
  if (first_version && row.op[0] == '\0' && has_size(c, x, size))
    return {single ? squeeze(x, 0) : x};
  return {resize_image(c, x, size, method, c.flag("antialias", false), first_version,
                       c.flag("align_corners", false), single)};
}

Results flip(OpCall& c, const FunctionRow& row) {
  const Expr x = image_of(c);
  return {c.expr(c.g.add1(ops::Reverse{{x.rank() - row.kind}}, {x}))};
}

Results transposed(OpCall& c, const FunctionRow&) {
  const Expr x = image_of(c);
  const int rank = x.rank();
  return {move_axes(x, {rank - 3, rank - 2}, {rank - 2, rank - 3})};
}

Results rgb_to_grayscale(OpCall& c, const FunctionRow&) {
  const Expr image = image_of(c), x = converted_image(c, image, DType::float32, false);
  const Expr weights = cast(
      c.expr(c.g.constant(Tensor::from<float>(Shape{3}, {0.2989F, 0.5870F, 0.1140F}))), x.dtype());
  const int last = x.rank() - 1;
  const Expr gray = expand(contract(x, {last}, weights, {0}), last);
  return {converted_image(c, gray, image.dtype(), false)};
}

Results grayscale_to_rgb(OpCall& c, const FunctionRow&) {
  const Expr x = image_of(c);
  return {concat({x, x, x}, x.rank() - 1)};
}

Results image_op(OpCall& c, const FunctionRow& row) {
  return {c.tensorflow1(row.op, {image_of(c)})};
}

// What TensorFlow adjusts: float16 and float32 as they are, other images in float32.
Expr adjustable(const OpCall& c, Expr image) {
  return image.dtype() == DType::float16 ? image : converted_image(c, image, DType::float32, false);
}

Results adjust_brightness(OpCall& c, const FunctionRow&) {
  const Expr image = image_of(c), x = adjustable(c, image);
  return {converted_image(c, x + c.tensor("delta", x.dtype()), image.dtype(), true)};
}

Results adjust_contrast(OpCall& c, const FunctionRow&) {
  const Expr image = image_of(c), x = adjustable(c, image);
  const int rank = x.rank();
  const Expr mean = reduce(ReduceKind::mean, x, {rank - 3, rank - 2}, true);
  const Expr adjusted = (x - mean) * c.tensor("contrast_factor", x.dtype()) + mean;
  return {converted_image(c, adjusted, image.dtype(), true)};
}

Results adjust_gamma(OpCall& c, const FunctionRow&) {
  const Expr image = image_of(c), x = adjustable(c, image);
  const Expr adjusted = c.real("gain", 1) * power(x, x.number(c.real("gamma", 1)));
  return {converted_image(c, adjusted, image.dtype(), true)};
}

Results standardised(OpCall& c, const FunctionRow&) {
  const Expr x = cast(image_of(c), DType::float32);
  const int rank = x.rank();
  const Axes axes{rank - 3, rank - 2, rank - 1};
  const Expr count = size_of_axis(x, rank - 3, DType::float32) *
                     size_of_axis(x, rank - 2, DType::float32) *
                     size_of_axis(x, rank - 1, DType::float32);
  const Expr mean = reduce(ReduceKind::mean, x, axes, true);
  const Expr deviation = sqrt(variance(x, axes, true));
  return {(x - mean) / maximum(deviation, unary(UnaryKind::rsqrt, count))};
}

Results crop_to_box(OpCall& c, const FunctionRow&) {
  Expr x = image_of(c);
  const int rank = x.rank();
  const std::int64_t top = c.integer("offset_height"), left = c.integer("offset_width");
  x = slice_axis(x, rank - 3, top, top + c.integer("target_height"));
  return {slice_axis(x, rank - 2, left, left + c.integer("target_width"))};
}

Results central_crop(OpCall& c, const FunctionRow&) {
  Expr x = image_of(c);
  const int rank = x.rank();
  const double fraction = c.real("central_fraction");
  if (!(fraction > 0 && fraction <= 1))
    c.bad(fmt::format("central_fraction is {}, expected a number in (0, 1]", fraction));
  for (int axis : {rank - 3, rank - 2}) {
    const std::int64_t size = x.dim(axis);
    if (size == kUnknownDim) c.unsupported("images of unknown size");
    const auto real = static_cast<double>(size);
    const auto start = static_cast<std::int64_t>((real - real * fraction) / 2.0);
    x = slice_axis(x, axis, start, size - start);
  }
  return {x};
}

constexpr const char* kResize = "images size method preserve_aspect_ratio antialias align_corners";

}  // namespace

std::span<const FunctionRow> image_functions() {
  static constexpr FunctionRow kRows[] = {
      {"image.adjust_brightness", "image delta", adjust_brightness},
      {"image.adjust_contrast", "images contrast_factor", adjust_contrast},
      {"image.adjust_gamma", "image gamma gain", adjust_gamma},
      {"image.central_crop", "image central_fraction", central_crop},
      {"image.crop_to_bounding_box", "image offset_height offset_width target_height target_width",
       crop_to_box},
      {"image.flip_left_right", "image", flip, "", 2},
      {"image.flip_up_down", "image", flip, "", 3},
      {"image.grayscale_to_rgb", "images", grayscale_to_rgb},
      {"image.hsv_to_rgb", "images", image_op, "HSVToRGB"},
      {"image.per_image_standardization", "image", standardised},
      {"image.resize", kResize, resize},
      {"image.resize_area", kResize, resize, "area"},
      {"image.resize_bicubic", kResize, resize, "bicubic"},
      {"image.resize_bilinear", kResize, resize, "bilinear"},
      {"image.resize_images", kResize, resize},
      {"image.resize_nearest_neighbor", kResize, resize, "nearest"},
      {"image.rgb_to_grayscale", "images", rgb_to_grayscale},
      {"image.rgb_to_hsv", "images", image_op, "RGBToHSV"},
      {"image.transpose", "image", transposed},
  };
  return kRows;
}

}  // namespace thaw::keras
