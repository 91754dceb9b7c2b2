// Resizing, CenterCrop, RandomCrop at inference, Pipeline, and augmentation.
#include "loaders/keras/layers/image_preprocessing.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "runtime/base/check.h"

namespace thaw::keras {

ValueId dimension(ValueId x, int axis, GraphBuilder& g) {
  const std::int64_t known = g.shape(x)[axis];
  if (known != kUnknownDim) return g.scalar(static_cast<double>(known), DType::int32);
  const ValueId shape = g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int32}, {x});
  return g.gather(shape, g.scalar(axis, DType::int32));
}

namespace {

/// The image axes of a channels-last batch.
constexpr int kHeight = 1, kWidth = 2;

struct Size {
  std::int64_t height, width;
};

Size size_of(const Layer& layer) {
  const Size size{layer.integer("height"), layer.integer("width")};
  if (size.height < 1 || size.width < 1) layer.bad("height and width must be positive");
  return size;
}

/// A channels-last batch of images, and the way back.
struct Batch {
  ValueId images;
  bool single, channels_first;
};

// `x` is one image or a batch, in the layer's data format (Keras 2 knows channels_last only).
Batch batch_of(const Layer& layer, ValueId x, GraphBuilder& g) {
  const int rank = g.shape(x).has_rank() ? g.shape(x).rank() : -1;
  if (rank != 3 && rank != 4) layer.bad("expected an image or a batch of images");
  const bool first = layer.keras3() && layer.channels_first();
  if (rank == 3) x = g.expand_dims(x, 0);
  if (first) x = g.transpose(x, {0, 2, 3, 1});
  return {x, rank == 3, first};
}

ValueId restored(const Batch& batch, ValueId x, GraphBuilder& g) {
  if (batch.channels_first) x = g.transpose(x, {0, 3, 1, 2});
  return batch.single ? g.squeeze(x, 0) : x;
}

struct Method {
  ResizeMethod method;
  bool sampling;  // done by ScaleAndTranslate
};

// tf.image.resize's choice of kernel.
Method method_of(const Layer& layer, const std::string& name, bool antialias) {
  struct Row {
    const char* name;
    Method plain, smoothed;
    bool keras3;
  };
  using M = ResizeMethod;
  static constexpr Row kRows[] = {
      {"nearest", {M::nearest, false}, {M::nearest, false}, true},
      {"bilinear", {M::bilinear, false}, {M::triangle, true}, true},
      {"bicubic", {M::bicubic, false}, {M::keys_cubic, true}, true},
      {"lanczos3", {M::lanczos3, true}, {M::lanczos3, true}, true},
      {"lanczos5", {M::lanczos5, true}, {M::lanczos5, true}, true},
      {"area", {M::area, false}, {M::area, false}, true},
      {"gaussian", {M::gaussian, true}, {M::gaussian, true}, false},
      {"mitchellcubic", {M::mitchell_cubic, true}, {M::mitchell_cubic, true}, false},
  };
  for (const Row& row : kRows) {
    if (name == row.name && (row.keras3 || !layer.keras3())) {
      return antialias ? row.smoothed : row.plain;
    }
  }
  layer.unsupported(fmt::format("interpolation={}", printable(name)));
}

// tf.image.resize: nearest keeps the type, the others answer in float32; an image that has the
// size already is left alone.
ValueId resized(ValueId x, Size size, const Method& method, bool antialias, GraphBuilder& g) {
  if (g.shape(x)[kHeight] == size.height && g.shape(x)[kWidth] == size.width) return x;
  ops::Resize op{method.method};
  if (method.method != ResizeMethod::nearest) x = g.cast(x, DType::float32);
  op.antialias = antialias && method.sampling;
  op.half_pixel_centers = !method.sampling && method.method != ResizeMethod::area;
  return g.add1(op, {x, g.ints({size.height, size.width})});
}

ValueId scalar_int(std::int64_t value, GraphBuilder& g) {
  return g.scalar(static_cast<double>(value), DType::int32);
}

// int32(float32(side * target) / other_target): the other side that keeps the aspect ratio.
ValueId scaled_side(ValueId side, std::int64_t target, std::int64_t other_target, GraphBuilder& g) {
  const ValueId product =
      g.cast(g.binary(BinaryKind::mul, side, scalar_int(target, g)), DType::float32);
  const ValueId divisor = g.scalar(static_cast<double>(other_target), DType::float32);
  return g.cast(g.binary(BinaryKind::div, product, divisor), DType::int32);
}

// int32(float32(all - part) / 2)
ValueId centered(ValueId all, ValueId part, GraphBuilder& g) {
  const ValueId rest = g.cast(g.binary(BinaryKind::sub, all, part), DType::float32);
  return g.cast(g.binary(BinaryKind::mul, rest, g.scalar(0.5, DType::float32)), DType::int32);
}

/// A part of every image: scalars.
struct Box {
  ValueId top, left, height, width;
};

ValueId cut(ValueId x, const Box& box, GraphBuilder& g) {
  const ValueId zero = scalar_int(0, g), all = scalar_int(-1, g);
  const ValueId begin = g.add1(ops::Stack{0}, {zero, box.top, box.left, zero});
  const ValueId size = g.add1(ops::Stack{0}, {all, box.height, box.width, all});
  return g.add1(ops::Slice{}, {x, begin, size});
}

// The largest centered part with the aspect ratio of `size`.
Box aspect_box(const Layer& layer, ValueId x, Size size, GraphBuilder& g) {
  const ValueId height = dimension(x, kHeight, g), width = dimension(x, kWidth, g);
  Box box{};
  box.height =
      g.binary(BinaryKind::minimum, height, scaled_side(width, size.height, size.width, g));
  box.width = g.binary(BinaryKind::minimum, width, scaled_side(height, size.width, size.height, g));
  if (layer.keras3()) {
    box.height = g.binary(BinaryKind::maximum, box.height, scalar_int(1, g));
    box.width = g.binary(BinaryKind::maximum, box.width, scalar_int(1, g));
  }
  box.top = centered(height, box.height, g);
  box.left = centered(width, box.width, g);
  return box;
}

ValueId smart_resized(const Layer& layer, ValueId x, Size size, const Method& method,
                      bool antialias, GraphBuilder& g) {
  return resized(cut(x, aspect_box(layer, x, size, g), g), size, method, antialias, g);
}

// Equal borders on two opposite sides that bring the image to the aspect ratio of `size`.
ValueId padded(const Layer& layer, ValueId x, Size size, GraphBuilder& g) {
  const ValueId height = dimension(x, kHeight, g), width = dimension(x, kWidth, g);
  const ValueId tall =
      g.binary(BinaryKind::maximum, height, scaled_side(width, size.height, size.width, g));
  const ValueId wide =
      g.binary(BinaryKind::maximum, width, scaled_side(height, size.width, size.height, g));
  const ValueId zero = scalar_int(0, g);
  const ValueId top = centered(tall, height, g), left = centered(wide, width, g);
  const ValueId amounts = g.add1(ops::Stack{0}, {zero, zero, top, top, left, left, zero, zero});
  const ValueId fill = g.scalar(layer.real("fill_value", 0), g.dtype(x));
  return g.add1(ops::Pad{}, {x, g.reshape(amounts, {4, 2}), fill});
}

bool sides_known(ValueId x, GraphBuilder& g) {
  return g.shape(x)[kHeight] != kUnknownDim && g.shape(x)[kWidth] != kUnknownDim;
}

// The centered part of the wanted size. Where the image's size is not known and may be too small,
// Keras 2 decides at run time; a part of the right size is not changed by the resizing behind it.
ValueId center_cut(const Layer& layer, ValueId x, Size size, GraphBuilder& g) {
  const ValueId height = dimension(x, kHeight, g), width = dimension(x, kWidth, g);
  const ValueId want_height = scalar_int(size.height, g), want_width = scalar_int(size.width, g);
  const Box center{g.binary(BinaryKind::floor_div, g.binary(BinaryKind::sub, height, want_height),
                            scalar_int(2, g)),
                   g.binary(BinaryKind::floor_div, g.binary(BinaryKind::sub, width, want_width),
                            scalar_int(2, g)),
                   want_height, want_width};
  if (sides_known(x, g) || layer.keras3()) return cut(x, center, g);
  const ValueId fits =
      g.binary(BinaryKind::logical_and, g.binary(BinaryKind::greater_equal, height, want_height),
               g.binary(BinaryKind::greater_equal, width, want_width));
  const Box aspect = aspect_box(layer, x, size, g);
  const Box box{g.select(fits, center.top, aspect.top), g.select(fits, center.left, aspect.left),
                g.select(fits, center.height, aspect.height),
                g.select(fits, center.width, aspect.width)};
  return resized(cut(x, box, g), size, {ResizeMethod::bilinear, false}, false, g);
}

}  // namespace

ValueId saturate_cast(ValueId x, DType dtype, GraphBuilder& g) {
  if (g.dtype(x) == dtype) return x;
  double low = 0, high = 0;
  switch (dtype) {
    case DType::int8: low = INT8_MIN, high = INT8_MAX; break;
    case DType::int16: low = INT16_MIN, high = INT16_MAX; break;
    // The largest float32 below the type's maximum.
    case DType::int32: low = INT32_MIN, high = 2147483520.0; break;
    case DType::int64: low = -0x1p63, high = 0x1p63 - 0x1p39; break;
    case DType::uint8: high = UINT8_MAX; break;
    case DType::uint16: high = UINT16_MAX; break;
    case DType::uint32: high = 4294967040.0; break;
    case DType::uint64: high = 0x1p64 - 0x1p40; break;
    case DType::float16: low = -65504, high = 65504; break;
    default: return g.cast(x, dtype);
  }
  return g.cast(g.unary({UnaryKind::clamp, low, high}, x), dtype);
}

Outputs resizing(const Layer& layer, Weights&, GraphBuilder& g) {
  const std::string name = layer.text("interpolation", "bilinear");
  const bool crop = layer.flag("crop_to_aspect_ratio", false);
  const bool pad = layer.flag("pad_to_aspect_ratio", false);
  const bool antialias = layer.flag("antialias", false);
  const Size size = size_of(layer);
  if (crop && pad) layer.bad("crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other");
  if (layer.text("fill_mode", "constant") != "constant") layer.unsupported("fill_mode");
  std::string lower = name;
  if (!layer.keras3()) std::transform(name.begin(), name.end(), lower.begin(), ::tolower);
  const Method method = method_of(layer, lower, antialias);

  ValueId x = layer.input();
  const DType given = g.dtype(x);
  if (!layer.keras3()) {
    x = g.cast(x, method.method == ResizeMethod::nearest ? layer.policy.compute : DType::float32);
  }
  const Batch batch = batch_of(layer, x, g);
  ValueId y = batch.images;
  if (crop) {
    y = smart_resized(layer, y, size, method, antialias, g);
  } else {
    if (pad) y = padded(layer, y, size, g);
    y = resized(y, size, method, antialias, g);
  }
  if (!layer.keras3()) return restored(batch, g.cast(y, layer.policy.compute), g);
  if (is_integer(given) && is_floating(g.dtype(y))) y = g.unary({UnaryKind::round}, y);
  return restored(batch, saturate_cast(y, given, g), g);
}

Outputs center_crop(const Layer& layer, Weights&, GraphBuilder& g) {
  const Size size = size_of(layer);
  const Batch batch = batch_of(layer, g.cast(layer.input(), layer.policy.compute), g);
  const ValueId x = batch.images;
  const bool small =
      sides_known(x, g) && (g.shape(x)[kHeight] < size.height || g.shape(x)[kWidth] < size.width);
  ValueId y = small ? smart_resized(layer, x, size, {ResizeMethod::bilinear, false}, false, g)
                    : center_cut(layer, x, size, g);
  if (!layer.keras3()) y = g.cast(y, layer.policy.compute);
  return restored(batch, y, g);
}

// Keras 2 resizes at inference, Keras 3 leaves the images alone.
Outputs random_crop(const Layer& layer, Weights&, GraphBuilder& g) {
  if (layer.keras3()) return layer.input();
  const Batch batch = batch_of(layer, g.cast(layer.input(), layer.policy.compute), g);
  const ValueId y =
      smart_resized(layer, batch.images, size_of(layer), {ResizeMethod::bilinear, false}, false, g);
  return restored(batch, g.cast(y, layer.policy.compute), g);
}

// Random only in training; some classes convert integers to the compute type even so.
Outputs augmentation(const Layer& layer, Weights&, GraphBuilder& g) {
  static constexpr const char* kKeepIntegers[] = {
      "CutMix",         "Equalization",        "MaxNumBoundingBoxes",     "MixUp",
      "RandomContrast", "RandomBrightness",    "RandomColorDegeneration", "RandomColorJitter",
      "RandomErasing",  "RandomGaussianBlur",  "RandomGrayscale",         "RandomHue",
      "RandomInvert",   "RandomPosterization", "RandomSaturation",        "RandomHeight",
      "RandomWidth"};
  const std::string& name = layer.class_name();
  // Keras 2's RandomBrightness and RandomContrast convert as its other layers do.
  const bool keeps = std::find(std::begin(kKeepIntegers), std::end(kKeepIntegers), name) !=
                     std::end(kKeepIntegers);
  const bool keras2_converts = !layer.keras3() && name != "RandomHeight" && name != "RandomWidth";
  const bool keras3_converts = name == "RandomErasing" || name == "RandomGaussianBlur";
  if (keeps && !keras2_converts && !keras3_converts) return layer.input();
  return g.cast(layer.input(), layer.policy.compute);
}

namespace {

// "_pipeline_layers/rescaling", "_pipeline_layers/rescaling_1", ...
std::vector<std::string> pipeline_paths(const LayerConfig& layer) {
  std::map<std::string, int> counts;
  std::vector<std::string> paths;
  for (const auto& [key, inner] : layer.inner) {
    const std::string name = to_snake_case(inner.class_name);
    const int count = counts[name]++;
    paths.push_back("_pipeline_layers/" + (count == 0 ? name : fmt::format("{}_{}", name, count)));
  }
  return paths;
}

}  // namespace

void pipeline_variables(VariableList& variables) {
  const std::vector<std::string> paths = pipeline_paths(variables.layer());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    variables.inner(paths[i], variables.layer().inner[i].second);
  }
}

Outputs pipeline(const Layer& layer, Weights&, GraphBuilder&) {
  const std::vector<std::string> paths = pipeline_paths(layer.config);
  Outputs outputs(layer.inputs);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    outputs = layer.import_inner(layer.config.inner[i].second, paths[i], outputs.values);
    if (outputs.poisoned) break;
  }
  return outputs;
}

}  // namespace thaw::keras
