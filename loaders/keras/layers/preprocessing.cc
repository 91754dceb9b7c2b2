// Rescaling and Normalization.
#include <cmath>

#include "loaders/keras/layers/layers.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// A number, or a list of numbers that broadcasts along the last axis.
ValueId number_or_list(const Layer& layer, const char* key, double otherwise, DType dtype,
                       GraphBuilder& g) {
  const Json* value = layer.find(key);
  const Json::Array* list = value == nullptr ? nullptr : list_of(*value);
  if (list == nullptr) return g.scalar(layer.real(key, otherwise), dtype);
  std::vector<double> numbers;
  for (const Json& item : *list) {
    if (!item.is_number()) layer.unsupported(fmt::format("{}={}", key, printable(value->dump())));
    numbers.push_back(item.number());
  }
  return g.cast(g.constant(Tensor::from(Shape{static_cast<std::int64_t>(numbers.size())}, numbers)),
                dtype);
}

bool stated(const LayerConfig& layer) {
  const Json* mean = layer.config.find("mean");
  return mean != nullptr && !mean->is_null();
}

void flatten_numbers(const Layer& layer, const Json& json, std::vector<float>& numbers) {
  if (json.is_number()) {
    numbers.push_back(static_cast<float>(json.number()));
    return;
  }
  const Json::Array* list = list_of(json);
  const Json* value =
      list == nullptr ? json.find("value") : nullptr;  // {"class_name": "__numpy__", ...}
  if (value == nullptr && list == nullptr && json.find("config") != nullptr)
    value = json.at("config").find("value");
  if (value != nullptr) return flatten_numbers(layer, *value, numbers);
  if (list == nullptr) layer.bad(fmt::format("expected numbers, found {}", printable(json.dump())));
  for (const Json& item : *list) flatten_numbers(layer, item, numbers);
}

}  // namespace

Outputs rescaling(const Layer& layer, Weights&, GraphBuilder& g) {
  const ValueId x = computed(layer, layer.input(), g);
  const DType dtype = g.dtype(x);
  const ValueId scale = number_or_list(layer, "scale", 1, dtype, g);
  const ValueId offset = number_or_list(layer, "offset", 0, dtype, g);
  return g.binary(BinaryKind::add, g.binary(BinaryKind::mul, x, scale), offset);
}

void normalization_variables(VariableList& variables) {
  if (stated(variables.layer())) return;
  variables.add("mean", false);
  variables.add("variance", false);
  variables.add("count", false);
}

Outputs normalization(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const ValueId x = computed(layer, layer.input(), g);
  const Shape& shape = g.shape(x);
  const int rank = shape.rank();
  const DType dtype = g.dtype(x);
  std::vector<std::int64_t> stored, broadcast(static_cast<std::size_t>(rank), 1);
  const bool all =
      layer.config.config.find("axis") != nullptr && !layer.has("axis");  // null: over everything
  if (!all) {
    for (std::int64_t axis : layer.ints("axis", {-1})) {
      const int at = normal_axis(layer, axis, rank, "axis");
      const std::int64_t size = known_dim(layer, g, x, at);
      stored.push_back(size);
      broadcast[static_cast<std::size_t>(at)] = size;
    }
  }
  ValueId mean = kNoValue, variance = kNoValue;
  if (stated(layer.config)) {
    auto constant = [&](const char* key) {
      std::vector<float> numbers;
      const Json* value = layer.find(key);
      if (value == nullptr) layer.bad(fmt::format("{} is missing", key));
      flatten_numbers(layer, *value, numbers);
      const std::int64_t count = Shape(broadcast).num_elements();
      if (numbers.size() == 1) numbers.resize(static_cast<std::size_t>(count), numbers[0]);
      if (static_cast<std::int64_t>(numbers.size()) != count) {
        layer.bad(fmt::format("{} holds {} numbers, expected {}", key, numbers.size(), count));
      }
      return g.cast(g.constant(Tensor::from(Shape(broadcast), numbers)), dtype);
    };
    mean = constant("mean");
    variance = constant("variance");
  } else {
    mean = g.reshape(weights.get("mean", Shape(stored)), broadcast);
    variance = g.reshape(weights.get("variance", Shape(stored)), broadcast);
  }
  const ValueId deviation =
      g.binary(BinaryKind::maximum, g.unary({UnaryKind::sqrt}, variance), g.scalar(1e-7, dtype));
  if (layer.flag("invert", false)) {
    return g.binary(BinaryKind::add, mean, g.binary(BinaryKind::mul, x, deviation));
  }
  return g.binary(BinaryKind::div, g.binary(BinaryKind::sub, x, mean), deviation);
}

}  // namespace thaw::keras
