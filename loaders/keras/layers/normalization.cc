// BatchNormalization and LayerNormalization.
#include <algorithm>
#include <cmath>

#include "loaders/keras/layers/layers.h"
#include "runtime/base/check.h"
#include "runtime/base/half.h"

namespace thaw::keras {
namespace {

std::vector<double> to_doubles(const Layer& layer, const Tensor& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.num_elements()));
  const auto convert = [&](const auto* stored, const auto& to) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = to(stored[i]);
  };
  const auto from_narrow = [](auto value) { return to_float(value); };
  const auto from_wide = [](auto value) { return value; };
  switch (tensor.dtype()) {
    case DType::float16: convert(tensor.data<float16>(), from_narrow); break;
    case DType::bfloat16: convert(tensor.data<bfloat16>(), from_narrow); break;
    case DType::float32: convert(tensor.data<float>(), from_wide); break;
    case DType::float64: convert(tensor.data<double>(), from_wide); break;
    default: layer.bad(fmt::format("statistics are stored as {}", name_of(tensor.dtype())));
  }
  return values;
}

Tensor from_doubles(const std::vector<double>& values, DType dtype, const Shape& shape) {
  if (dtype == DType::float64) return Tensor::from(shape, values);
  return Tensor::from(shape, std::vector<float>(values.begin(), values.end()));
}

struct Axes {
  std::vector<int> axes;
  Shape parameters;                     // as stored
  std::vector<std::int64_t> broadcast;  // against the input
};

Axes axes_of(const Layer& layer, const GraphBuilder& g, ValueId x,
             std::vector<std::int64_t> given) {
  const int rank = g.shape(x).rank();
  if (!g.shape(x).has_rank()) layer.bad("the input's rank must be known");
  Axes result;
  for (std::int64_t axis : given) result.axes.push_back(normal_axis(layer, axis, rank, "axis"));
  if (layer.keras3()) std::sort(result.axes.begin(), result.axes.end());
  std::vector<std::int64_t> dims;
  result.broadcast.assign(static_cast<std::size_t>(rank), 1);
  for (int axis : result.axes) {
    const std::int64_t size = known_dim(layer, g, x, axis);
    if (result.broadcast[static_cast<std::size_t>(axis)] != 1) layer.bad("axis is given twice");
    dims.push_back(size);
    result.broadcast[static_cast<std::size_t>(axis)] = size;
  }
  result.parameters = Shape(std::move(dims));
  return result;
}

bool only_last(const Axes& axes, std::size_t rank) {
  return axes.axes.size() == 1 && static_cast<std::size_t>(axes.axes[0]) == rank - 1;
}

}  // namespace

void batch_normalization_variables(VariableList& variables) {
  if (variables.flag("scale", true)) variables.add("gamma");
  if (variables.flag("center", true)) variables.add("beta");
  variables.add("moving_mean", false);
  variables.add("moving_variance", false);
  if (!variables.flag("renorm", false)) return;  // what follows is for training
  for (const char* name : {"moving_stddev", "renorm_mean", "renorm_stddev"})
    variables.add(name, false);
}

namespace {

// What is stored, and the shape in which it meets the input.
struct Statistics {
  Shape stored;
  Shape against;
};

// Ghost batches have an axis of their own behind the batch: the variables are kept in a rank more,
// and the file's `axis` counts it or not, depending on when it was saved.
Statistics ghost_statistics(const Layer& layer, Weights& weights, int rank) {
  const Shape unknown(std::vector<std::int64_t>(static_cast<std::size_t>(rank) + 1, kUnknownDim));
  Statistics statistics;
  statistics.stored = weights.tensor("moving_mean", unknown).shape();
  std::vector<std::int64_t> dims = statistics.stored.dims();
  if (dims[0] != 1 || dims[1] != 1)
    layer.unsupported("virtual_batch_size with statistics of the batch axis");
  dims.erase(dims.begin() + 1);
  statistics.against = Shape(std::move(dims));
  return statistics;
}

Statistics statistics_of(const Layer& layer, Weights& weights, const GraphBuilder& g, ValueId x) {
  if (!g.shape(x).has_rank()) layer.bad("the input's rank must be known");
  if (layer.has("virtual_batch_size")) return ghost_statistics(layer, weights, g.shape(x).rank());
  const Axes axes = axes_of(layer, g, x, layer.ints("axis", {-1}));
  // Several axes: the variables are kept in the input's rank.
  const Shape broadcast(axes.broadcast);
  return {axes.axes.size() == 1 ? axes.parameters : broadcast,
          only_last(axes, axes.broadcast.size()) ? axes.parameters : broadcast};
}

// Modes 1 and 2 of Keras 1 normalise by the statistics of what comes in: of each vector, or of
// the batch.
ValueId by_own_statistics(const Layer& layer, Weights& weights, ValueId x, GraphBuilder& g) {
  const std::int64_t mode = layer.integer("mode");
  if (mode != 1 && mode != 2) layer.unsupported(fmt::format("mode={} of Keras 1", mode));
  const std::int64_t axis = mode == 1 ? -1 : layer.integer("axis", -1);
  const Axes axes = axes_of(layer, g, x, {axis});
  const auto parameter = [&](const char* name) {
    return g.reshape(weights.get(name, axes.parameters, g.dtype(x)), axes.broadcast);
  };
  const DType dtype = g.dtype(x);
  std::vector<std::int64_t> over;
  for (int i = 0; i < g.shape(x).rank(); ++i) {
    if ((i == axes.axes[0]) == (mode == 1)) over.push_back(i);
  }
  if (mode == 2) {
    ops::Normalize op;
    op.axes = over;
    op.epsilon = layer.real("epsilon", 1e-3);
    op.has_scale = op.has_offset = true;
    return g.add1(std::move(op), {x, parameter("gamma"), parameter("beta")});
  }
  // Epsilon counts twice: under the root and beside it.
  const ValueId epsilon = g.scalar(layer.real("epsilon", 1e-3), dtype);
  const ValueId centred = g.binary(BinaryKind::sub, x, g.reduce(ReduceKind::mean, x, over, true));
  const ValueId variance =
      g.reduce(ReduceKind::mean, g.unary({UnaryKind::square}, centred), over, true);
  const ValueId deviation =
      g.unary({UnaryKind::sqrt}, g.binary(BinaryKind::add, variance, epsilon));
  const ValueId y =
      g.binary(BinaryKind::div, centred, g.binary(BinaryKind::add, deviation, epsilon));
  return g.binary(BinaryKind::add, g.binary(BinaryKind::mul, parameter("gamma"), y),
                  parameter("beta"));
}

}  // namespace

// y = x * scale + offset with scale = gamma / sqrt(variance + epsilon), offset = beta - mean *
// scale: two operations by constants, which passes fold into the layer in front.
Outputs batch_normalization(const Layer& layer, Weights& weights, GraphBuilder& g) {
  ValueId x = computed(layer, layer.input(), g);
  const DType outer = g.dtype(x);
  // Half precision would overflow: Keras computes in float32 and rounds the result.
  const DType inner = outer == DType::float16 || outer == DType::bfloat16 ? DType::float32 : outer;
  x = g.cast(x, inner);
  if (layer.integer("mode", 0) != 0) return by_own_statistics(layer, weights, x, g);
  const Statistics statistics = statistics_of(layer, weights, g, x);
  const Shape& stored = statistics.stored;
  const double epsilon = layer.real("epsilon", 1e-3);
  std::vector<double> scale = to_doubles(layer, weights.tensor("moving_variance", stored));
  for (double& value : scale) value = 1 / std::sqrt(value + epsilon);
  if (layer.flag("scale", true)) {
    const std::vector<double> gamma = to_doubles(layer, weights.tensor("gamma", stored));
    for (std::size_t i = 0; i < scale.size(); ++i) scale[i] *= gamma[i];
  }
  std::vector<double> offset = to_doubles(layer, weights.tensor("moving_mean", stored));
  for (std::size_t i = 0; i < offset.size(); ++i) offset[i] *= -scale[i];
  if (layer.flag("center", true)) {
    const std::vector<double> beta = to_doubles(layer, weights.tensor("beta", stored));
    for (std::size_t i = 0; i < offset.size(); ++i) offset[i] += beta[i];
  }
  const Shape& shape = statistics.against;
  const ValueId factor = g.constant(from_doubles(scale, inner, shape), layer.name + "/scale");
  const ValueId shift = g.constant(from_doubles(offset, inner, shape), layer.name + "/offset");
  const ValueId y = g.binary(BinaryKind::add, g.binary(BinaryKind::mul, x, factor), shift);
  return g.cast(y, outer);
}

void layer_normalization_variables(VariableList& variables) {
  const bool rms = variables.flag("rms_scaling", false);
  if (variables.flag("scale", true) || rms) variables.add("gamma");
  if (variables.flag("center", true) && !rms) variables.add("beta");
}

Outputs layer_normalization(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const bool rms = layer.flag("rms_scaling", false);
  // Keras 3 keeps the input's type up to the end, Keras 2 goes to the compute type first.
  ValueId x = layer.keras3() ? layer.input() : computed(layer, layer.input(), g);
  const DType given = g.dtype(x);
  const DType inner = given == DType::float64 ? DType::float64 : DType::float32;
  x = g.cast(x, inner);
  const Axes axes = axes_of(layer, g, x, layer.ints("axis", {-1}));
  const Shape shape =
      only_last(axes, axes.broadcast.size()) ? axes.parameters : Shape(axes.broadcast);
  auto parameter = [&](const char* name) {
    const ValueId value = weights.get(name, axes.parameters, inner);
    return shape == axes.parameters ? value : g.reshape(value, shape.dims());
  };
  ops::Normalize op;
  op.axes.assign(axes.axes.begin(), axes.axes.end());
  std::sort(op.axes.begin(), op.axes.end());
  op.epsilon = layer.real("epsilon", 1e-3);
  std::vector<ValueId> operands{x};
  ValueId y = kNoValue;
  if (rms) {
    // x / sqrt(variance + epsilon): the variance is taken around the mean, but the mean stays in x.
    const ValueId mean = g.reduce(ReduceKind::mean, x, op.axes, true);
    const ValueId square = g.unary({UnaryKind::square}, g.binary(BinaryKind::sub, x, mean));
    const ValueId variance = g.reduce(ReduceKind::mean, square, op.axes, true);
    const ValueId inverse = g.unary(
        {UnaryKind::rsqrt}, g.binary(BinaryKind::add, variance, g.scalar(op.epsilon, inner)));
    y = g.binary(BinaryKind::mul, g.binary(BinaryKind::mul, x, inverse), parameter("gamma"));
  } else {
    if (layer.flag("scale", true)) {
      op.has_scale = true;
      operands.push_back(parameter("gamma"));
    }
    if (layer.flag("center", true)) {
      op.has_offset = true;
      operands.push_back(parameter("beta"));
    }
    y = g.add1(std::move(op), operands);
  }
  return g.cast(y, is_floating(layer.policy.compute) ? layer.policy.compute : given);
}

}  // namespace thaw::keras
