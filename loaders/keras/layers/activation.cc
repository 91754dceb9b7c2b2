// Activation and the advanced activations.
#include "loaders/keras/activations.h"
#include "loaders/keras/layers/layers.h"
#include "loaders/keras/layers/masked_softmax.h"
#include "runtime/base/check.h"

namespace thaw::keras {

Outputs activation(const Layer& layer, Weights&, GraphBuilder& g) {
  return activated(layer, "activation", "linear", layer.input(), g);
}

Outputs relu(const Layer& layer, Weights&, GraphBuilder& g) {
  const double max_value = layer.real("max_value", 0);
  return activate(relu_activation(layer.real("negative_slope", 0), layer.real("threshold", 0),
                                  layer.has("max_value") ? &max_value : nullptr),
                  layer.input(), layer, g);
}

Outputs leaky_relu(const Layer& layer, Weights&, GraphBuilder& g) {
  const double slope =
      layer.has("negative_slope") ? layer.real("negative_slope", 0.3) : layer.real("alpha", 0.3);
  return g.unary({UnaryKind::leaky_relu, slope}, layer.input());
}

Outputs elu(const Layer& layer, Weights&, GraphBuilder& g) {
  return g.unary({UnaryKind::elu, layer.real("alpha", 1)}, layer.input());
}

Outputs thresholded_relu(const Layer& layer, Weights&, GraphBuilder& g) {
  return g.unary({UnaryKind::threshold_relu, layer.real("theta", 1)}, layer.input());
}

void alpha_variable(VariableList& variables) { variables.add("alpha"); }

Outputs prelu(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const ValueId x = computed(layer, layer.input(), g);
  Shape shape;
  std::vector<std::int64_t> dims;
  for (int axis = 1; axis < g.shape(x).rank(); ++axis) dims.push_back(g.shape(x)[axis]);
  for (std::int64_t axis : layer.ints("shared_axes", {})) {
    const int at = normal_axis(layer, axis, g.shape(x).rank(), "shared_axes");
    if (at == 0) layer.bad("shared_axes holds the batch axis");
    dims[static_cast<std::size_t>(at) - 1] = 1;
  }
  const ValueId alpha = weights.get("alpha", Shape(dims));
  const ValueId positive = g.unary({UnaryKind::relu}, x);
  const ValueId negative = g.unary({UnaryKind::relu}, g.unary({UnaryKind::neg}, x));
  return g.binary(BinaryKind::sub, positive, g.binary(BinaryKind::mul, alpha, negative));
}

ValueId masked_softmax(const Layer& layer, ValueId x, ValueId mask,
                       const std::vector<std::int64_t>& axes, bool robust, GraphBuilder& g) {
  if (mask == kNoValue) return softmax(x, axes, false, g);
  const DType dtype = g.dtype(x);
  const bool selects = robust || layer.writer.at_least(3, 13);
  const ValueId low =
      g.scalar(dtype == DType::float16 ? (layer.keras3() ? -3e4 : -32752.0) : -1e9, dtype);
  if (selects && g.dtype(mask) != DType::boolean)
    mask = g.binary(BinaryKind::greater, mask, g.scalar(0.5, g.dtype(mask)));
  if (selects) {
    x = g.select(mask, x, low);
  } else {
    const ValueId blocked = g.binary(BinaryKind::sub, g.scalar(1, dtype), g.cast(mask, dtype));
    x = g.binary(BinaryKind::add, x, g.binary(BinaryKind::mul, blocked, low));
  }
  const ValueId y = softmax(x, axes, false, g);
  // Keras 3.14 and later zero masked positions afterwards, for rows that are masked altogether.
  return layer.writer.at_least(3, 14) ? g.select(mask, y, g.scalar(0, dtype)) : y;
}

Outputs softmax_layer(const Layer& layer, Weights&, GraphBuilder& g) {
  return masked_softmax(layer, layer.input(), layer.mask(), layer.ints("axis", {-1}),
                        layer.flag("robust_masking", false), g);
}

}  // namespace thaw::keras
