// Images in Keras 3: colours, sizes, patches, transforms.
#include <algorithm>
#include <cmath>

#include "loaders/keras/layers/layers.h"
#include "loaders/keras/operations/images.h"
#include "loaders/keras/operations/shared.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using U = UnaryKind;

Expr to_grayscale(OpCall& c) {
  const Images images = images_of(c);
  if (images.x.dim(3) == 1) return images.back(images.x);
  if (images.x.dim(3) != 3) c.bad("expected 1 or 3 channels");
  const DType dtype = images.x.dtype();
  const Expr x = cast(images.x, floating_type(dtype));
  const Expr weights = cast(
      c.expr(c.g.constant(Tensor::from<float>(Shape{3}, {0.2989F, 0.5870F, 0.1140F}))), x.dtype());
  return images.back(cast(expand(contract(x, {3}, weights, {0}), 3), dtype));
}

Expr colours(OpCall& c) {
  const Images images = images_of(c);
  return images.back(c.tensorflow1(c.row.kind == 0 ? "RGBToHSV" : "HSVToRGB", {images.x}));
}

// The box of the target's aspect ratio inside (or around) one side of the image.
std::int64_t box_side(std::int64_t other, std::int64_t target, std::int64_t other_target) {
  return static_cast<std::int64_t>(static_cast<float>(other * target) /
                                   static_cast<float>(other_target));
}

std::int64_t half(std::int64_t rest) {
  return static_cast<std::int64_t>(static_cast<float>(rest) / 2);
}

Expr cropped_to_ratio(OpCall& c, Expr x, std::int64_t rows, std::int64_t columns) {
  const std::int64_t height = x.dim(1), width = x.dim(2);
  if (height == kUnknownDim || width == kUnknownDim || height > INT32_MAX || width > INT32_MAX)
    c.unsupported("images of unknown or absurd size");
  const std::int64_t box_height =
      std::max<std::int64_t>(std::min(height, box_side(width, rows, columns)), 1);
  const std::int64_t box_width =
      std::max<std::int64_t>(std::min(width, box_side(height, columns, rows)), 1);
  const std::int64_t top = half(height - box_height), left = half(width - box_width);
  return slice_axis(slice_axis(x, 1, top, top + box_height), 2, left, left + box_width);
}

Expr padded_to_ratio(OpCall& c, Expr x, std::int64_t rows, std::int64_t columns) {
  const std::int64_t height = x.dim(1), width = x.dim(2);
  if (height == kUnknownDim || width == kUnknownDim || height > INT32_MAX || width > INT32_MAX)
    c.unsupported("images of unknown or absurd size");
  const std::int64_t top = half(std::max(height, box_side(width, rows, columns)) - height);
  const std::int64_t left = half(std::max(width, box_side(height, columns, rows)) - width);
  const Expr widths = c.paddings({0, 0, top, top, left, left, 0, 0});
  return c.expr(c.g.add1(ops::Pad{PadMode::constant},
                         {x, widths, c.g.scalar(c.real("fill_value", 0), x.dtype())}));
}

Expr resize(OpCall& c) {
  Images images = images_of(c);
  const Axes size = c.sizes("size", 2, 1);
  if (c.text("fill_mode", "constant") != "constant") c.unsupported("fill_mode");
  if (c.flag("crop_to_aspect_ratio", false)) {
    images.x = cropped_to_ratio(c, images.x, size[0], size[1]);
  } else if (c.flag("pad_to_aspect_ratio", false)) {
    images.x = padded_to_ratio(c, images.x, size[0], size[1]);
  }
  return images.back(resize_image(c, images.x, c.ints_constant(size),
                                  c.text("interpolation", "bilinear"), c.flag("antialias", false),
                                  false, false, false));
}

// ---- boxes ----
struct Margins {
  std::int64_t before = 0, after = 0;
};

// Padding (or cropping, with the sign turned) of one axis; one of the three may be left out.
Margins margins_of(OpCall& c, Expr x, int axis, const char* before, const char* after,
                   const char* target, std::int64_t sign) {
  const std::int64_t size = x.dim(axis);
  if (c.has(before) && c.has(after)) return {c.integer(before), c.integer(after)};
  if (size == kUnknownDim) c.unsupported("images of unknown size");
  if (!c.has(target)) c.bad(std::string(target) + " is missing");
  const std::int64_t total = sign * (c.integer(target) - size);
  Margins margins{c.integer(before, 0), c.integer(after, 0)};
  if (!c.has(before)) {
    margins.before = total - margins.after;
  } else {
    margins.after = total - margins.before;
  }
  return margins;
}

Expr pad_images(OpCall& c) {
  const Images images = images_of(c);
  const Margins rows =
      margins_of(c, images.x, 1, "top_padding", "bottom_padding", "target_height", 1);
  const Margins columns =
      margins_of(c, images.x, 2, "left_padding", "right_padding", "target_width", 1);
  for (std::int64_t width : {rows.before, rows.after, columns.before, columns.after}) {
    if (width < 0) c.bad("a negative padding");
  }
  return images.back(c.expr(
      c.g.pad(images.x, {0, 0, rows.before, rows.after, columns.before, columns.after, 0, 0})));
}

Expr crop_images(OpCall& c) {
  const Images images = images_of(c);
  const Margins rows =
      margins_of(c, images.x, 1, "top_cropping", "bottom_cropping", "target_height", -1);
  const Margins columns =
      margins_of(c, images.x, 2, "left_cropping", "right_cropping", "target_width", -1);
  const auto cut = [&](Expr x, int axis, const Margins& margins) {
    if (margins.before < 0 || margins.after < 0) c.bad("a negative cropping");
    return slice_axis(x, axis, margins.before,
                      margins.after == 0 ? GraphBuilder::kToEnd : -margins.after);
  };
  return images.back(cut(cut(images.x, 1, rows), 2, columns));
}

// ---- patches and filters ----
Expr extract_patches(OpCall& c) {
  const bool first = c.channels_first();
  const std::size_t rank = c.ints("size").value_or(Axes{}).size() == 3 ? 3 : 2;
  const Axes size = c.sizes("size", rank, 1);
  Expr x = c.tensor("images");
  const int batched = static_cast<int>(rank) + 2;
  const bool single = x.rank() == batched - 1;
  if (single) x = expand(x, 0);
  if (x.rank() != batched) c.bad("expected one image or a batch of them");
  if (first) x = c.expr(channels_to_last(x, c.g));
  const std::int64_t channels = x.dim(batched - 1);
  if (channels == kUnknownDim) c.unsupported("an unknown number of channels");
  constexpr std::int64_t kMaxPatch = 4096;
  std::int64_t depth = std::min(channels, kMaxPatch + 1);
  for (std::int64_t side : size) depth *= std::min(side, kMaxPatch + 1);
  if (depth > kMaxPatch) c.unsupported("patches of so many elements");
  // Each filter picks one element of the patch.
  const Expr line = range(c.number(static_cast<double>(depth), DType::int64));
  Axes shape = size;
  shape.push_back(channels);
  shape.push_back(depth);
  const Expr kernel = reshape(cast(expand(line, 1) == expand(line, 0), x.dtype()), shape);
  const std::string padding = c.text("padding", "valid");
  ops::Conv op{c.has("strides") ? c.sizes("strides", rank, 1) : size,
               c.sizes("dilation_rate", rank, 1),
               Padding{},
               1,
               {}};
  if (padding == "same" || padding == "SAME") op.padding.kind = PaddingKind::same;
  Expr y = c.expr(c.g.add1(op, {x, kernel}));
  if (first) y = c.expr(channels_to_first(y, c.g));
  return single ? squeeze(y, 0) : y;
}

// The same filter [h, w] on every channel.
Expr filtered(OpCall& c, Expr x, Expr kernel, const Padding& padding) {
  const std::int64_t channels = x.dim(3);
  if (channels == kUnknownDim) c.unsupported("an unknown number of channels");
  const ValueId tiled = c.g.add1(
      ops::Tile{},
      {reshape(kernel, {kernel.dim(0), kernel.dim(1), 1, 1}), c.g.ints({1, 1, 1, channels})});
  return c.expr(c.g.add1(ops::Conv{{1, 1}, {1, 1}, padding, channels, {}}, {x, tiled}));
}

std::vector<double> gaussian(std::int64_t size, double sigma) {
  std::vector<double> weights;
  double sum = 0;
  for (std::int64_t i = 0; i < size; ++i) {
    const double x = (static_cast<double>(i) - static_cast<double>(size - 1) / 2) / sigma;
    weights.push_back(std::exp(-0.5 * x * x));
    sum += weights.back();
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

Expr gaussian_blur(OpCall& c) {
  const Images images = images_of(c);
  const Axes size = c.sizes("kernel_size", 2, 3);
  if (size[0] > 1024 || size[1] > 1024) c.unsupported("so large a kernel");
  Tensor sigma = Tensor::from<double>(Shape{2}, {1, 1});
  if (c.has("sigma")) sigma = constant_tensor(c.need("sigma").value, DType::float64);
  if (sigma.num_elements() != 2) c.bad("sigma must be two numbers");
  // Keras makes the columns from the first size and the rows from the second, and reads the
  // elements in the order of (first, second).
  const std::vector<double> across = gaussian(size[0], sigma.data<double>()[0]);
  const std::vector<double> down = gaussian(size[1], sigma.data<double>()[1]);
  std::vector<double> kernel;
  for (double y : down) {
    for (double x : across) kernel.push_back(x * y);
  }
  Padding padding;
  padding.kind = PaddingKind::same;
  const Expr weights =
      cast(c.expr(c.g.constant(Tensor::from(Shape{size[0], size[1]}, kernel))), images.x.dtype());
  return images.back(filtered(c, images.x, weights, padding));
}

// Structural similarity: windowed means, variances and covariance of every channel, averaged.
Expr structural_similarity(OpCall& c) {
  const Expr first_image = c.tensor("image1");
  const DType dtype = first_image.dtype();
  const bool channels_first = c.channels_first();
  const auto prepared = [&](Expr x) {
    if (x.rank() != 3 && x.rank() != 4) c.bad("expected one image or a batch of them");
    x = floating(x);
    if (x.rank() == 3) x = expand(x, 0);
    return channels_first ? c.expr(channels_to_last(x, c.g)) : x;
  };
  const Expr x = prepared(first_image), y = prepared(c.tensor("image2"));
  if (x.dtype() != y.dtype())
    c.bad(fmt::format("images of two types, {} and {}", name_of(x.dtype()), name_of(y.dtype())));
  const std::int64_t size = c.integer("filter_size", 11);
  if (size < 1 || size > 1024) c.unsupported(fmt::format("filter_size={}", size));
  const std::vector<double> side = gaussian(size, c.real("filter_sigma", 1.5));
  std::vector<double> window;
  for (double a : side) {
    for (double b : side) window.push_back(a * b);
  }
  const Expr kernel =
      cast(c.expr(c.g.constant(Tensor::from(Shape{size, size}, window))), x.dtype());
  const auto mean = [&](Expr image) { return filtered(c, image, kernel, Padding{}); };
  const double range = c.real("max_val", 1);
  const double c1 = std::pow(c.real("k1", 0.01) * range, 2);
  const double c2 = std::pow(c.real("k2", 0.03) * range, 2);
  const Expr mean_x = mean(x), mean_y = mean(y);
  const Expr xx = mean_x * mean_x, yy = mean_y * mean_y, xy = mean_x * mean_y;
  const Expr variances = (mean(x * x) - xx) + (mean(y * y) - yy);
  const Expr map =
      ((2.0 * xy + c1) * (2.0 * (mean(x * y) - xy) + c2)) / ((xx + yy + c1) * (variances + c2));
  const Expr result =
      reduce(ReduceKind::mean, reduce(ReduceKind::mean, map, {1, 2}, false), {1}, false);
  return cast(first_image.rank() == 3 ? squeeze(result, 0) : result, dtype);
}

Expr sobel_edges(OpCall& c) {
  const bool first = c.channels_first();
  Expr x = c.tensor("images");
  if (x.rank() != 4) c.bad("expected a batch of images");
  if (first) x = c.expr(channels_to_last(x, c.g));
  const Expr padded =
      c.expr(c.g.add1(ops::Pad{PadMode::reflect}, {x, c.paddings({0, 0, 1, 1, 1, 1, 0, 0})}));
  const std::vector<float> down{-1, -2, -1, 0, 0, 0, 1, 2, 1}, across{-1, 0, 1, -2, 0, 2, -1, 0, 1};
  Results edges;
  for (const std::vector<float>& kernel : {down, across}) {
    const Expr weights = cast(c.expr(c.g.constant(Tensor::from(Shape{3, 3}, kernel))), x.dtype());
    Expr edge = filtered(c, padded, weights, Padding{});
    if (first) edge = c.expr(channels_to_first(edge, c.g));
    edges.push_back(expand(edge, 4));
  }
  return concat(edges, 4);
}

struct Method {
  const char* name;
  ResizeMethod plain, smooth;
};
constexpr Method kMethods[] = {
    {"bilinear", ResizeMethod::bilinear, ResizeMethod::triangle},
    {"nearest", ResizeMethod::nearest, ResizeMethod::nearest},
    {"bicubic", ResizeMethod::bicubic, ResizeMethod::keys_cubic},
    {"area", ResizeMethod::area, ResizeMethod::area},
    {"lanczos3", ResizeMethod::lanczos3, ResizeMethod::lanczos3},
    {"lanczos5", ResizeMethod::lanczos5, ResizeMethod::lanczos5},
    {"gaussian", ResizeMethod::gaussian, ResizeMethod::gaussian},
    {"mitchellcubic", ResizeMethod::mitchell_cubic, ResizeMethod::mitchell_cubic},
};

}  // namespace

Expr resize_image(OpCall& c, Expr x, Expr size, const std::string& name, bool antialias,
                  bool corners, bool align_corners, bool single) {
  const Method* method = nullptr;
  for (const Method& row : kMethods) {
    if (name == row.name) method = &row;
  }
  if (method == nullptr) c.unsupported("method=" + name);
  ops::Resize op;
  op.method = antialias ? method->smooth : method->plain;
  const bool kernel = op.method >= ResizeMethod::lanczos1;
  op.antialias = antialias && kernel;
  op.align_corners = align_corners;
  op.half_pixel_centers = !kernel && op.method != ResizeMethod::area && !corners;
  // TensorFlow answers in float32, but for the nearest neighbour.
  if (op.method != ResizeMethod::nearest) x = cast(x, DType::float32);
  const Expr y = c.expr(c.g.add1(op, {x, size}));
  return single ? squeeze(y, 0) : y;
}

Expr Images::back(Expr y) const {
  if (first) y = y.with(channels_to_first(y, *y.g));
  return single ? squeeze(y, 0) : y;
}

Images images_of(OpCall& c) {
  Images images{c.tensor("images"), false, c.channels_first()};
  if (images.x.rank() != 3 && images.x.rank() != 4) c.bad("expected one image or a batch of them");
  images.single = images.x.rank() == 3;
  if (images.single) images.x = expand(images.x, 0);
  if (images.first) images.x = c.expr(channels_to_last(images.x, c.g));
  return images;
}

std::span<const OperationRow> image_operations() {
  static constexpr OperationRow kRows[] = {
      {"CropImages", "images", crop_images},
      {"ExtractPatches", "images", extract_patches},
      {"GaussianBlur", "images", gaussian_blur},
      {"HSVToRGB", "images", colours, 1},
      {"PadImages", "images", pad_images},
      {"RGBToGrayscale", "images", to_grayscale},
      {"RGBToHSV", "images", colours, 0},
      {"Resize", "images", resize},
      {"SSIM", "image1 image2", structural_similarity},
      {"SobelEdges", "images", sobel_edges},
  };
  return kRows;
}

}  // namespace thaw::keras
