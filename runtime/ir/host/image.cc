// Images: boxes, colours, windows, files.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {
namespace {

using inference::Context;
using inference::Ints;
using inference::Types;

void expect_floats(const Context& context, int i, std::string_view what) {
  inference::expect_type(is_floating(context.dtype(i)), what, "a floating type", context.dtype(i));
}

void expect_reals(const Context& context, int i, std::string_view what) {
  inference::expect_type(inference::is_real(context.dtype(i)), what, "a real type",
                         context.dtype(i));
}

Shape known_rank(const Shape& shape, int rank, std::string_view what) {
  inference::expect_rank(shape, rank, what);
  return shape.has_rank() ? shape : inference::unknown_dims(rank);
}

/// Two sizes from an operand [2].
Ints size_operand(const Context& context, int i, std::string_view what) {
  inference::merge_shape(context.shape(i), Shape{2}, what);
  const auto sizes = inference::ints_operand(context, i, what);
  if (!sizes) return {kUnknownDim, kUnknownDim};
  for (const std::int64_t size : *sizes) {
    if (size <= 0) inference::invalid("{}: expected positive numbers, found {}", what, size);
  }
  return *sizes;
}

Types colours(const ops::HostCall& call, const Context& context) {
  const bool adjusts = call.function.starts_with("adjust");
  inference::expect_operands(context, adjusts ? 2 : 1);
  expect_floats(context, 0, "images");
  const Shape& x = context.shape(0);
  inference::expect_rank_at_least(x, 1, "images");
  if (x.has_rank()) inference::merge_dim(x[x.rank() - 1], 3, "channels");
  if (adjusts) {
    expect_floats(context, 1, "factor");
    inference::expect_scalar(context, 1, "factor");
  }
  return {context.type(0)};
}

Types crop_and_resize(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 4);
  expect_reals(context, 0, "image");
  const Shape image = known_rank(context.shape(0), 4, "image");
  expect_floats(context, 1, "boxes");
  const Shape boxes = inference::merge_shape(known_rank(context.shape(1), 2, "boxes"),
                                             Shape{kUnknownDim, 4}, "boxes");
  const DType dtype = call.attributes.dtype("dtype");
  inference::expect_same_type(dtype, "boxes", context.dtype(1));
  inference::expect_same_type(DType::int32, "box_ind", context.dtype(2));
  const Shape numbers = inference::merge_shape(context.shape(2), Shape{boxes[0]}, "box_ind");
  const Ints size = size_operand(context, 3, "crop_size");
  return {{dtype, Shape{numbers[0], size[0], size[1], image[3]}}};
}

Types draw_bounding_boxes(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 2, 3);
  expect_floats(context, 0, "images");
  expect_floats(context, 1, "boxes");
  const Shape images = known_rank(context.shape(0), 4, "images");
  inference::merge_shape(known_rank(context.shape(1), 3, "boxes"), Shape{images[0], kUnknownDim, 4},
                         "boxes");
  if (context.count() == 3) {
    expect_floats(context, 2, "colors");
    inference::expect_rank(context.shape(2), 2, "colors");
  }
  return {{context.dtype(0), images}};
}

Types non_max_suppression(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 6);
  const bool overlaps = call.attributes.flag("overlaps");
  expect_floats(context, 0, "boxes");
  expect_floats(context, 1, "scores");
  Shape boxes = known_rank(context.shape(0), 2, "boxes");
  const Shape scores =
      inference::merge_shape(known_rank(context.shape(1), 1, "scores"), Shape{boxes[0]}, "scores");
  inference::merge_shape(boxes, Shape{scores[0], overlaps ? scores[0] : 4}, "boxes");
  const auto most = inference::int_operand(context, 2, "max_output_size");
  for (int i = 3; i < 6; ++i) {
    expect_floats(context, i, "threshold");
    inference::expect_scalar(context, i, "threshold");
  }
  const std::int64_t size = call.attributes.flag("pad") ? most.value_or(kUnknownDim) : kUnknownDim;
  if (size < kUnknownDim) inference::invalid("max_output_size: {} is negative", size);
  return {{DType::int32, Shape{size}}, {context.dtype(1), Shape{size}}, {DType::int32, {}}};
}

Types combined_non_max_suppression(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 6);
  const DType dtype = context.dtype(0);
  inference::expect_type(dtype == DType::float32 || dtype == DType::float64, "boxes", "float32",
                         dtype);
  inference::expect_same_type(dtype, "scores", context.dtype(1));
  const Shape boxes =
      inference::merge_shape(known_rank(context.shape(0), 4, "boxes"),
                             Shape{kUnknownDim, kUnknownDim, kUnknownDim, 4}, "boxes");
  const Shape scores = inference::merge_shape(known_rank(context.shape(1), 3, "scores"),
                                              Shape{boxes[0], boxes[1], kUnknownDim}, "scores");
  const auto per_class = inference::int_operand(context, 2, "max_output_size_per_class");
  const auto total = inference::int_operand(context, 3, "max_total_size");
  std::int64_t rows = total.value_or(kUnknownDim);
  if (call.attributes.flag("pad_per_class") && rows >= 0) {
    const bool known = per_class && *per_class > 0 && scores[2] >= 0;
    rows = known ? std::min(rows, inference::checked_mul(*per_class, scores[2])) : kUnknownDim;
  }
  if (rows < kUnknownDim) inference::invalid("max_total_size: {} is negative", rows);
  const std::int64_t batch = boxes[0] >= 0 ? boxes[0] : scores[0];
  return {{dtype, Shape{batch, rows, 4}},
          {dtype, Shape{batch, rows}},
          {dtype, Shape{batch, rows}},
          {DType::int32, Shape{batch}}};
}

/// Results of windows over the spatial axes of x: [N, S'..., channels].
Shape window_shape(const ops::HostCall& call, const Shape& x, const Ints& window,
                   std::int64_t channels) {
  const Ints &strides = call.attributes.ints("strides"), &rates = call.attributes.ints("rates");
  const std::size_t rank = window.size();
  if (strides.size() != rank || rates.size() != rank) {
    inference::invalid("expected {} strides and rates, found {} and {}", rank, strides.size(),
                       rates.size());
  }
  Padding padding;
  if (call.attributes.flag("same")) padding.kind = PaddingKind::same;
  Ints dims{x[0]};
  for (std::size_t i = 0; i < rank; ++i) {
    if (window[i] == kUnknownDim) {
      dims.push_back(kUnknownDim);
      continue;
    }
    if (window[i] < 1 || strides[i] < 1 || rates[i] < 1) {
      inference::invalid("expected positive windows, strides and rates, found {}, {} and {}",
                         window[i], strides[i], rates[i]);
    }
    const int axis = static_cast<int>(i);
    dims.push_back(window_output(x[axis + 1], window[i], strides[i], rates[i], padding, axis));
  }
  dims.push_back(channels);
  return Shape(std::move(dims));
}

Types extract_patches(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  const DType dtype = context.dtype(0);
  inference::expect_type(inference::is_tensor(dtype), "images", "a tensor", dtype);
  const Ints& window = call.attributes.ints("window");
  const int rank = static_cast<int>(window.size()) + 2;
  const Shape x = known_rank(context.shape(0), rank, "images");
  std::int64_t channels = x[rank - 1];
  for (const std::int64_t size : window) {
    if (size < 1) inference::invalid("ksizes: expected positive numbers, found {}", size);
    if (channels >= 0) channels = inference::checked_mul(channels, size);
  }
  return {{dtype, window_shape(call, x, window, channels)}};
}

Types max_pool_with_argmax(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  expect_reals(context, 0, "input");
  const Shape x = known_rank(context.shape(0), 4, "input");
  const Ints& window = call.attributes.ints("window");
  if (window.size() != 2) inference::invalid("expected a window of 2 axes");
  const Shape y = window_shape(call, x, window, x[3]);
  return {{context.dtype(0), y}, {call.attributes.dtype("dtype"), y}};
}

Types dilation_2d(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 2);
  expect_reals(context, 0, "input");
  inference::expect_same_type(context.dtype(0), "filter", context.dtype(1));
  const Shape x = known_rank(context.shape(0), 4, "input");
  const Shape filter = known_rank(context.shape(1), 3, "filter");
  const std::int64_t channels = inference::merge_dim(x[3], filter[2], "channels of the filter");
  return {{context.dtype(0), window_shape(call, x, {filter[0], filter[1]}, channels)}};
}

Types projective_transform(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3, 4);
  expect_reals(context, 0, "images");
  const Shape x = known_rank(context.shape(0), 4, "images");
  expect_floats(context, 1, "transforms");
  inference::merge_shape(known_rank(context.shape(1), 2, "transforms"), Shape{kUnknownDim, 8},
                         "transforms");
  const Ints size = size_operand(context, 2, "output_shape");
  if (context.count() == 4) inference::expect_scalar(context, 3, "fill_value");
  return {{context.dtype(0), Shape{x[0], size[0], size[1], x[3]}}};
}

void expect_string(const Context& context) {
  inference::expect_same_type(DType::string, "contents", context.dtype(0));
  inference::expect_scalar(context, 0, "contents");
}

Types decode_image(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1, 2);
  expect_string(context);
  if (context.count() == 2) {
    inference::expect_index_type("crop_window", context.dtype(1));
    inference::merge_shape(context.shape(1), Shape{4}, "crop_window");
  }
  const std::int64_t channels = call.attributes.integer("channels");
  const DType dtype = call.attributes.dtype("dtype");
  const std::string& op = call.attributes.text("op");
  if (op == "DecodeImage" && call.attributes.flag("expand_animations")) {
    return {{dtype, Shape::unknown_rank()}};  // of a GIF image with an axis more
  }
  Ints dims{kUnknownDim, kUnknownDim, channels == 0 ? kUnknownDim : channels};
  if (op == "DecodeGif") dims.insert(dims.begin(), kUnknownDim);
  return {{dtype, Shape(std::move(dims))}};
}

Types jpeg_shape(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  expect_string(context);
  return {{call.attributes.dtype("dtype"), Shape{3}}};
}

Types encode_image(const ops::HostCall& call, const Context& context) {
  inference::expect_operands(context, 1);
  const bool png = call.function == "encode_png";
  const DType dtype = context.dtype(0);
  inference::expect_type(dtype == DType::uint8 || (png && dtype == DType::uint16), "image",
                         png ? "uint8 or uint16" : "uint8", dtype);
  const Shape& x = context.shape(0);
  if (!x.has_rank()) return {{DType::string, x}};
  inference::expect_rank_at_least(x, 3, "image");
  if (!png) inference::expect_rank(x, 3, "image");
  const std::int64_t channels = x[x.rank() - 1];
  if (channels == 0 || channels > 4) inference::invalid("image: {} channels", channels);
  return {{DType::string, Shape(Ints(x.dims().begin(), x.dims().end() - 3))}};
}

Types extract_glimpse(const ops::HostCall&, const Context& context) {
  inference::expect_operands(context, 3);
  inference::expect_type(is_floating(context.dtype(0)), "input", "a floating type",
                         context.dtype(0));
  inference::expect_index_type("size", context.dtype(1));
  inference::expect_same_type(context.dtype(0), "offsets", context.dtype(2));
  inference::expect_rank(context.shape(0), 4, "input");
  inference::expect_rank(context.shape(2), 2, "offsets");
  inference::merge_shape(context.shape(2), Shape{kUnknownDim, 2}, "offsets");
  const Shape x = context.shape(0).has_rank() ? context.shape(0) : inference::unknown_dims(4);
  Shape y{x[0], kUnknownDim, kUnknownDim, x[3]};
  if (const auto size = inference::ints_operand(context, 1, "size")) {
    if (size->size() != 2) inference::invalid("size: expected two numbers");
    for (int i = 0; i < 2; ++i) {
      const std::int64_t pixels = (*size)[static_cast<std::size_t>(i)];
      if (pixels < 1) inference::invalid("size: {} pixels", pixels);
      y[i + 1] = pixels;
    }
  }
  return {{context.dtype(0), y}};
}

}  // namespace

std::span<const HostFunction> image() {
  static constexpr HostFunction kFunctions[] = {
      {"adjust_hue", colours},
      {"adjust_saturation", colours},
      {"combined_non_max_suppression", combined_non_max_suppression},
      {"crop_and_resize", crop_and_resize},
      {"decode_image", decode_image, true, true},
      {"dilation_2d", dilation_2d},
      {"draw_bounding_boxes", draw_bounding_boxes},
      {"encode_jpeg", encode_image, true, true},
      {"encode_png", encode_image, true, true},
      {"extract_glimpse", extract_glimpse},
      {"extract_patches", extract_patches},
      {"hsv_to_rgb", colours},
      {"jpeg_shape", jpeg_shape},
      {"max_pool_with_argmax", max_pool_with_argmax},
      {"non_max_suppression", non_max_suppression},
      {"projective_transform", projective_transform},
      {"rgb_to_hsv", colours},
  };
  return kFunctions;
}

}  // namespace thaw::host_types
