#include "loaders/keras/config.h"

#include <algorithm>
#include <charconv>

#include "loaders/keras/custom.h"
#include "loaders/keras/operations/op_call.h"
#include "loaders/keras/policy_map.h"
#include "loaders/keras/premade.h"
#include "runtime/base/check.h"

namespace thaw::keras {

std::string Writer::text() const {
  std::string result =
      version.empty() ? fmt::format("Keras {}", major) : "Keras " + printable(version, 64);
  if (!backend.empty()) result += ", " + printable(backend, 64);
  return result;
}

Writer writer_of(const std::string& version, const std::string& backend, int fallback_major) {
  Writer writer;
  writer.version = version;
  writer.backend = backend;
  writer.major = fallback_major;
  const char* end = version.data() + version.size();
  int number = 0;
  auto [rest, error] = std::from_chars(version.data(), end, number);
  if (error == std::errc{} && number >= 0 && number < 100) {
    writer.major = std::clamp(number, 1, 3);
    if (rest != end && *rest == '.') {
      int minor = 0;
      if (std::from_chars(rest + 1, end, minor).ec == std::errc{}) writer.minor = minor;
    }
  }
  // Stand-alone Keras ended with 2.3.1; 2.4 and later of the second generation come with
  // TensorFlow.
  writer.tf_keras =
      writer.major == 2 && (version.find("-tf") != std::string::npos || writer.minor >= 4);
  return writer;
}

void flatten(const Argument& argument, std::vector<TensorRef>& tensors) {
  if (argument.kind == Argument::Kind::tensor) tensors.push_back(argument.tensor);
  for (const Argument& item : argument.items) flatten(item, tensors);
}

const Argument* Call::find(std::string_view name) const {
  for (const auto& [key, argument] : kwargs) {
    if (key == name) return &argument;
  }
  return nullptr;
}

const LayerConfig* LayerConfig::inner_layer(std::string_view key) const {
  for (const auto& [attribute, layer] : inner) {
    if (attribute == key) return &layer;
  }
  return nullptr;
}

const Json::Array* list_of(const Json& json) {
  if (json.is_array()) return &json.array();
  if (!json.is_object()) return nullptr;
  const Json* class_name = json.find("class_name");
  if (class_name == nullptr || !class_name->is_string()) return nullptr;
  // Keras 3: {"class_name": "__tuple__", "config": {"value": [...]}}; Keras 2: {..., "items":
  // [...]}; TensorShape and ListWrapper objects keep their list under "items" or "config".
  if (const Json* items = json.find("items"); items != nullptr && items->is_array())
    return &items->array();
  const Json* config = json.find("config");
  if (config == nullptr) return nullptr;
  if (config->is_array()) return &config->array();
  const Json* value = config->find("value");
  return value != nullptr && value->is_array() ? &value->array() : nullptr;
}

Shape shape_from_json(const Json& json) {
  const Json::Array* list = list_of(json);
  if (list == nullptr)
    fail(ErrorCode::invalid_argument, "expected a shape, found {}", printable(json.dump()));
  std::vector<std::int64_t> dims;
  for (const Json& item : *list) {
    if (item.is_null()) {
      dims.push_back(kUnknownDim);
    } else {
      if (!item.is_number())
        fail(ErrorCode::invalid_argument, "expected a dimension, found {}", printable(item.dump()));
      const std::int64_t size = item.integer();
      if (size < -1 || size > (std::int64_t{1} << 48)) {
        fail(ErrorCode::invalid_argument, "dimension {} is out of range", size);
      }
      dims.push_back(size);
    }
  }
  return Shape(std::move(dims));
}

namespace {

const std::string& text_member(const Json& json, std::string_view key,
                               const std::string& otherwise) {
  const Json* value = json.find(key);
  return value != nullptr && value->is_string() ? value->string() : otherwise;
}

bool is_model_class(const std::string& name) {
  return name == "Sequential" || name == "Functional" || name == "Model";
}

bool holds_layer(const Json& json) {
  return json.is_object() && json.find("class_name") != nullptr && json.find("config") != nullptr;
}

// Layers inside layers: wrappers and recurrent cells.
void parse_inner(LayerConfig& layer, const ParseContext& context) {
  for (const char* key : {"layer", "backward_layer", "cell"}) {
    const Json* json = layer.config.find(key);
    if (json != nullptr && holds_layer(*json))
      layer.inner.emplace_back(key, parse_layer(*json, context));
  }
  if (layer.class_name == "WideDeepModel") {
    for (const char* key : {"linear_model", "dnn_model"}) {
      const Json* json = layer.config.find(key);
      if (json != nullptr && holds_layer(*json))
        layer.inner.emplace_back(key, parse_layer(*json, context));
    }
  }
  const char* list_key = layer.class_name == "Pipeline" ? "layers" : "cells";
  const Json* members = layer.config.find(list_key);
  const Json::Array* list = members == nullptr ? nullptr : list_of(*members);
  if (list == nullptr) return;
  for (const Json& json : *list) {
    if (holds_layer(json)) layer.inner.emplace_back(list_key, parse_layer(json, context));
  }
}

}  // namespace

LayerConfig parse_layer(const Json& json, ParseContext context) {
  if (++context.depth > context.limits.max_depth) {
    fail(ErrorCode::resource_exhausted, "{}: models are nested more than {} deep", context.file,
         context.limits.max_depth);
  }
  if ((*context.layers_left)-- == 0) {
    fail(ErrorCode::resource_exhausted, "{}: more than {} layers", context.file,
         context.limits.max_nodes);
  }
  static const std::string kNone;
  LayerConfig layer;
  if (!json.is_object()) {
    fail(ErrorCode::invalid_argument, "{}: expected a layer object, found {}", context.file,
         printable(json.dump()));
  }
  layer.file_class = text_member(json, "class_name", kNone);
  if (layer.file_class.empty()) {
    fail(ErrorCode::invalid_argument, "{}: a layer has no class_name: {}", context.file,
         printable(json.dump()));
  }
  layer.class_name = layer.file_class;
  layer.module = text_member(json, "module", kNone);
  if (const Json* config = json.find("config")) layer.config = *config;
  if (const Json* build = json.find("build_config")) layer.build_config = *build;
  layer.name = text_member(json, "name", text_member(layer.config, "name", kNone));
  if (const Json* trainable = layer.config.find("trainable"); trainable && trainable->is_bool()) {
    layer.trainable = trainable->boolean();
  }
  // Operation nodes say so by their module; in `.h5` files by having no more than their name and
  // arguments, as some layers for preprocessing do.
  layer.operation =
      layer.module.empty()
          ? context.writer.major == 3 && layer.config.find("trainable") == nullptr &&
                is_operation(layer.class_name)
          : layer.module.starts_with("keras.src.ops") || layer.module.starts_with("keras.ops");
  // A class that subclasses Model but keeps the functional configuration is still a graph of
  // layers.
  const bool functional = layer.config.find("layers") && layer.config.find("input_layers") &&
                          layer.config.find("output_layers");
  if (layer.class_name == "Sequential") {
    layer.model = parse_sequential(layer.config, json, context);
  } else if (functional) {
    layer.class_name = "Functional";
    layer.model = parse_functional(layer.config, context);
  } else if (is_model_class(layer.class_name)) {
    fail(ErrorCode::invalid_argument, "{}: model '{}' ({}) has no layers in its configuration",
         context.file, printable(layer.name), layer.class_name);
  } else {
    layer.custom = find_custom(context.custom, layer, text_member(json, "registered_name", kNone));
    if (!layer.operation && layer.custom == nullptr) modernise(layer, context.writer);
    if (layer.custom == nullptr) parse_inner(layer, context);
  }
  if (layer.model) {
    layer.model->name = layer.name.empty() ? layer.class_name : layer.name;
    layer.model->class_name = layer.class_name;
    if (layer.name.empty()) layer.name = layer.model->name;
  }
  return layer;
}

KerasModel read_config(const Json& json, const Writer& writer, const std::string& name,
                       const Limits& limits, const CustomObjects* custom) {
  std::uint64_t layers_left = limits.max_nodes;
  KerasModel model;
  model.writer = writer;
  const ParseContext context{writer, limits, name, 0, &layers_left, custom};
  model.root = parse_layer(json, context);
  if (is_premade(model.root.class_name) && model.root.custom == nullptr) {
    LayerConfig around;
    around.name = model.root.name;
    around.class_name = "Functional";
    around.file_class = model.root.file_class;
    around.trainable = model.root.trainable;
    around.model = model_around(std::move(model.root), context);
    model.root = std::move(around);
  }
  if (!model.root.model) {
    throw UnsupportedError(name, {{model.root.file_class, model.root.name,
                                   "a model class with code of its own, not a graph of layers; "
                                   "export a SavedModel, or read its "
                                   "weights with thaw::WeightStore"}});
  }
  resolve_policy_maps(*model.root.model);
  return model;
}

}  // namespace thaw::keras
