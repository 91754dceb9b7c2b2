// Convolutions of one to three dimensions: plain, transposed, depthwise, separable.
#include <algorithm>

#include "loaders/keras/activations.h"
#include "loaders/keras/layers/layers.h"
#include "runtime/base/check.h"

namespace thaw::keras {

namespace {

struct Window {
  int rank = 0;
  bool channels_first = false;
  std::vector<std::int64_t> kernel, strides, dilations;
  Padding padding;
};

Window window_of(const Layer& layer) {
  Window window;
  window.rank = spatial_rank(layer);
  window.channels_first = layer.channels_first();
  if (!layer.has("kernel_size")) layer.bad("kernel_size is missing");
  window.kernel = layer.sizes("kernel_size", window.rank, 1);
  window.strides = layer.sizes("strides", window.rank, 1);
  window.dilations = layer.sizes("dilation_rate", window.rank, 1);
  const std::string padding = layer.text("padding", "valid");
  if (padding == "valid") {
    window.padding.kind = PaddingKind::valid;
  } else if (padding == "same") {
    window.padding.kind = PaddingKind::same;
  } else if (padding == "causal" && window.rank == 1) {
    window.padding.kind = PaddingKind::causal;
  } else {
    layer.unsupported(fmt::format("padding={}", printable(padding)));
  }
  return window;
}

// The input in channels-last order and the compute type.
ValueId window_input(const Layer& layer, const Window& window, GraphBuilder& g) {
  const ValueId x = computed(layer, layer.input(), g);
  layer.expect_rank(g, x, window.rank + 2);
  return window.channels_first ? channels_to_last(x, g) : x;
}

// Bias, activation, and back to the layer's own order. The activation works on that order
// (softmax).
ValueId window_output(const Layer& layer, Weights& weights, const Window& window,
                      std::int64_t filters, ValueId y, GraphBuilder& g) {
  if (layer.flag("use_bias", true))
    y = g.binary(BinaryKind::add, y, weights.get("bias", {filters}));
  const Activation activation = activation_of(layer, "activation", "linear");
  if (!window.channels_first) return activate(activation, y, layer, g);
  // Elementwise functions stay in front of the transpose, where they can be fused.
  if (activation.kind == Activation::Kind::scalar)
    return channels_to_first(activate(activation, y, layer, g), g);
  return activate(activation, channels_to_first(y, g), layer, g);
}

Shape kernel_shape(const Window& window, std::int64_t second_last, std::int64_t last) {
  std::vector<std::int64_t> dims = window.kernel;
  dims.push_back(second_last);
  dims.push_back(last);
  return Shape(std::move(dims));
}

// [K..., C, M] is stored; a grouped convolution takes [K..., 1, C M].
ValueId depthwise(const Layer& layer, Weights& weights, const Window& window, ValueId x,
                  std::int64_t channels, std::int64_t multiplier, GraphBuilder& g) {
  if (multiplier <= 0) layer.bad(fmt::format("depth_multiplier is {}", multiplier));
  const ValueId kernel =
      weights.get("depthwise_kernel", kernel_shape(window, channels, multiplier));
  std::vector<std::int64_t> dims = window.kernel;
  dims.push_back(1);
  dims.push_back(channels * multiplier);
  ops::Conv op;
  op.strides = window.strides;
  op.dilations = window.dilations;
  op.padding = window.padding;
  op.groups = channels;
  return g.add1(std::move(op), {x, g.reshape(kernel, dims)});
}

}  // namespace

Outputs conv(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const Window window = window_of(layer);
  const std::int64_t filters = layer.integer("filters");
  const std::int64_t groups = layer.integer("groups", 1);
  const ValueId x = window_input(layer, window, g);
  const std::int64_t channels = known_dim(layer, g, x, -1);
  if (groups <= 0 || channels % groups != 0 || filters % groups != 0) {
    layer.bad(fmt::format("{} groups do not divide {} channels and {} filters", groups, channels,
                          filters));
  }
  ops::Conv op;
  op.strides = window.strides;
  op.dilations = window.dilations;
  op.padding = window.padding;
  op.groups = groups;
  const ValueId kernel = weights.get("kernel", kernel_shape(window, channels / groups, filters));
  return window_output(layer, weights, window, filters, g.add1(std::move(op), {x, kernel}), g);
}

namespace {

// Keras 1 was told the size of the result, which the others compute; empty where it leaves it open.
std::vector<std::int64_t> stated_sizes(const Layer& layer, const Window& window) {
  const Json* shape = layer.writer.major == 1 ? layer.find("output_shape") : nullptr;
  const Json::Array* list = shape != nullptr ? list_of(*shape) : nullptr;
  if (list == nullptr || list->size() != static_cast<std::size_t>(window.rank) + 2) return {};
  std::vector<std::int64_t> sizes;
  for (std::size_t i = 0; i < static_cast<std::size_t>(window.rank); ++i) {
    const Json& size = (*list)[i + (layer.channels_first() ? 2 : 1)];
    if (!size.is_integer() || size.integer() <= 0) return {};
    sizes.push_back(size.integer());
  }
  return sizes;
}

}  // namespace

Outputs conv_transpose(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const Window window = window_of(layer);
  if (window.padding.kind == PaddingKind::causal) layer.unsupported("padding=causal");
  const std::int64_t filters = layer.integer("filters");
  const ValueId x = window_input(layer, window, g);
  const std::int64_t channels = known_dim(layer, g, x, -1);
  std::vector<std::int64_t> extra;
  if (layer.has("output_padding")) {
    extra = layer.ints("output_padding", {});
    if (extra.size() == 1) extra.resize(static_cast<std::size_t>(window.rank), extra[0]);
    if (extra.size() != static_cast<std::size_t>(window.rank))
      layer.bad("output_padding has another rank");
  }
  // Output size = input size * stride + surplus, per axis.
  std::vector<std::int64_t> surplus, sizes;
  bool known = true;
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    const std::int64_t span = (window.kernel[i] - 1) * window.dilations[i] + 1,
                       stride = window.strides[i];
    const bool same = window.padding.kind == PaddingKind::same;
    if (extra.empty()) {
      surplus.push_back(same ? 0 : std::max<std::int64_t>(span - stride, 0));
    } else {
      surplus.push_back(-stride + (same ? span % 2 : span) + extra[i]);
    }
    const std::int64_t size = g.shape(x)[static_cast<int>(i) + 1];
    known = known && size != kUnknownDim;
    sizes.push_back(size * stride + surplus.back());
  }
  ValueId spatial = kNoValue;
  if (std::vector<std::int64_t> stated = stated_sizes(layer, window); !stated.empty()) {
    sizes = std::move(stated);
    known = true;
  }
  if (known) {
    spatial = g.ints(sizes);
  } else {
    std::vector<std::int64_t> dims;
    for (int axis = 0; axis < window.rank; ++axis) dims.push_back(GraphBuilder::dim_of(axis + 1));
    spatial = g.binary(BinaryKind::mul, g.dims(x, dims), g.ints(window.strides));
    spatial = g.binary(BinaryKind::add, spatial, g.ints(surplus));
  }
  ops::ConvTranspose op;
  op.strides = window.strides;
  op.dilations = window.dilations;
  op.padding = window.padding;
  const ValueId kernel = weights.get("kernel", kernel_shape(window, filters, channels));
  return window_output(layer, weights, window, filters, g.add1(std::move(op), {x, kernel, spatial}),
                       g);
}

void depthwise_variables(VariableList& variables) {
  variables.add("depthwise_kernel");
  if (variables.flag("use_bias", true)) variables.add("bias");
}

Outputs depthwise_conv(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const Window window = window_of(layer);
  const ValueId x = window_input(layer, window, g);
  const std::int64_t channels = known_dim(layer, g, x, -1);
  const std::int64_t multiplier = layer.integer("depth_multiplier", 1);
  const ValueId y = depthwise(layer, weights, window, x, channels, multiplier, g);
  return window_output(layer, weights, window, channels * multiplier, y, g);
}

void separable_variables(VariableList& variables) {
  variables.add("depthwise_kernel");
  variables.add("pointwise_kernel");
  if (variables.flag("use_bias", true)) variables.add("bias");
}

Outputs separable_conv(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const Window window = window_of(layer);
  const ValueId x = window_input(layer, window, g);
  const std::int64_t channels = known_dim(layer, g, x, -1);
  const std::int64_t multiplier = layer.integer("depth_multiplier", 1);
  const std::int64_t filters = layer.integer("filters");
  const ValueId middle = depthwise(layer, weights, window, x, channels, multiplier, g);
  Window point = window;
  point.kernel.assign(window.kernel.size(), 1);
  ops::Conv op;
  op.strides.assign(window.kernel.size(), 1);
  op.dilations.assign(window.kernel.size(), 1);
  const ValueId kernel =
      weights.get("pointwise_kernel", kernel_shape(point, channels * multiplier, filters));
  return window_output(layer, weights, window, filters, g.add1(std::move(op), {middle, kernel}), g);
}

}  // namespace thaw::keras
