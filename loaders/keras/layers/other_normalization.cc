// GroupNormalization, UnitNormalization, RMSNormalization, SpectralNormalization.
#include "loaders/keras/layers/other_normalization.h"

#include <algorithm>

#include "loaders/keras/layers/layers.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using Ints = std::vector<std::int64_t>;

DType at_least_float32(DType dtype) { return dtype == DType::float64 ? dtype : DType::float32; }

// Axes in [0, rank), sorted, each once.
Ints axes_of(const Layer& layer, const GraphBuilder& g, ValueId x) {
  const Shape& shape = g.shape(x);
  if (!shape.has_rank()) layer.bad("the input's rank must be known");
  Ints axes;
  for (std::int64_t axis : layer.ints("axis", {-1}))
    axes.push_back(normal_axis(layer, axis, shape.rank(), "axis"));
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) layer.bad("axis is given twice");
  return axes;
}

// The channels of `axis` become [groups, channels / groups].
struct Groups {
  int axis = 0;
  std::int64_t groups = 0, channels = 0;
  Ints split;      // shape of the input with the axis taken apart
  Ints parameter;  // shape of gamma and beta against it
  Ints reduced;    // everything but the batch and the groups
};

Groups groups_of(const Layer& layer, ValueId x, GraphBuilder& g) {
  const Shape& shape = g.shape(x);
  if (!shape.has_rank()) layer.bad("the input's rank must be known");
  Groups groups;
  groups.axis = normal_axis(layer, layer.integer("axis", -1), shape.rank(), "axis");
  if (groups.axis == 0) layer.unsupported("axis=0, the batch");
  groups.channels = known_dim(layer, g, x, groups.axis);
  groups.groups = layer.integer("groups", 32);
  if (groups.groups == -1) groups.groups = groups.channels;
  if (groups.groups <= 0 || groups.channels % groups.groups != 0) {
    layer.bad(fmt::format("{} groups do not divide {} channels", groups.groups, groups.channels));
  }
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool split = axis == groups.axis;
    if (split) {
      groups.split.push_back(groups.groups);
      groups.parameter.push_back(groups.groups);
    }
    groups.split.push_back(split ? groups.channels / groups.groups : dim_or_copy(g, x, axis));
    groups.parameter.push_back(split ? groups.channels / groups.groups : 1);
  }
  for (int axis = 1; axis <= shape.rank(); ++axis) {
    if (axis != groups.axis) groups.reduced.push_back(axis);
  }
  return groups;
}

// tf.keras weighs the moments by a mask of the input's own rank.
ValueId weighted(ValueId x, ValueId mask, const Groups& groups, double epsilon, GraphBuilder& g) {
  const DType dtype = g.dtype(x);
  const ValueId weight = g.cast(mask, dtype);
  const ValueId total = g.reduce(ReduceKind::sum, weight, groups.reduced, true);
  const auto mean_of = [&](ValueId values) {
    const ValueId sum =
        g.reduce(ReduceKind::sum, g.binary(BinaryKind::mul, weight, values), groups.reduced, true);
    return g.binary(BinaryKind::div, sum, total);
  };
  const ValueId mean = mean_of(x);
  const ValueId variance = mean_of(g.binary(BinaryKind::squared_difference, x, mean));
  const ValueId inverse =
      g.unary({UnaryKind::rsqrt}, g.binary(BinaryKind::add, variance, g.scalar(epsilon, dtype)));
  return g.binary(BinaryKind::mul, g.binary(BinaryKind::sub, x, mean), inverse);
}

ValueId group_mask(const Layer& layer, ValueId x, GraphBuilder& g) {
  const ValueId mask = layer.keras3() ? kNoValue : layer.mask();
  if (mask == kNoValue) return mask;
  if (g.shape(mask).rank() != g.shape(x).rank()) {
    layer.unsupported(fmt::format("a mask of shape {} over an input of shape {}",
                                  g.shape(mask).to_string(), g.shape(x).to_string()));
  }
  return in_shape_of(g.cast(mask, DType::boolean), x, g);
}

}  // namespace

void scale_and_center_variables(VariableList& variables) {
  if (variables.flag("scale", true)) variables.add("gamma");
  if (variables.flag("center", true)) variables.add("beta");
}

Outputs group_normalization(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const ValueId given = layer.input();
  const DType outer = is_floating(layer.policy.compute) ? layer.policy.compute : g.dtype(given);
  const DType inner = at_least_float32(g.dtype(given));
  const ValueId x = g.cast(given, inner);
  const Groups groups = groups_of(layer, x, g);
  const double epsilon = layer.real("epsilon", 1e-3);
  const auto parameter = [&](const char* name) {
    return g.reshape(weights.get(name, {groups.channels}, inner), groups.parameter);
  };
  const bool scale = layer.flag("scale", true), center = layer.flag("center", true);
  const ValueId split = g.reshape(x, groups.split);
  const ValueId mask = group_mask(layer, x, g);
  ValueId y = kNoValue;
  if (mask != kNoValue) {
    y = weighted(split, g.reshape(mask, groups.split), groups, epsilon, g);
    if (scale) y = g.binary(BinaryKind::mul, y, parameter("gamma"));
    if (center) y = g.binary(BinaryKind::add, y, parameter("beta"));
  } else {
    ops::Normalize op;
    op.axes = groups.reduced;
    op.epsilon = epsilon;
    op.has_scale = scale;
    op.has_offset = center;
    std::vector<ValueId> operands{split};
    if (scale) operands.push_back(parameter("gamma"));
    if (center) operands.push_back(parameter("beta"));
    y = g.add1(std::move(op), operands);
  }
  Ints dims;
  for (int axis = 0; axis < g.shape(x).rank(); ++axis) dims.push_back(dim_or_copy(g, x, axis));
  return g.cast(g.reshape_like(y, x, dims), outer);
}

Outputs unit_normalization(const Layer& layer, Weights&, GraphBuilder& g) {
  const ValueId x = computed(layer, layer.input(), g);
  const DType dtype = g.dtype(x);
  const ValueId sum =
      g.reduce(ReduceKind::sum, g.unary({UnaryKind::square}, x), axes_of(layer, g, x), true);
  // The bound that keeps a zero vector zero moved from the square to the result.
  if (layer.writer.at_least(3, 6)) {
    const ValueId inverse = g.unary({UnaryKind::rsqrt}, sum);
    return g.binary(BinaryKind::mul, x,
                    g.binary(BinaryKind::minimum, inverse, g.scalar(1e12, dtype)));
  }
  const ValueId bounded = g.binary(BinaryKind::maximum, sum, g.scalar(1e-12, dtype));
  return g.binary(BinaryKind::mul, x, g.unary({UnaryKind::rsqrt}, bounded));
}

void rms_normalization_variables(VariableList& variables) { variables.add("scale"); }

Outputs rms_normalization(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const ValueId given = computed(layer, layer.input(), g);
  const DType outer = g.dtype(given), inner = at_least_float32(outer);
  const ValueId x = g.cast(given, inner);
  ops::Normalize op;
  op.axes = axes_of(layer, g, x);
  op.epsilon = layer.real("epsilon", 1e-6);
  op.centered = false;
  Ints given_axes = layer.ints("axis", {-1}), stored;
  std::sort(given_axes.begin(), given_axes.end());
  for (std::int64_t axis : given_axes)
    stored.push_back(known_dim(layer, g, x, static_cast<int>(axis)));
  const ValueId y = g.add1(std::move(op), {x});
  // Keras multiplies the scale as it is stored: it meets the last axes, whatever `axis` says.
  const ValueId scale = g.cast(weights.get("scale", Shape(stored)), inner);
  return g.cast(g.binary(BinaryKind::mul, y, scale), outer);
}

void spectral_normalization_variables(VariableList& variables) {
  const LayerConfig* inner = variables.layer().inner_layer("layer");
  // Slot 0 is the wrapped layer's kernel, which the wrapper holds too.
  variables.add_at(1, "vector_u", false);
  if (inner != nullptr) variables.inner("layer", *inner);
}

// Training writes the normalised kernel into the wrapped layer; inference runs that.
Outputs spectral_normalization(const Layer& layer, Weights&, GraphBuilder& g) {
  const LayerConfig* inner = layer.config.inner_layer("layer");
  if (inner == nullptr) layer.bad("the wrapped layer is missing");
  Outputs outputs = layer.import_inner(*inner, "layer", layer.inputs);
  if (!layer.keras3() || outputs.poisoned) return outputs;
  // Also the vectors of an Embedding, whose inputs are integers.
  for (MaskedValue& output : outputs.values)
    output.value = g.cast(output.value, g.dtype(layer.input()));
  return outputs;
}

}  // namespace thaw::keras
