// Sequential models: every layer is called once on the result of the one before.
#include <algorithm>

#include "loaders/keras/config.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// Keras 1 and early Keras 2 wrote the list of layers itself.
const Json::Array* layers_of(const Json& config) {
  if (const Json::Array* list = list_of(config)) return list;
  const Json* layers = config.find("layers");
  return layers != nullptr ? list_of(*layers) : nullptr;
}

const Json* member(const Json& json, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const Json* value = json.find(key);
    if (value != nullptr && !value->is_null()) return value;
  }
  return nullptr;
}

// Keras 1 spelled the input's shape as input_dim and input_length on the first layer.
Json legacy_input_shape(const LayerConfig& first) {
  const Json* dim = member(first.config, {"input_dim"});
  const Json* length = member(first.config, {"input_length"});
  Json::Array shape{Json()};
  if (first.class_name == "Embedding") {
    shape.push_back(length != nullptr && length->is_integer() ? *length : Json());
    return Json(std::move(shape));
  }
  if (dim == nullptr || !dim->is_integer()) return {};
  const bool sequence = first.class_name == "LSTM" || first.class_name == "GRU" ||
                        first.class_name == "SimpleRNN" || first.class_name == "Conv1D";
  if (length != nullptr || sequence) shape.push_back(length != nullptr ? *length : Json());
  shape.push_back(*dim);
  return Json(std::move(shape));
}

// The input layer that the file leaves implicit. Its shape may be unknown; a nested model gets it
// from its caller.
LayerConfig implicit_input(const LayerConfig& first, const Json& config, const Json& model_json) {
  LayerConfig input;
  input.class_name = input.file_class = "InputLayer";
  input.synthetic = true;
  input.name = first.name + "_input";
  Json::Object members;
  const Json* shape = member(first.config, {"batch_input_shape", "batch_shape"});
  const Json* dtype = member(first.config, {"input_dtype"});
  if (shape == nullptr && first.model && !first.model->inputs.empty()) {
    const LayerConfig& inner = first.model->layers[first.model->inputs[0].layer];
    shape = member(inner.config, {"batch_input_shape", "batch_shape"});
    dtype = member(inner.config, {"dtype"});
  }
  if (shape == nullptr) {
    const Json wrapped = legacy_input_shape(first);
    if (!wrapped.is_null()) {
      members.emplace_back("batch_shape", wrapped);
    } else {
      shape = member(config, {"build_input_shape"});
      if (shape == nullptr) {
        if (const Json* build = model_json.find("build_config"))
          shape = member(*build, {"input_shape"});
      }
    }
  }
  if (shape != nullptr && list_of(*shape) != nullptr) members.emplace_back("batch_shape", *shape);
  if (dtype != nullptr) {
    members.emplace_back("dtype", *dtype);
  } else if (const Json* own = member(first.config, {"dtype"});
             own != nullptr && own->is_string()) {
    members.emplace_back("dtype", *own);
  }
  input.config = Json(std::move(members));
  input.calls.emplace_back();
  return input;
}

}  // namespace

std::unique_ptr<ModelConfig> parse_sequential(const Json& config, const Json& model_json,
                                              const ParseContext& context) {
  const Json::Array* list = layers_of(config);
  if (list == nullptr) {
    fail(ErrorCode::invalid_argument, "{}: a Sequential model has no list of layers", context.file);
  }
  auto model = std::make_unique<ModelConfig>();
  for (const Json& json : *list) model->layers.push_back(parse_layer(json, context));
  if (model->layers.empty()) {
    fail(ErrorCode::invalid_argument, "{}: a Sequential model has no layers", context.file);
  }
  if (model->layers[0].class_name != "InputLayer") {
    LayerConfig input = implicit_input(model->layers[0], config, model_json);
    model->layers.insert(model->layers.begin(), std::move(input));
  }
  for (std::size_t i = 0; i < model->layers.size(); ++i) {
    LayerConfig& layer = model->layers[i];
    layer.calls.clear();
    layer.calls.emplace_back();
    if (i == 0) continue;
    if (layer.class_name == "InputLayer") {
      fail(ErrorCode::invalid_argument, "{}: input layer '{}' stands inside a Sequential model",
           context.file, printable(layer.name));
    }
    Argument argument;
    argument.kind = Argument::Kind::tensor;
    argument.tensor = {i - 1, 0, 0};
    layer.calls[0].args.push_back(std::move(argument));
  }
  model->inputs.push_back({0, 0, 0});
  model->outputs.push_back({model->layers.size() - 1, 0, 0});
  return model;
}

}  // namespace thaw::keras
