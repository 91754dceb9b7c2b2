// Highway, MaxoutDense, ParametricSoftplus and SReLU of Keras 1; RandomFourierFeatures of tf.keras.
#include "loaders/keras/layers/legacy.h"

#include "loaders/keras/activations.h"
#include "loaders/keras/layers/layers.h"

namespace thaw::keras {
namespace {

ValueId affine(const Layer& layer, Weights& weights, const char* kernel, const char* bias,
               ValueId x, std::int64_t width, GraphBuilder& g) {
  const ValueId y = g.matmul(x, weights.get(kernel, {width, width}));
  if (!layer.flag("use_bias", true)) return y;
  return g.binary(BinaryKind::add, y, weights.get(bias, {width}));
}

// A parameter per element of an input without its batch; 1 along the shared axes.
Shape per_element(const Layer& layer, const GraphBuilder& g, ValueId x) {
  const int rank = g.shape(x).rank();
  if (!g.shape(x).has_rank() || rank < 2) layer.bad("expected an input of at least 2 dimensions");
  std::vector<std::int64_t> dims;
  for (int axis = 1; axis < rank; ++axis) dims.push_back(g.shape(x)[axis]);
  for (std::int64_t axis : layer.ints("shared_axes", {})) {
    const int at = normal_axis(layer, axis, rank, "shared_axes");
    if (at == 0) layer.bad("shared_axes holds the batch axis");
    dims[static_cast<std::size_t>(at) - 1] = 1;
  }
  return Shape(std::move(dims));
}

}  // namespace

void highway_variables(VariableList& variables) {
  variables.add("kernel");
  variables.add("carry_kernel");
  if (!variables.flag("use_bias", true)) return;
  variables.add("bias");
  variables.add("carry_bias");
}

// y = t * f(x W + b) + (1 - t) * x with t = sigmoid(x W_carry + b_carry).
Outputs highway(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const ValueId x = computed(layer, layer.input(), g);
  layer.expect_rank(g, x, 2);
  const std::int64_t width = known_dim(layer, g, x, -1);
  const ValueId gate = g.unary({UnaryKind::sigmoid},
                               affine(layer, weights, "carry_kernel", "carry_bias", x, width, g));
  const ValueId y = activated(layer, "activation", "linear",
                              affine(layer, weights, "kernel", "bias", x, width, g), g);
  const ValueId rest = g.binary(BinaryKind::sub, g.scalar(1, g.dtype(gate)), gate);
  return g.binary(BinaryKind::add, g.binary(BinaryKind::mul, y, gate),
                  g.binary(BinaryKind::mul, rest, x));
}

// The largest of nb_feature affine functions, unit by unit. The kernel is [features, inputs,
// units].
Outputs maxout_dense(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const ValueId x = computed(layer, layer.input(), g);
  layer.expect_rank(g, x, 2);
  const std::int64_t width = known_dim(layer, g, x, -1);
  const std::int64_t units = layer.integer("output_dim"), features = layer.integer("nb_feature", 4);
  ValueId y = g.matmul(x, weights.get("kernel", {features, width, units}));  // [features, B, units]
  if (layer.flag("use_bias", true)) {
    const ValueId bias = g.expand_dims(weights.get("bias", {features, units}), 1);
    y = g.binary(BinaryKind::add, y, bias);
  }
  return g.reduce(ReduceKind::max, y, {0}, false);
}

void parametric_softplus_variables(VariableList& variables) {
  variables.add("alpha");
  variables.add("beta");
}

// alpha * softplus(beta * x)
Outputs parametric_softplus(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const ValueId x = computed(layer, layer.input(), g);
  const Shape shape = per_element(layer, g, x);
  const ValueId inside = g.binary(BinaryKind::mul, weights.get("beta", shape), x);
  return g.binary(BinaryKind::mul, weights.get("alpha", shape),
                  g.unary({UnaryKind::softplus}, inside));
}

void s_relu_variables(VariableList& variables) {
  for (const char* name : {"t_left", "a_left", "t_right", "a_right"}) variables.add(name);
}

// Three pieces: slope a_left below t_left, 1 between, slope a_right above t_left + |t_right|.
Outputs s_relu(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const ValueId x = computed(layer, layer.input(), g);
  const Shape shape = per_element(layer, g, x);
  const ValueId left = weights.get("t_left", shape);
  const ValueId right =
      g.binary(BinaryKind::add, left, g.unary({UnaryKind::abs}, weights.get("t_right", shape)));
  const auto line = [&](ValueId corner, const char* slope) {
    const ValueId rise =
        g.binary(BinaryKind::mul, weights.get(slope, shape), g.binary(BinaryKind::sub, x, corner));
    return g.binary(BinaryKind::add, corner, rise);
  };
  const ValueId below = g.binary(BinaryKind::less, x, left);
  const ValueId above = g.binary(BinaryKind::greater_equal, x, right);
  return g.select(below, line(left, "a_left"), g.select(above, line(right, "a_right"), x));
}

void random_fourier_features_variables(VariableList& variables) {
  variables.add("kernel_scale");  // trainable variables stand in front
  variables.add("unscaled_kernel", false);
  variables.add("bias", false);
}

// cos(x K / scale + b), in float32 whatever the policy says.
Outputs random_fourier_features(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const DType dtype = DType::float32;
  const ValueId x = g.cast(layer.input(), dtype);
  layer.expect_rank(g, x, 2);
  const std::int64_t units = layer.integer("output_dim");
  const ValueId kernel = weights.get("unscaled_kernel", {known_dim(layer, g, x, -1), units}, dtype);
  const ValueId inverse =
      g.binary(BinaryKind::div, g.scalar(1, dtype), weights.get("kernel_scale", {1}, dtype));
  const ValueId y = g.matmul(x, g.binary(BinaryKind::mul, inverse, kernel));
  return g.unary({UnaryKind::cos},
                 g.binary(BinaryKind::add, y, weights.get("bias", {units}, dtype)));
}

}  // namespace thaw::keras
