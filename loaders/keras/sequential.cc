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

Argument tensor_of(std::size_t layer) {
  Argument argument;
  argument.kind = Argument::Kind::tensor;
  argument.tensor = {layer, 0, 0};
  return argument;
}

/// Adds layers one behind the other to a model; branches that Keras 1 merged become parts of it.
class Chain {
 public:
  Chain(ModelConfig& model, const ParseContext& context) : model_(model), context_(context) {}

  /// The layers of a Sequential model. Gives the index of the last.
  std::size_t add(const Json& config, const Json& model_json, int depth) {
    const Json::Array* list = layers_of(config);
    if (list == nullptr || list->empty()) {
      fail(ErrorCode::invalid_argument, "{}: a Sequential model has no {}layers", context_.file,
           list == nullptr ? "list of " : "");
    }
    std::size_t last = begin((*list)[0], config, model_json, depth);
    for (std::size_t i = 1; i < list->size(); ++i) {
      LayerConfig layer = parse_layer((*list)[i], context_);
      if (layer.class_name == "InputLayer") {
        fail(ErrorCode::invalid_argument, "{}: input layer '{}' stands inside a Sequential model",
             context_.file, printable(layer.name));
      }
      last = append(std::move(layer), tensor_of(last));
    }
    return last;
  }

 private:
  std::size_t append(LayerConfig layer, Argument argument) {
    layer.calls.clear();
    layer.calls.emplace_back();
    layer.calls[0].args.push_back(std::move(argument));
    model_.layers.push_back(std::move(layer));
    return model_.layers.size() - 1;
  }

  std::size_t add_input(LayerConfig input) {
    input.calls.clear();
    input.calls.emplace_back();
    model_.inputs.push_back({model_.layers.size(), 0, 0});
    model_.layers.push_back(std::move(input));
    return model_.layers.size() - 1;
  }

  /// The first layer, behind the input that it states.
  std::size_t begin(const Json& json, const Json& config, const Json& model_json, int depth) {
    if (depth > context_.limits.max_depth) {
      fail(ErrorCode::resource_exhausted, "{}: models are nested more than {} deep", context_.file,
           context_.limits.max_depth);
    }
    if (const Json::Array* branches = branches_of(json)) return merge(json, *branches, depth);
    LayerConfig first = parse_layer(json, context_);
    if (first.class_name == "InputLayer") return add_input(std::move(first));
    const std::size_t input = add_input(implicit_input(first, config, model_json));
    return append(std::move(first), tensor_of(input));
  }

  /// The models and layers inside a Merge of Keras 1; null for any other layer.
  static const Json::Array* branches_of(const Json& json) {
    const Json* name = json.is_object() ? json.find("class_name") : nullptr;
    const Json* config = json.is_object() ? json.find("config") : nullptr;
    if (name == nullptr || !name->is_string() || name->string() != "Merge" || config == nullptr)
      return nullptr;
    const Json* layers = config->find("layers");
    const Json::Array* list = layers == nullptr ? nullptr : list_of(*layers);
    return list == nullptr || list->empty() ? nullptr : list;
  }

  /// Keras 1 stores the weights of the branches' layers under their own names.
  std::size_t merge(const Json& json, const Json::Array& branches, int depth) {
    Argument all;
    all.kind = Argument::Kind::list;
    for (const Json& branch : branches) {
      const Json* name = branch.find("class_name");
      const Json* config = branch.find("config");
      const bool chain = name != nullptr && name->is_string() && name->string() == "Sequential";
      all.items.push_back(tensor_of(chain && config != nullptr
                                        ? add(*config, branch, depth + 1)
                                        : begin(branch, Json(Json::Object{}), branch, depth + 1)));
    }
    return append(parse_layer(json, context_), std::move(all));
  }

  ModelConfig& model_;
  const ParseContext& context_;
};

}  // namespace

std::unique_ptr<ModelConfig> parse_sequential(const Json& config, const Json& model_json,
                                              const ParseContext& context) {
  auto model = std::make_unique<ModelConfig>();
  const std::size_t last = Chain(*model, context).add(config, model_json, context.depth);
  model->outputs.push_back({last, 0, 0});
  return model;
}

}  // namespace thaw::keras
