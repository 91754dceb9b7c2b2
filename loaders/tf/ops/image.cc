#include "loaders/tf/ops/image.h"

#include <limits>

namespace thaw::tf::importers {
namespace {

/// The entries of a channels-last attribute for the axes of an image; the others must be 1.
Ints image_entries(OpContext& c, std::string_view attr, int axes) {
  const Ints values = c.node.integers(attr);
  if (static_cast<int>(values.size()) != axes + 2) {
    fail(ErrorCode::invalid_argument, "attribute {}: expected {} entries, found {}", attr, axes + 2,
         values.size());
  }
  if (values.front() != 1 || values.back() != 1) {
    c.refuse(fmt::format("attribute {} over batches or channels", attr));
  }
  return {values.begin() + 1, values.end() - 1};
}

bool same_padding(OpContext& c) { return c.one_of("padding", {"VALID", "SAME"}) == 1; }

double lowest(DType dtype) {
  switch (dtype) {
    case DType::float16: return -65504;
    case DType::bfloat16: return -0x1.FEp127;
    case DType::float32: return static_cast<double>(std::numeric_limits<float>::lowest());
    default: return std::numeric_limits<double>::lowest();
  }
}

}  // namespace

// (x - mean) factor + mean, with the mean of each channel of each image.
Results adjust_contrast(OpContext& c) {
  c.expect_count(2);
  if (c.rank(0) < 3) {
    fail(ErrorCode::invalid_argument, "images: expected at least 3 dimensions, found {}",
         c.shape(0).to_string());
  }
  const DType dtype = c.dtype(0);
  const ValueId mean = c.g.reduce(ReduceKind::mean, c.in(0), {-3, -2}, true);
  const ValueId distance = c.g.binary(BinaryKind::sub, c.in(0), mean);
  const ValueId factor = c.g.cast(c.in(1), dtype);
  return {c.g.binary(BinaryKind::add, c.g.binary(BinaryKind::mul, distance, factor), mean)};
}

Results colours(OpContext& c) {
  constexpr const char* kFunctions[] = {"adjust_hue", "adjust_saturation", "rgb_to_hsv",
                                        "hsv_to_rgb"};
  return {c.g.add1(ops::HostCall{kFunctions[c.kind], {}, nullptr}, c.inputs)};
}

Results crop_and_resize(OpContext& c) {
  c.expect_count(4);
  constexpr const char* kMethods[] = {"bilinear", "nearest"};
  const int method = c.one_of("method", {"bilinear", "nearest"});
  const Attributes attributes{{"method", std::string(kMethods[method])},
                              {"extrapolation_value", c.node.number("extrapolation_value")},
                              {"dtype", DType::float32}};
  return {c.g.add1(ops::HostCall{"crop_and_resize", attributes, nullptr}, c.inputs)};
}

Results draw_bounding_boxes(OpContext& c) {
  c.expect_count(2, 3);
  return {c.g.add1(ops::HostCall{"draw_bounding_boxes", {}, nullptr}, c.inputs)};
}

// kind: the version of the op; 0 takes overlaps instead of boxes.
Results non_max_suppression(OpContext& c) {
  constexpr int kOperands[] = {5, 3, 4, 5, 5, 6};
  c.expect_count(kOperands[c.kind]);
  std::vector<ValueId> inputs = c.inputs;
  const DType dtype = c.dtype(1);
  if (c.kind == 1) inputs.push_back(c.g.scalar(c.node.number("iou_threshold"), dtype));
  if (inputs.size() == 4) inputs.push_back(c.g.scalar(lowest(dtype), dtype));
  if (inputs.size() == 5) inputs.push_back(c.g.scalar(0, dtype));
  const bool pads = c.kind >= 4 && c.node.flag("pad_to_max_output_size");
  const Attributes attributes{{"overlaps", c.kind == 0}, {"pad", pads}};
  const auto found = c.g.add(ops::HostCall{"non_max_suppression", attributes, nullptr}, inputs, 3);
  if (c.kind == 5) return {found[0], found[1], found[2]};
  if (c.kind == 4) return {found[0], found[2]};
  return {found[0]};
}

Results combined_non_max_suppression(OpContext& c) {
  c.expect_count(6);
  const Attributes attributes{{"pad_per_class", c.node.flag("pad_per_class")},
                              {"clip_boxes", c.node.flag("clip_boxes")}};
  return c.g.add(ops::HostCall{"combined_non_max_suppression", attributes, nullptr}, c.inputs, 4);
}

// kind: the version of the op. What is outside of the image is zero, or an error where TensorFlow
// draws noise without a seed.
Results extract_glimpse(OpContext& c) {
  c.expect_count(3);
  c.one_of("noise", {"uniform", "gaussian", "zero"});
  return {c.g.add1(ops::HostCall{"extract_glimpse",
                                 {{"centered", c.node.flag("centered")},
                                  {"normalized", c.node.flag("normalized")},
                                  {"old", c.kind == 1},
                                  {"zero", c.node.text("noise") == "zero"}},
                                 nullptr},
                   c.inputs)};
}

// kind: spatial axes
Results extract_patches(OpContext& c) {
  c.expect_count(1);
  const Ints ones(static_cast<std::size_t>(c.kind), 1);
  const Attributes attributes{{"window", image_entries(c, "ksizes", c.kind)},
                              {"strides", image_entries(c, "strides", c.kind)},
                              {"rates", c.kind == 2 ? image_entries(c, "rates", 2) : ones},
                              {"same", same_padding(c)}};
  return {c.g.add1(ops::HostCall{"extract_patches", attributes, nullptr}, c.inputs)};
}

Results max_pool_with_argmax(OpContext& c) {
  c.expect_count(1);
  const Attributes attributes{{"window", image_entries(c, "ksize", 2)},
                              {"strides", image_entries(c, "strides", 2)},
                              {"rates", Ints{1, 1}},
                              {"same", same_padding(c)},
                              {"include_batch_in_index", c.node.flag("include_batch_in_index")},
                              {"dtype", c.node.type("Targmax")}};
  return c.g.add(ops::HostCall{"max_pool_with_argmax", attributes, nullptr}, c.inputs, 2);
}

Results dilation_2d(OpContext& c) {
  c.expect_count(2);
  const Attributes attributes{{"strides", image_entries(c, "strides", 2)},
                              {"rates", image_entries(c, "rates", 2)},
                              {"same", same_padding(c)}};
  return {c.g.add1(ops::HostCall{"dilation_2d", attributes, nullptr}, c.inputs)};
}

// The last operand, the colour outside, came with version 3.
Results projective_transform(OpContext& c) {
  c.expect_count(3, 4);
  constexpr const char* kInterpolations[] = {"NEAREST", "BILINEAR"};
  constexpr const char* kModes[] = {"CONSTANT", "REFLECT", "WRAP", "NEAREST"};
  const int interpolation = c.one_of("interpolation", {"NEAREST", "BILINEAR"});
  const int mode = c.one_of("fill_mode", {"CONSTANT", "REFLECT", "WRAP", "NEAREST"});
  const Attributes attributes{{"interpolation", std::string(kInterpolations[interpolation])},
                              {"fill_mode", std::string(kModes[mode])}};
  return {c.g.add1(ops::HostCall{"projective_transform", attributes, nullptr}, c.inputs)};
}

}  // namespace thaw::tf::importers
