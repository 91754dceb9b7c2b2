#include "loaders/keras/custom.h"

#include "loaders/custom_config.h"

namespace thaw::keras {
namespace {

class LayerCall final : public GraphCall<list_of> {
 public:
  LayerCall(const Layer& layer, Weights& weights, GraphBuilder& g)
      : GraphCall<list_of>(layer.config.config, layer.name, layer.config.file_class, g,
                           layer.title()),
        layer_(layer),
        weights_(weights) {
    for (const Operand& argument : layer.args) {
      std::vector<MaskedValue> tensors;
      flatten(argument, tensors);
      if (tensors.empty()) layer.unsupported("called with a positional argument that is no tensor");
      for (const MaskedValue& tensor : tensors) inputs_.push_back({tensor.value});
    }
  }

  GraphValue keyword(const std::string& key) const override {
    const std::vector<MaskedValue> tensors = layer_.tensors(key);
    return {tensors.empty() ? kNoValue : tensors[0].value};
  }
  std::string keyword_json(const std::string& key) const override {
    const Operand* operand = layer_.argument(key);
    const bool plain = operand != nullptr && operand->kind == Argument::Kind::value;
    return plain ? operand->value.dump() : "";
  }
  GraphValue mask() const override { return {layer_.mask()}; }
  Tensor weight(const std::string& variable) const override {
    return weights_.tensor(variable, Shape::unknown_rank());
  }
  GraphValue variable(const std::string& variable) override {
    return {weights_.get(variable, Shape::unknown_rank())};
  }

 private:
  const Layer& layer_;
  Weights& weights_;
};

const CustomLayer* entry(const std::map<std::string, CustomLayer>& entries,
                         const std::string& name) {
  const auto found = entries.find(name);
  return found == entries.end() ? nullptr : &found->second;
}

}  // namespace

const CustomLayer* find_custom(const CustomObjects* objects, const LayerConfig& layer,
                               const std::string& registered_name) {
  if (objects == nullptr) return nullptr;
  if (layer.file_class == "Lambda") return entry(objects->lambdas, layer.name);
  // Keras 3 has the registered name beside the class, Keras 2 in its place.
  for (const std::string& name : {registered_name, layer.file_class}) {
    if (const CustomLayer* found = entry(objects->layers, name)) return found;
    const auto package = name.rfind('>');
    if (package == std::string::npos) continue;
    if (const CustomLayer* found = entry(objects->layers, name.substr(package + 1))) return found;
  }
  return nullptr;
}

void declare_custom(VariableList& variables) {
  const LayerConfig& layer = variables.layer();
  if (!layer.custom->variables) return;
  const JsonConfig<CustomConfig, list_of> config(layer.config, layer.name, layer.file_class);
  const std::vector<CustomVariable> declared = layer.custom->variables(config);
  for (const bool trainable : {true, false}) {  // Keras keeps the others behind
    for (const CustomVariable& variable : declared) {
      if (variable.trainable == trainable) variables.add(variable.name, trainable);
    }
  }
}

Outputs import_custom(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const CustomLayer& custom = *layer.config.custom;
  if (!custom.build) layer.bad("the registered custom layer has no build function");
  LayerCall call(layer, weights, g);
  std::vector<MaskedValue> outputs;
  for (const ValueId value : call.graph().values(custom.build(call))) {
    outputs.push_back({value, custom.supports_masking ? layer.mask() : kNoValue});
  }
  return outputs;
}

}  // namespace thaw::keras
