#include "loaders/keras/import.h"

#include <algorithm>
#include <optional>

#include "loaders/keras/call_arguments.h"
#include "loaders/keras/operations/op_call.h"
#include "loaders/keras/run_order.h"
#include "loaders/keras/table.h"
#include "runtime/base/check.h"

namespace thaw::keras {

std::string scoped(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "/" + name;
}

/// The results of one model's calls while it is being imported.
struct ImportContext::ModelRun {
  enum class State : std::uint8_t { untouched, open, done };
  const ModelConfig& model;
  std::string prefix, path;
  std::vector<std::string> paths;
  const std::vector<MaskedValue>* inputs;  // null: the root, whose input layers are graph inputs
  std::vector<std::vector<State>> states;
  std::vector<std::vector<Outputs>> results;
};

ImportContext::ImportContext(const KerasModel& model, const ModelWeights& store,
                             const Limits& limits, GraphBuilder& g, Assets assets)
    : model_(model),
      store_(store),
      limits_(limits),
      g_(g),
      assets_(std::move(assets)),
      calls_left_(limits.max_nodes) {}

namespace {

void dependencies(const Call& call, std::vector<TensorRef>& tensors) {
  for (const Argument& argument : call.args) flatten(argument, tensors);
  for (const auto& [key, argument] : call.kwargs) flatten(argument, tensors);
}

const Json* shape_of_input(const LayerConfig& layer) {
  for (const char* key : {"batch_shape", "batch_input_shape"}) {
    const Json* shape = layer.config.find(key);
    if (shape != nullptr && !shape->is_null()) return shape;
  }
  return nullptr;
}

DType dtype_of_input(const LayerConfig& layer) {
  const Json* dtype = layer.config.find("dtype");
  if (dtype == nullptr || dtype->is_null()) return DType::float32;
  if (dtype->is_object()) {  // a policy object
    const Json* config = dtype->find("config");
    if (config != nullptr && config->find("name") != nullptr) dtype = config->find("name");
  }
  const DType result = dtype->is_string() ? dtype_from_name(dtype->string()) : DType::invalid;
  if (result == DType::invalid) {
    fail(ErrorCode::unimplemented, "input type {} is not supported", printable(dtype->dump()));
  }
  return result;
}

}  // namespace

std::vector<MaskedValue> ImportContext::import_model(const LayerConfig& layer,
                                                     const std::string& name,
                                                     const std::string& path,
                                                     const std::vector<MaskedValue>* inputs,
                                                     bool& poisoned) {
  const ModelConfig& model = *layer.model;
  ModelRun run{model, name, path, layer_paths(model), inputs, {}, {}};
  for (const LayerConfig& config : model.layers) {
    run.states.emplace_back(config.calls.size(), ModelRun::State::untouched);
    run.results.emplace_back(config.calls.size());
  }
  if (inputs != nullptr && inputs->size() != model.inputs.size()) {
    fail(ErrorCode::invalid_argument, "model '{}' has {} inputs, called with {}", printable(name),
         model.inputs.size(), inputs->size());
  }
  // From the inputs first, to keep their order.
  for (const TensorRef& tensor : model.inputs) run_until(run, tensor);
  if (order_matters(model, model_.writer)) {
    for (const TensorRef& tensor : run_order(model)) run_until(run, tensor);
  }
  for (const TensorRef& tensor : model.outputs) run_until(run, tensor);

  std::vector<MaskedValue> outputs;
  for (const TensorRef& tensor : model.outputs) {
    const Outputs& result = run.results[tensor.layer][tensor.call];
    if (result.poisoned) {
      poisoned = true;
      return {};
    }
    // A Sequential model returns all that its last layer returns.
    if (model.class_name == "Sequential") return result.values;
    if (tensor.tensor >= result.values.size()) {
      fail(ErrorCode::invalid_argument, "layer '{}' has {} outputs, asked for output {}",
           printable(scoped(name, model.layers[tensor.layer].name)), result.values.size(),
           tensor.tensor);
    }
    outputs.push_back(result.values[tensor.tensor]);
  }
  return outputs;
}

// Depth first with an explicit stack: a call runs when all that it needs has run.
void ImportContext::run_until(ModelRun& run, const TensorRef& tensor) {
  using State = ModelRun::State;
  std::vector<std::pair<std::size_t, std::size_t>> stack{{tensor.layer, tensor.call}};
  while (!stack.empty()) {
    const auto [at, call] = stack.back();
    State& state = run.states[at][call];
    if (state == State::open) run_call(run, at, call);
    if (state != State::untouched) {
      state = State::done;
      stack.pop_back();
      continue;
    }
    state = State::open;
    std::vector<TensorRef> needed;
    dependencies(run.model.layers[at].calls[call], needed);
    for (auto it = needed.rbegin(); it != needed.rend(); ++it) {
      const State other = run.states[it->layer][it->call];
      // What is open waits for this call.
      if (other == State::open) {
        fail(ErrorCode::invalid_argument, "layer '{}' depends on itself through '{}'",
             printable(scoped(run.prefix, run.model.layers[it->layer].name)),
             printable(scoped(run.prefix, run.model.layers[at].name)));
      }
      if (other != State::done) stack.emplace_back(it->layer, it->call);
    }
  }
}

Operand ImportContext::resolve(const ModelRun& run, const Argument& argument,
                               bool& poisoned) const {
  Operand operand;
  operand.kind = argument.kind;
  operand.value = argument.value;
  operand.keys = argument.keys;
  if (argument.kind == Argument::Kind::tensor) {
    const Outputs& result = run.results[argument.tensor.layer][argument.tensor.call];
    if (result.poisoned) {
      poisoned = true;
    } else if (argument.tensor.tensor >= result.values.size()) {
      fail(ErrorCode::invalid_argument, "layer '{}' has {} outputs, asked for output {}",
           printable(scoped(run.prefix, run.model.layers[argument.tensor.layer].name)),
           result.values.size(), argument.tensor.tensor);
    } else {
      operand.tensor = result.values[argument.tensor.tensor];
      if (without_masks_.contains(operand.tensor.value)) operand.tensor.mask = kNoValue;
    }
  }
  for (const Argument& item : argument.items) operand.items.push_back(resolve(run, item, poisoned));
  return operand;
}

void ImportContext::run_call(ModelRun& run, std::size_t at, std::size_t call_index) {
  const LayerConfig& config = run.model.layers[at];
  Outputs& result = run.results[at][call_index];
  if (calls_left_-- == 0) {
    fail(ErrorCode::resource_exhausted, "the model has more than {} layer calls",
         limits_.max_nodes);
  }
  const std::string name = scoped(run.prefix, config.name);
  const std::string path = join(run.path, run.paths[at]);
  if (config.class_name == "InputLayer") {
    result = input_layer(run, at, call_index);
    record(config, name, path, result, {});
    return;
  }
  const Call& call = config.calls[call_index];
  Layer layer{config, name, path, model_.writer, {}, {}, {}, {}, *this};
  for (const Argument& argument : call.args)
    layer.args.push_back(resolve(run, argument, result.poisoned));
  for (const auto& [key, argument] : call.kwargs) {
    layer.kwargs.emplace_back(key, resolve(run, argument, result.poisoned));
  }
  if (result.poisoned) return;
  // The first argument may be given by its name.
  if (layer.args.empty() && !layer.kwargs.empty()) {
    layer.args.push_back(layer.kwargs.front().second);
    layer.kwargs.erase(layer.kwargs.begin());
  }
  if (!layer.args.empty()) flatten(layer.args[0], layer.inputs);
  std::vector<std::string> feeds;
  std::vector<TensorRef> tensors;
  dependencies(call, tensors);
  for (const TensorRef& tensor : tensors) {
    const std::string feed = scoped(run.prefix, run.model.layers[tensor.layer].name);
    if (std::find(feeds.begin(), feeds.end(), feed) == feeds.end()) feeds.push_back(feed);
  }
  result = import_layer(std::move(layer));
  if (!result.poisoned && !config.model) record(config, name, path, result, feeds);
}

ValueId ImportContext::graph_input(const LayerConfig& layer, const std::string& name) {
  for (const char* key : {"sparse", "ragged"}) {
    const Json* value = layer.config.find(key);
    if (value != nullptr && value->is_bool() && value->boolean()) {
      fail(ErrorCode::unimplemented,
           "{} inputs are not supported: a model takes dense tensors; build it with {}=False, with "
           "short rows filled up (Embedding(mask_zero=True) and Masking leave the filling out)",
           key, key);
    }
  }
  const Json* shape = shape_of_input(layer);
  if (shape == nullptr) {
    fail(ErrorCode::invalid_argument,
         "the file does not state the shape of input '{}': the model was saved before it was built",
         printable(name));
  }
  const Shape dims = shape_from_json(*shape);
  if (dims.rank() > limits_.max_rank) {
    fail(ErrorCode::resource_exhausted, "input '{}' has {} dimensions", printable(name),
         dims.rank());
  }
  return g_.input(name, {dtype_of_input(layer), dims});
}

Outputs ImportContext::input_layer(const ModelRun& run, std::size_t at, std::size_t) {
  const LayerConfig& config = run.model.layers[at];
  const std::string name = scoped(run.prefix, config.name);
  g_.set_scope(name, fmt::format("layer '{}' (InputLayer)", printable(name)));
  if (run.inputs == nullptr) {
    try {
      return graph_input(config, config.name);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unimplemented) throw;
      unsupported_.push_back({config.file_class, name, error.what()});
      Outputs outputs;
      outputs.poisoned = true;
      return outputs;
    }
  }
  for (std::size_t i = 0; i < run.model.inputs.size(); ++i) {
    if (run.model.inputs[i].layer != at) continue;
    MaskedValue value = (*run.inputs)[i];
    // A model converts what it is given to its own input's type, and forgives a last dimension
    // of 1.
    const Json* shape = shape_of_input(config);
    if (value.is_ragged()) return std::vector<MaskedValue>{value};
    if (shape != nullptr && g_.shape(value.value).has_rank()) {
      const Shape want = shape_from_json(*shape);
      const Shape have = g_.shape(value.value);
      if (have.rank() + 1 == want.rank() && want[want.rank() - 1] == 1)
        value.value = g_.expand_dims(value.value, -1);
      if (have.rank() == want.rank() + 1 && have[have.rank() - 1] == 1)
        value.value = g_.squeeze(value.value, -1);
    }
    if (!config.synthetic) value.value = g_.cast(value.value, dtype_of_input(config));
    return std::vector<MaskedValue>{value};
  }
  fail(ErrorCode::invalid_argument, "input layer '{}' is no input of its model", printable(name));
}

void ImportContext::refuse_training(const Layer& layer) {
  if (layer.keras3()) return;  // a model's own flag overrides what its calls recorded
  const Operand* training = layer.argument("training");
  if (training == nullptr || training->kind != Argument::Kind::value) return;
  const Json& value = training->value;
  const bool on =
      (value.is_bool() && value.boolean()) || (value.is_number() && value.number() != 0);
  if (on)
    layer.unsupported("called with training=True: the model asks for randomness at inference");
}

namespace {

// A model's mask argument: one mask, or one for each input (None among them).
void give_masks(Layer& layer) {
  const Operand* mask = layer.argument("mask");
  if (mask == nullptr || !is_set(*mask)) return;
  if (mask->kind == Argument::Kind::tensor) {
    if (!layer.inputs.empty()) layer.inputs[0].mask = mask->tensor.value;
    return;
  }
  if (mask->items.size() != layer.inputs.size())
    layer.unsupported("a structure of masks unlike that of the inputs");
  for (std::size_t i = 0; i < mask->items.size(); ++i) {
    const Operand& item = mask->items[i];
    layer.inputs[i].mask = item.kind == Argument::Kind::tensor ? item.tensor.value : kNoValue;
  }
}

}  // namespace

namespace {

// Nothing computes on ragged tensors: they go out of the model as they are.
void refuse_ragged(const Layer& layer) {
  std::vector<MaskedValue> tensors = layer.inputs;
  for (const Operand& operand : layer.args) flatten(operand, tensors);
  for (const auto& [key, operand] : layer.kwargs) flatten(operand, tensors);
  if (std::any_of(tensors.begin(), tensors.end(),
                  [](const MaskedValue& tensor) { return tensor.is_ragged(); })) {
    layer.unsupported(
        "takes a ragged tensor, which can only be an output of the model: write it with "
        "ragged=False, which fills rows up with zeros");
  }
}

}  // namespace

Outputs ImportContext::import_layer(Layer layer) {
  Outputs outputs;
  const TableRow* row = find_row(layer.config);
  g_.set_scope(layer.name, layer.title());
  try {
    refuse_training(layer);
    if (layer.config.model) {
      give_masks(layer);  // otherwise masks travel with the tensors
      bool poisoned = false;
      outputs.values = import_model(layer.config, layer.name, layer.path, &layer.inputs, poisoned);
      outputs.poisoned = poisoned;
      return outputs;
    }
    refuse_ragged(layer);
    if (layer.config.operation && find_operation(layer.class_name()) != nullptr)
      return import_operation(layer, g_);
    if (row == nullptr) {  // collected before
      outputs.poisoned = true;
      return outputs;
    }
    if (!row->own_arguments && layer.config.custom == nullptr) {
      name_arguments(layer);
      check_arguments(layer);
    }
    layer.policy = policy_of(layer.config, layer.writer);
    if (row->autocast && is_floating(layer.policy.compute)) {
      for (MaskedValue& input : layer.inputs) {
        if (is_floating(g_.dtype(input.value)))
          input.value = g_.cast(input.value, layer.policy.compute);
      }
    }
    Weights weights(*this, layer);
    outputs = row->import(layer, weights, g_);
    if (row->mask == MaskRule::pass) {
      for (MaskedValue& value : outputs.values) value.mask = layer.mask();
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unimplemented) {
      // What shared helpers find does not say where.
      if (std::string_view(error.what()).find("layer '") != std::string_view::npos) throw;
      fail(error.code(), "{}: {}", layer.title(), error.what());
    }
    unsupported_.push_back({layer.config.file_class, layer.name, error.what()});
    outputs = {};
    outputs.poisoned = true;
  }
  return outputs;
}

void ImportContext::record(const LayerConfig& layer, const std::string& name,
                           const std::string& path, const Outputs& outputs,
                           const std::vector<std::string>& feeds) {
  if (layer.synthetic || outputs.poisoned) return;
  const auto [position, fresh] = info_index_.emplace(name, infos_.size());
  if (fresh) {
    LayerInfo info;
    info.name = name;
    info.class_name = layer.file_class;
    info.trainable = layer.trainable;
    info.parameters = layer.operation ? 0 : store_.elements_below(path);
    for (const MaskedValue& value : outputs.values)
      info.output_shapes.push_back(g_.shape(value.value));
    infos_.push_back(std::move(info));
  }
  LayerInfo& info = infos_[position->second];
  for (const std::string& feed : feeds) {
    if (std::find(info.inputs.begin(), info.inputs.end(), feed) == info.inputs.end())
      info.inputs.push_back(feed);
  }
}

namespace {

void order_names(const LayerConfig& layer, const std::string& prefix,
                 std::vector<std::string>& names) {
  if (!layer.model) {
    names.push_back(prefix);
    return;
  }
  for (const LayerConfig& child : layer.model->layers)
    order_names(child, scoped(prefix, child.name), names);
}

}  // namespace

std::vector<LayerInfo> ImportContext::layer_infos() const {
  std::vector<std::string> names;
  order_names(model_.root, "", names);
  std::vector<LayerInfo> infos;
  for (const std::string& name : names) {
    if (const auto found = info_index_.find(name); found != info_index_.end())
      infos.push_back(infos_[found->second]);
  }
  return infos;
}

void ImportContext::import_root() {
  const ModelConfig& model = *model_.root.model;
  bool poisoned = false;
  const std::vector<MaskedValue> outputs = import_model(model_.root, "", "", nullptr, poisoned);
  if (poisoned) return;
  std::map<std::string, int> counts;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const TensorRef& tensor = model.outputs[std::min(i, model.outputs.size() - 1)];
    const std::string& layer = model.layers[tensor.layer].name;
    const int count = counts[layer]++;
    const std::string name = count == 0 ? layer : fmt::format("{}_{}", layer, count);
    if (!outputs[i].is_ragged()) {
      g_.output(name, outputs[i].value);
      continue;
    }
    g_.output(name + "/values", outputs[i].value);
    g_.output(name + "/row_splits", outputs[i].splits);
  }
}

}  // namespace thaw::keras
