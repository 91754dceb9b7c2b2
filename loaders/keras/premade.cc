#include "loaders/keras/premade.h"

#include <algorithm>
#include <map>

#include "loaders/keras/activations.h"
#include "loaders/keras/layers/layers.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

constexpr std::size_t kMaxInputs = 4096;

// A shape rather than a list of shapes.
bool is_shape(const Json& json) {
  const Json::Array* list = list_of(json);
  return list != nullptr && !list->empty() &&
         std::all_of(list->begin(), list->end(),
                     [](const Json& item) { return item.is_null() || item.is_integer(); });
}

const Json* built_for(const LayerConfig& layer) { return layer.build_config.find("input_shape"); }

// Keras 2 flattens dictionaries by key.
std::vector<std::pair<std::string, const Json*>> sorted_members(const Json& json) {
  std::vector<std::pair<std::string, const Json*>> members;
  for (const auto& [key, value] : json.object()) members.emplace_back(key, &value);
  std::sort(members.begin(), members.end());
  return members;
}

// The inputs of a model that takes this structure of shapes; the batch may be any.
class InputMaker {
 public:
  InputMaker(ModelConfig& model, const ParseContext& context) : model_(model), context_(context) {}

  Argument make(const Json& json, const std::string& name = "") {
    if (is_shape(json)) return input(json, name);
    Argument argument;
    if (const Json::Array* list = list_of(json)) {
      argument.kind = Argument::Kind::list;
      for (const Json& item : *list) argument.items.push_back(nested(item));
    } else if (json.is_object() && json.find("class_name") == nullptr) {
      argument.kind = Argument::Kind::dict;
      for (const auto& [key, value] : sorted_members(json)) {
        argument.keys.push_back(key);
        argument.items.push_back(nested(*value, key));
      }
    } else {
      fail(ErrorCode::invalid_argument, "{}: model '{}': expected input shapes, found {}",
           context_.file, printable(model_.name), printable(json.dump()));
    }
    return argument;
  }

 private:
  Argument nested(const Json& json, const std::string& name = "") {
    if (++depth_ > context_.limits.max_depth)
      fail(ErrorCode::resource_exhausted, "{}: input shapes nested too deep", context_.file);
    Argument argument = make(json, name);
    --depth_;
    return argument;
  }

  Argument input(const Json& shape, const std::string& key) {
    if (model_.layers.size() >= kMaxInputs)
      fail(ErrorCode::resource_exhausted, "{}: more than {} inputs", context_.file, kMaxInputs);
    Json::Array dims = *list_of(shape);
    dims[0] = Json();
    LayerConfig layer;
    layer.class_name = layer.file_class = "InputLayer";
    const std::size_t number = model_.layers.size();
    const bool taken = std::any_of(model_.layers.begin(), model_.layers.end(),
                                   [&](const LayerConfig& other) { return other.name == key; });
    const std::string numbered =
        model_.name + "_input" + (number == 0 ? "" : fmt::format("_{}", number));
    layer.name = key.empty() || taken ? numbered : key;
    layer.config = Json(Json::Object{{"batch_shape", Json(std::move(dims))},
                                     {"dtype", Json(std::string("float32"))}});
    layer.synthetic = true;
    layer.calls.emplace_back();
    model_.layers.push_back(std::move(layer));
    Argument argument;
    argument.kind = Argument::Kind::tensor;
    argument.tensor = {number, 0, 0};
    model_.inputs.push_back(argument.tensor);
    return argument;
  }

  ModelConfig& model_;
  const ParseContext& context_;
  int depth_ = 0;
};

// How many inputs a LinearModel has a kernel for.
std::size_t kernels_of(const LayerConfig& layer) {
  if (const Json* shape = built_for(layer)) {
    if (is_shape(*shape)) return 1;
    if (const Json::Array* list = list_of(*shape)) return std::min(list->size(), kMaxInputs);
    if (shape->is_object()) return std::min(shape->size(), kMaxInputs);
  }
  if (layer.calls.empty() || layer.calls[0].args.empty()) return 1;
  std::vector<TensorRef> tensors;
  flatten(layer.calls[0].args[0], tensors);
  return std::clamp<std::size_t>(tensors.size(), 1, kMaxInputs);
}

std::string kernel_name(std::size_t i) {
  return i == 0 ? "layers/dense/kernel" : fmt::format("layers/dense_{}/kernel", i);
}

// Where tf.keras keeps the deep part: by its class, but the wide part by its attribute.
std::string deep_place(const LayerConfig& deep) {
  return "layers/" + to_snake_case(deep.model ? deep.class_name : deep.file_class);
}

const LayerConfig& part_of(const LayerConfig& layer, const char* key) {
  const LayerConfig* part = layer.inner_layer(key);
  if (part == nullptr) {
    fail(ErrorCode::invalid_argument, "layer '{}' ({}): {} is missing", printable(layer.name),
         printable(layer.file_class), key);
  }
  return *part;
}

}  // namespace

bool is_premade(const std::string& class_name) {
  return class_name == "LinearModel" || class_name == "WideDeepModel";
}

std::unique_ptr<ModelConfig> model_around(LayerConfig layer, const ParseContext& context) {
  auto model = std::make_unique<ModelConfig>();
  model->name = layer.name;
  model->class_name = "Functional";
  const Json* shape = built_for(layer);
  if (shape == nullptr || shape->is_null()) {
    fail(ErrorCode::invalid_argument,
         "{}: model '{}' ({}) was saved before it was built: the file does not state the shape of "
         "its inputs",
         context.file, printable(layer.name), layer.file_class);
  }
  Call call;
  call.args.push_back(InputMaker(*model, context).make(*shape));
  layer.calls.assign(1, std::move(call));
  layer.whole_model = true;
  model->outputs.push_back({model->layers.size(), 0, 0});
  model->layers.push_back(std::move(layer));
  return model;
}

void linear_model_variables(VariableList& variables) {
  const std::size_t kernels = kernels_of(variables.layer());
  for (std::size_t i = 0; i < kernels; ++i) variables.add(kernel_name(i));
  if (variables.flag("use_bias", true)) variables.add("bias");
}

Outputs linear_model(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const std::int64_t units = layer.integer("units");
  const std::size_t kernels = kernels_of(layer.config);
  if (layer.inputs.size() != kernels) {
    layer.bad(fmt::format("called with {} inputs, built for {}", layer.inputs.size(), kernels));
  }
  ValueId sum = kNoValue;
  for (std::size_t i = 0; i < kernels; ++i) {
    const ValueId x = computed(layer, layer.inputs[i].value, g);
    const std::int64_t features = known_dim(layer, g, x, -1);
    const ValueId y = g.matmul(x, weights.get(kernel_name(i), {features, units}));
    sum = sum == kNoValue ? y : g.binary(BinaryKind::add, sum, y);
  }
  if (layer.flag("use_bias", true))
    sum = g.binary(BinaryKind::add, sum, weights.get("bias", {units}));
  return activated(layer, "activation", "linear", sum, g);
}

void wide_deep_model_variables(VariableList& variables) {
  const LayerConfig* wide = variables.layer().inner_layer("linear_model");
  const LayerConfig* deep = variables.layer().inner_layer("dnn_model");
  if (wide != nullptr) variables.inner("linear_model", *wide);
  if (deep != nullptr) variables.inner(deep_place(*deep), *deep);
}

// Two inputs are for the two parts; anything else is for both.
Outputs wide_deep_model(const Layer& layer, Weights&, GraphBuilder& g) {
  std::vector<MaskedValue> for_wide = layer.inputs, for_deep = layer.inputs;
  if (!layer.args.empty() && layer.args[0].kind == Argument::Kind::list &&
      layer.args[0].items.size() == 2) {
    for_wide.clear();
    for_deep.clear();
    flatten(layer.args[0].items[0], for_wide);
    flatten(layer.args[0].items[1], for_deep);
  }
  const LayerConfig& linear = part_of(layer.config, "linear_model");
  const LayerConfig& deep = part_of(layer.config, "dnn_model");
  const Outputs wide = layer.import_inner(linear, "linear_model", for_wide);
  Outputs outputs = layer.import_inner(deep, deep_place(deep), for_deep);
  if (wide.poisoned || outputs.poisoned) {
    outputs.poisoned = true;
    return outputs;
  }
  if (outputs.values.size() != wide.values.size()) {
    layer.bad(fmt::format("the deep part has {} outputs, the linear one {}", outputs.values.size(),
                          wide.values.size()));
  }
  for (std::size_t i = 0; i < outputs.values.size(); ++i) {
    MaskedValue& value = outputs.values[i];
    value.mask = kNoValue;
    value.value = g.binary(BinaryKind::add, wide.values[i].value, value.value);
    value.value = activated(layer, "activation", "linear", value.value, g);
  }
  return outputs;
}

}  // namespace thaw::keras
