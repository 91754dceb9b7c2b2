#include "loaders/keras/activations.h"

#include <map>

#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using Kind = Activation::Kind;

UnaryFn fn(UnaryKind kind, double alpha = 0, double beta = 0) { return {kind, alpha, beta}; }

// clip(x / 6 + 0.5) since Keras 3; clip(0.2 x + 0.5) before.
UnaryFn hard_sigmoid(const Writer& writer) {
  return writer.major >= 3 ? fn(UnaryKind::hard_sigmoid, 1.0 / 6, 0.5)
                           : fn(UnaryKind::hard_sigmoid, 0.2, 0.5);
}

const std::map<std::string, UnaryFn>& scalar_functions() {
  static const std::map<std::string, UnaryFn> functions = {
      {"linear", fn(UnaryKind::linear)},
      {"identity", fn(UnaryKind::linear)},
      {"relu", fn(UnaryKind::relu)},
      {"relu6", fn(UnaryKind::clamp, 0, 6)},
      {"tanh", fn(UnaryKind::tanh)},
      {"sigmoid", fn(UnaryKind::sigmoid)},
      {"softplus", fn(UnaryKind::softplus)},
      {"softsign", fn(UnaryKind::softsign)},
      {"exponential", fn(UnaryKind::exp)},
      {"exp", fn(UnaryKind::exp)},
      {"elu", fn(UnaryKind::elu, 1)},
      {"selu", fn(UnaryKind::selu)},
      {"celu", fn(UnaryKind::celu, 1)},
      {"silu", fn(UnaryKind::silu)},
      {"swish", fn(UnaryKind::silu)},
      {"gelu", fn(UnaryKind::gelu)},
      {"mish", fn(UnaryKind::mish)},
      {"leaky_relu", fn(UnaryKind::leaky_relu, 0.2)},
      {"log_sigmoid", fn(UnaryKind::log_sigmoid)},
      {"hard_silu", fn(UnaryKind::hard_silu, 1.0 / 6, 0.5)},
      {"hard_swish", fn(UnaryKind::hard_silu, 1.0 / 6, 0.5)},
      {"hard_tanh", fn(UnaryKind::clamp, -1, 1)},
      {"hard_shrink", fn(UnaryKind::hard_shrink, 0.5)},
      {"soft_shrink", fn(UnaryKind::soft_shrink, 0.5)},
      {"tanh_shrink", fn(UnaryKind::tanh_shrink)},
      {"sparse_plus", fn(UnaryKind::sparse_plus)},
      {"sparse_sigmoid", fn(UnaryKind::hard_sigmoid, 0.5, 0.5)},
      {"squareplus", fn(UnaryKind::squareplus, 4)}};
  return functions;
}

Activation by_name(const Layer& layer, const char* key, const std::string& name) {
  if (name == "hard_sigmoid") return {Kind::scalar, hard_sigmoid(layer.writer)};
  if (name == "softmax" || name == "softmax_v2") return {Kind::softmax, {}};
  if (name == "log_softmax" || name == "log_softmax_v2") return {Kind::log_softmax, {}};
  if (name == "glu") return {Kind::glu, {}};
  if (name == "sparsemax") return {Kind::sparsemax, {}};
  const auto found = scalar_functions().find(name);
  if (found == scalar_functions().end()) {
    layer.unsupported(fmt::format("unknown function '{}' as {}", printable(name), key));
  }
  return {Kind::scalar, found->second};
}

double number(const Json& config, std::initializer_list<const char*> keys, double otherwise) {
  for (const char* key : keys) {
    const Json* value = config.find(key);
    if (value == nullptr || value->is_null()) continue;
    if (value->is_number()) return value->number();
    if (const Json* inner = value->find("value"); inner != nullptr && inner->is_number())
      return inner->number();
  }
  return otherwise;
}

// A layer given as activation: {"class_name": "LeakyReLU", "config": {...}}.
Activation by_layer(const Layer& layer, const char* key, const std::string& name,
                    const Json& config) {
  if (name == "Activation") {
    const Json* inner = config.find("activation");
    if (inner != nullptr && inner->is_string()) return by_name(layer, key, inner->string());
  }
  if (name == "LeakyReLU") {
    return {Kind::scalar,
            fn(UnaryKind::leaky_relu, number(config, {"negative_slope", "alpha"}, 0.3))};
  }
  if (name == "ELU") return {Kind::scalar, fn(UnaryKind::elu, number(config, {"alpha"}, 1))};
  if (name == "ThresholdedReLU") {
    return {Kind::scalar, fn(UnaryKind::threshold_relu, number(config, {"theta"}, 1))};
  }
  if (name == "ReLU") {
    const Json* max = config.find("max_value");
    const double max_value = number(config, {"max_value"}, 0);
    return relu_activation(number(config, {"negative_slope"}, 0), number(config, {"threshold"}, 0),
                           max == nullptr || max->is_null() ? nullptr : &max_value);
  }
  if (name == "Softmax") {
    const Json* axis = config.find("axis");
    if (axis == nullptr || (axis->is_integer() && axis->integer() == -1))
      return {Kind::softmax, {}};
  }
  layer.unsupported(fmt::format("{} is an object of class {}", key, printable(name)));
}

// max(x - tau, 0) as Keras 3 computes it.
ValueId sparsemax(ValueId x, const Layer& layer, GraphBuilder& g) {
  const Shape& shape = g.shape(x);
  const int rank = shape.rank();
  if (!shape.has_rank() || rank == 0 || shape[rank - 1] == kUnknownDim) {
    layer.unsupported("sparsemax over an axis of unknown size");
  }
  const std::int64_t size = shape[rank - 1];
  const DType dtype = g.dtype(x);
  const ValueId sorted =
      g.add(ops::TopK{}, {x, g.scalar(static_cast<double>(size), DType::int32)}, 2)[0];
  const ValueId sums = g.add1(ops::Scan{ScanKind::sum, rank - 1, false, false}, {sorted});
  std::vector<float> counts;
  for (std::int64_t i = 1; i <= size; ++i) counts.push_back(static_cast<float>(i));
  const ValueId ranks = g.cast(g.constant(Tensor::from(Shape{size}, counts)), dtype);
  const ValueId one = g.scalar(1, dtype), zero = g.scalar(0, dtype);
  const ValueId bound = g.binary(BinaryKind::div, g.binary(BinaryKind::sub, sums, one), ranks);
  const ValueId support =
      g.binary(BinaryKind::greater, g.binary(BinaryKind::sub, sorted, bound), zero);
  const ValueId total = g.reduce(ReduceKind::sum, g.select(support, sums, zero), {-1}, true);
  const ValueId count = g.reduce(ReduceKind::sum, g.cast(support, dtype), {-1}, true);
  const ValueId tau = g.binary(BinaryKind::div, g.binary(BinaryKind::sub, total, one), count);
  return g.unary(fn(UnaryKind::relu), g.binary(BinaryKind::sub, x, tau));
}

// x > threshold ? min(x, max_value) : 0, minus negative_slope * relu(threshold - x).
ValueId general_relu(const Activation& a, ValueId x, GraphBuilder& g) {
  const DType dtype = g.dtype(x);
  ValueId y = x;
  if (a.threshold != 0) {
    y = g.unary(fn(UnaryKind::threshold_relu, a.threshold), x);
    if (a.has_max) y = g.unary(fn(UnaryKind::clamp, 0, a.max_value), y);
  } else {
    y = a.has_max ? g.unary(fn(UnaryKind::clamp, 0, a.max_value), x)
                  : g.unary(fn(UnaryKind::relu), x);
  }
  if (a.negative_slope == 0) return y;
  const ValueId below =
      g.unary(fn(UnaryKind::relu), g.binary(BinaryKind::sub, g.scalar(a.threshold, dtype), x));
  return g.binary(BinaryKind::sub, y,
                  g.binary(BinaryKind::mul, g.scalar(a.negative_slope, dtype), below));
}

}  // namespace

Activation relu_activation(double negative_slope, double threshold, const double* max_value) {
  if (threshold == 0 && max_value == nullptr) {
    if (negative_slope == 0) return {Kind::scalar, fn(UnaryKind::relu)};
    return {Kind::scalar, fn(UnaryKind::leaky_relu, negative_slope)};
  }
  if (threshold == 0 && negative_slope == 0)
    return {Kind::scalar, fn(UnaryKind::clamp, 0, *max_value)};
  if (negative_slope == 0 && max_value == nullptr && threshold >= 0) {
    return {Kind::scalar, fn(UnaryKind::threshold_relu, threshold)};
  }
  Activation activation{Kind::relu, {}, negative_slope, threshold, max_value != nullptr, 0};
  if (max_value != nullptr) activation.max_value = *max_value;
  return activation;
}

Activation activation_of(const Layer& layer, const char* key, const char* otherwise) {
  const Json* value = layer.find(key);
  // An activation of null is linear, whatever the default of the argument.
  if (value == nullptr) {
    return by_name(layer, key, layer.config.config.find(key) != nullptr ? "linear" : otherwise);
  }
  if (value->is_string()) return by_name(layer, key, value->string());
  const Json* class_name = value->find("class_name");
  const Json* config = value->find("config");
  if (class_name != nullptr && class_name->is_string() && config != nullptr) {
    if (config->is_string()) return by_name(layer, key, config->string());  // a function object
    if (config->is_object() && class_name->string() != "__lambda__" &&
        class_name->string() != "function") {
      return by_layer(layer, key, class_name->string(), *config);
    }
  }
  layer.unsupported(fmt::format("{} is {}", key, printable(value->dump())));
}

ValueId softmax(ValueId x, std::vector<std::int64_t> axes, bool log, GraphBuilder& g) {
  const int rank = g.shape(x).rank();
  for (std::int64_t& axis : axes) {
    if (axis < 0 && g.shape(x).has_rank()) axis += rank;
  }
  return g.add1(ops::Softmax{std::move(axes), log}, {x});
}

ValueId activate(const Activation& activation, ValueId x, const Layer& layer, GraphBuilder& g) {
  switch (activation.kind) {
    case Kind::scalar: return g.unary(activation.fn, x);
    case Kind::softmax: return softmax(x, {-1}, false, g);
    case Kind::log_softmax: return softmax(x, {-1}, true, g);
    case Kind::sparsemax: return sparsemax(x, layer, g);
    case Kind::relu: return general_relu(activation, x, g);
    case Kind::glu: {
      const std::int64_t axis = g.shape(x).rank() - 1;
      const std::vector<ValueId> halves = g.add(ops::Split{axis}, {x}, 2);
      return g.binary(BinaryKind::mul, halves[0], g.unary(fn(UnaryKind::sigmoid), halves[1]));
    }
  }
  return x;
}

ValueId activated(const Layer& layer, const char* key, const char* otherwise, ValueId x,
                  GraphBuilder& g) {
  return activate(activation_of(layer, key, otherwise), x, layer, g);
}

UnaryFn scalar_activation(const Layer& layer, const char* key, const char* otherwise) {
  const Activation activation = activation_of(layer, key, otherwise);
  if (activation.kind != Kind::scalar)
    layer.unsupported(fmt::format("{} of a recurrent cell is not elementwise", key));
  return activation.fn;
}

}  // namespace thaw::keras
