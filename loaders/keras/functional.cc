// Functional models: references between layers in the dialects of Keras 1, 2 and 3.
#include <algorithm>
#include <map>
#include <set>

#include "loaders/keras/config.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// A reference before its call index is known to count from 0 or from 1.
struct Names {
  std::map<std::string, std::size_t, std::less<>> index;
  const ParseContext& context;

  [[noreturn]] void bad(const std::string& where, const std::string& what) const {
    fail(ErrorCode::invalid_argument, "{}: {}: {}", context.file, where, what);
  }
};

std::size_t count_from(const Json& json, const Names& names, const std::string& where) {
  if (!json.is_integer() || json.integer() < 0 || json.integer() > (std::int64_t{1} << 31)) {
    names.bad(where, fmt::format("expected an index, found {}", printable(json.dump())));
  }
  return static_cast<std::size_t>(json.integer());
}

bool is_triple(const Json& json, const Names& names) {
  return json.is_array() && json.size() >= 3 && json.at(std::size_t{0}).is_string() &&
         json.at(std::size_t{1}).is_integer() && json.at(std::size_t{2}).is_integer() &&
         names.index.contains(json.at(std::size_t{0}).string());
}

TensorRef read_triple(const Json& json, const Names& names, const std::string& where) {
  if (!json.is_array() || json.size() < 3 || !json.at(std::size_t{0}).is_string()) {
    names.bad(where,
              fmt::format("expected [layer, call, tensor], found {}", printable(json.dump())));
  }
  const std::string& layer = json.at(std::size_t{0}).string();
  const auto found = names.index.find(layer);
  if (found == names.index.end()) names.bad(where, fmt::format("no layer '{}'", printable(layer)));
  return {found->second, count_from(json.at(std::size_t{1}), names, where),
          count_from(json.at(std::size_t{2}), names, where)};
}

Argument tensor_argument(TensorRef tensor) {
  Argument argument;
  argument.kind = Argument::Kind::tensor;
  argument.tensor = tensor;
  return argument;
}

const Json::Object* keras_tensor(const Json& json) {
  const Json* class_name = json.find("class_name");
  if (class_name == nullptr || !class_name->is_string() ||
      class_name->string() != "__keras_tensor__") {
    return nullptr;
  }
  const Json* config = json.find("config");
  return config != nullptr && config->is_object() ? &config->object() : nullptr;
}

// A constant with its type: {"class_name": "__numpy__", "config": {"value", "dtype"}}.
bool is_stored_array(const Json& json) {
  const Json* class_name = json.find("class_name");
  return class_name != nullptr && class_name->is_string() &&
         (class_name->string() == "__numpy__" || class_name->string() == "__tensor__");
}

// An argument in either dialect: Keras 3 marks tensors, Keras 2 writes them as bare triples.
Argument read_argument(const Json& json, const Names& names, const std::string& where,
                       bool marked) {
  if (keras_tensor(json) != nullptr) {
    return tensor_argument(read_triple(json.at("config").at("keras_history"), names, where));
  }
  if (!marked && is_triple(json, names)) return tensor_argument(read_triple(json, names, where));
  Argument argument;
  if (is_stored_array(json)) {
    argument.value = json;
    return argument;
  }
  if (const Json::Array* list = list_of(json)) {
    argument.kind = Argument::Kind::list;
    for (const Json& item : *list)
      argument.items.push_back(read_argument(item, names, where, marked));
    const bool plain =
        std::all_of(argument.items.begin(), argument.items.end(),
                    [](const Argument& item) { return item.kind == Argument::Kind::value; });
    if (!plain) return argument;
    argument = {};
    argument.value = Json(*list);
    return argument;
  }
  if (json.is_object() && json.find("class_name") == nullptr) {
    argument.kind = Argument::Kind::dict;
    std::vector<std::pair<std::string, const Json*>> members;
    for (const auto& [key, value] : json.object()) members.emplace_back(key, &value);
    std::sort(members.begin(), members.end());  // Keras flattens dictionaries by key
    for (const auto& [key, value] : members) {
      argument.keys.push_back(key);
      argument.items.push_back(read_argument(*value, names, where, marked));
    }
    return argument;
  }
  argument.value = json;
  return argument;
}

void read_kwargs(const Json& json, Call& call, const Names& names, const std::string& where,
                 bool marked) {
  for (const auto& [key, value] : json.object()) {
    if (call.find(key) == nullptr)
      call.kwargs.emplace_back(key, read_argument(value, names, where, marked));
  }
}

// Keras 2: [layer, call, tensor, {kwargs}], or the constant form ["_CONSTANT_VALUE", -1, value,
// {}].
Argument read_entry(const Json& json, Call& call, const Names& names, const std::string& where) {
  Argument argument;
  if (json.is_array() && json.size() >= 3 && json.at(std::size_t{0}).is_string() &&
      json.at(std::size_t{0}).string() == "_CONSTANT_VALUE") {
    argument = read_argument(json.at(std::size_t{2}), names, where, false);
  } else {
    argument = tensor_argument(read_triple(json, names, where));
  }
  if (json.size() >= 4 && json.at(std::size_t{3}).is_object()) {
    read_kwargs(json.at(std::size_t{3}), call, names, where, false);
  }
  return argument;
}

bool starts_with_name(const Json& json) {
  return json.is_array() && json.size() >= 1 && json.at(std::size_t{0}).is_string();
}

// One node of Keras 1 and 2: an entry, a list of entries, or a dictionary of them.
Argument read_node(const Json& json, Call& call, const Names& names, const std::string& where) {
  if (starts_with_name(json)) return read_entry(json, call, names, where);
  Argument argument;
  if (const Json::Array* list = list_of(json)) {
    argument.kind = Argument::Kind::list;
    for (const Json& item : *list) argument.items.push_back(read_node(item, call, names, where));
    if (argument.items.size() == 1) return Argument(argument.items[0]);
    return argument;
  }
  if (!json.is_object()) {
    names.bad(where, fmt::format("expected an inbound node, found {}", printable(json.dump())));
  }
  argument.kind = Argument::Kind::dict;
  std::map<std::string, const Json*> members;
  for (const auto& [key, value] : json.object()) members[key] = &value;
  for (const auto& [key, value] : members) {
    argument.keys.push_back(key);
    argument.items.push_back(read_node(*value, call, names, where));
  }
  return argument;
}

void read_calls(const Json& nodes, LayerConfig& layer, const Names& names) {
  const std::string where = fmt::format("inbound_nodes of layer '{}'", printable(layer.name));
  const Json::Array* list = list_of(nodes);
  if (list == nullptr) names.bad(where, "expected a list");
  // A single call of a structure-preserving layer may stand without the outer list.
  if (!list->empty() && starts_with_name(nodes)) {
    Call call;
    call.args.push_back(read_entry(nodes, call, names, where));
    layer.calls.push_back(std::move(call));
    return;
  }
  for (const Json& node : *list) {
    Call call;
    const Json* args = node.find("args");
    if (node.is_object() && args != nullptr && node.find("kwargs") != nullptr) {
      const Json::Array* items = list_of(*args);
      if (items == nullptr) names.bad(where, "args is no list");
      for (const Json& item : *items) call.args.push_back(read_argument(item, names, where, true));
      const Json& kwargs = node.at("kwargs");
      if (kwargs.is_object()) read_kwargs(kwargs, call, names, where, true);
    } else {
      call.args.push_back(read_node(node, call, names, where));
    }
    layer.calls.push_back(std::move(call));
  }
}

void read_structure(const Json& json, std::vector<TensorRef>& tensors, const Names& names,
                    const std::string& where) {
  if (starts_with_name(json)) {
    tensors.push_back(read_triple(json, names, where));
    return;
  }
  if (const Json::Array* list = list_of(json)) {
    for (const Json& item : *list) read_structure(item, tensors, names, where);
    return;
  }
  if (!json.is_object())
    names.bad(where, fmt::format("expected tensors, found {}", printable(json.dump())));
  std::map<std::string, const Json*> members;
  for (const auto& [key, value] : json.object()) members[key] = &value;
  for (const auto& [key, value] : members) read_structure(*value, tensors, names, where);
}

// In Keras 2 a nested functional model's creation is its call 0, so that the calls of the outer
// model count from 1; in Keras 3 (from 3.3 on) this holds for input_layers and output_layers only.
// Every stored call is used, so the references themselves tell which way they count.
void renumber(std::vector<TensorRef*>& references, std::size_t layer, std::size_t calls,
              bool surely_from_one) {
  std::size_t low = SIZE_MAX, high = 0;
  for (const TensorRef* reference : references) {
    if (reference->layer != layer) continue;
    low = std::min(low, reference->call);
    high = std::max(high, reference->call);
  }
  if (low == SIZE_MAX || low == 0) return;
  if (high < calls && !surely_from_one) return;
  for (TensorRef* reference : references) {
    if (reference->layer == layer) --reference->call;
  }
}

void collect(Argument& argument, std::vector<TensorRef*>& references) {
  if (argument.kind == Argument::Kind::tensor) references.push_back(&argument.tensor);
  for (Argument& item : argument.items) collect(item, references);
}

void renumber_nested(ModelConfig& model, const Names& names) {
  std::vector<TensorRef*> inbound, ends;
  for (LayerConfig& layer : model.layers) {
    for (Call& call : layer.calls) {
      for (Argument& argument : call.args) collect(argument, inbound);
      for (auto& [key, argument] : call.kwargs) collect(argument, inbound);
    }
  }
  for (TensorRef& input : model.inputs) ends.push_back(&input);
  for (TensorRef& output : model.outputs) ends.push_back(&output);
  const Writer& writer = names.context.writer;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const LayerConfig& layer = model.layers[i];
    if (!layer.model) continue;
    if (writer.major < 3) {
      std::vector<TensorRef*> all = inbound;
      all.insert(all.end(), ends.begin(), ends.end());
      renumber(all, i, layer.calls.size(), true);
    } else {
      renumber(inbound, i, layer.calls.size(), false);
      renumber(ends, i, layer.calls.size(),
               layer.class_name == "Functional" && writer.at_least(3, 3));
    }
  }
}

void check_reference(const TensorRef& tensor, const ModelConfig& model, const Names& names,
                     const std::string& where) {
  const LayerConfig& layer = model.layers[tensor.layer];
  if (tensor.call >= layer.calls.size()) {
    names.bad(where, fmt::format("layer '{}' has {} calls, asked for call {}",
                                 printable(layer.name), layer.calls.size(), tensor.call));
  }
}

void check_references(const ModelConfig& model, const Names& names) {
  std::vector<TensorRef> tensors;
  for (const LayerConfig& layer : model.layers) {
    tensors.clear();
    for (const Call& call : layer.calls) {
      for (const Argument& argument : call.args) flatten(argument, tensors);
      for (const auto& [key, argument] : call.kwargs) flatten(argument, tensors);
    }
    for (const TensorRef& tensor : tensors) {
      check_reference(tensor, model, names,
                      fmt::format("inbound_nodes of layer '{}'", printable(layer.name)));
    }
  }
  for (const TensorRef& tensor : model.inputs)
    check_reference(tensor, model, names, "input_layers");
  for (const TensorRef& tensor : model.outputs)
    check_reference(tensor, model, names, "output_layers");
}

}  // namespace

std::unique_ptr<ModelConfig> parse_functional(const Json& config, const ParseContext& context) {
  auto model = std::make_unique<ModelConfig>();
  Names names{{}, context};
  const Json::Array* layers = list_of(config.at("layers"));
  if (layers == nullptr) names.bad("layers", "expected a list");
  for (const Json& json : *layers) {
    LayerConfig layer = parse_layer(json, context);
    if (!names.index.emplace(layer.name, model->layers.size()).second) {
      names.bad("layers", fmt::format("two layers are called '{}'", printable(layer.name)));
    }
    model->layers.push_back(std::move(layer));
  }
  for (std::size_t i = 0; i < layers->size(); ++i) {
    LayerConfig& layer = model->layers[i];
    const Json* nodes = (*layers)[i].find("inbound_nodes");
    if (nodes != nullptr && !nodes->is_null()) read_calls(*nodes, layer, names);
    // An input layer is its own call 0.
    if (layer.class_name == "InputLayer" && layer.calls.empty()) layer.calls.emplace_back();
  }
  read_structure(config.at("input_layers"), model->inputs, names, "input_layers");
  read_structure(config.at("output_layers"), model->outputs, names, "output_layers");
  renumber_nested(*model, names);
  check_references(*model, names);
  if (model->outputs.empty()) names.bad("output_layers", "the model has no outputs");
  return model;
}

}  // namespace thaw::keras
