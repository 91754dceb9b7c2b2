// Bidirectional and TimeDistributed.
#include <algorithm>

#include "loaders/keras/layers/recurrent.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// Wrapped recurrent layers hold cells at most, no models.
LayerConfig copy_of(const LayerConfig& layer) {
  LayerConfig copy;
  copy.class_name = layer.class_name;
  copy.file_class = layer.file_class;
  copy.module = layer.module;
  copy.name = layer.name;
  copy.trainable = layer.trainable;
  copy.config = layer.config;
  for (const auto& [attribute, inner] : layer.inner)
    copy.inner.emplace_back(attribute, copy_of(inner));
  return copy;
}

// The same layer with one argument changed.
LayerConfig with_argument(const LayerConfig& layer, const char* key, Json value) {
  LayerConfig copy = copy_of(layer);
  Json::Object members;
  if (layer.config.is_object()) members = layer.config.object();
  std::erase_if(members, [&](const auto& member) { return member.first == key; });
  members.emplace_back(key, std::move(value));
  copy.config = Json(std::move(members));
  return copy;
}

bool flag_of(const LayerConfig& layer, const char* key) {
  const Json* value = layer.config.find(key);
  return value != nullptr && value->is_bool() && value->boolean();
}

bool is_recurrent(const LayerConfig& layer) {
  const std::string& name = layer.class_name;
  return name == "LSTM" || name == "GRU" || name == "SimpleRNN" || name == "RNN" ||
         name == "CuDNNLSTM" || name == "CuDNNGRU" || name.starts_with("ConvLSTM");
}

std::vector<std::pair<std::string, Operand>> direction_arguments(const RecurrentCall& call,
                                                                 bool explicit_mask,
                                                                 std::size_t begin,
                                                                 std::size_t end) {
  std::vector<std::pair<std::string, Operand>> kwargs;
  if (explicit_mask && call.mask != kNoValue) {
    Operand mask;
    mask.kind = Argument::Kind::tensor;
    mask.tensor.value = call.mask;
    kwargs.emplace_back("mask", std::move(mask));
  }
  if (begin == end) return kwargs;
  Operand states;
  states.kind = Argument::Kind::list;
  for (std::size_t i = begin; i < end; ++i) {
    Operand state;
    state.kind = Argument::Kind::tensor;
    state.tensor.value = call.states[i];
    states.items.push_back(std::move(state));
  }
  kwargs.emplace_back("initial_state", std::move(states));
  return kwargs;
}

ValueId merged(const Layer& layer, const std::string& mode, ValueId y, ValueId reverse,
               GraphBuilder& g) {
  if (mode == "concat") return g.concat({y, reverse}, -1);
  if (mode == "sum") return g.binary(BinaryKind::add, y, reverse);
  if (mode == "mul") return g.binary(BinaryKind::mul, y, reverse);
  if (mode == "ave") {
    const ValueId sum = g.binary(BinaryKind::add, y, reverse);
    return g.binary(BinaryKind::div, sum, g.scalar(2, g.dtype(sum)));
  }
  layer.unsupported(fmt::format("merge_mode={}", printable(mode)));
}

}  // namespace

void bidirectional_variables(VariableList& variables) {
  const LayerConfig* forward = variables.layer().inner_layer("layer");
  const LayerConfig* backward = variables.layer().inner_layer("backward_layer");
  if (forward == nullptr) return;
  variables.inner("forward_layer", *forward);
  variables.inner("backward_layer", backward != nullptr ? *backward : *forward);
}

Outputs bidirectional(const Layer& layer, Weights&, GraphBuilder& g) {
  const LayerConfig* inner = layer.config.inner_layer("layer");
  if (inner == nullptr) layer.bad("the wrapped layer is missing");
  const LayerConfig* given = layer.config.inner_layer("backward_layer");
  for (const LayerConfig* wrapped : {inner, given}) {
    if (wrapped != nullptr && !is_recurrent(*wrapped)) {
      layer.unsupported(fmt::format("wrapped layer of class {}", printable(wrapped->file_class)));
    }
  }
  const bool sequences = flag_of(*inner, "return_sequences"),
             states = flag_of(*inner, "return_state");
  // Keras 3 and tf.keras output zeros at masked steps of sequences; stand-alone Keras repeated the
  // step before.
  const bool zero = sequences && (layer.keras3() || layer.writer.tf_keras);
  LayerConfig forward = with_argument(*inner, "zero_output_for_mask", Json(zero));
  LayerConfig backward =
      with_argument(given != nullptr ? *given : *inner, "zero_output_for_mask", Json(zero));
  if (given == nullptr)
    backward = with_argument(backward, "go_backwards", Json(!flag_of(*inner, "go_backwards")));
  if (flag_of(forward, "go_backwards") == flag_of(backward, "go_backwards")) {
    layer.bad("both wrapped layers run in the same direction");
  }
  if (flag_of(backward, "return_sequences") != sequences ||
      flag_of(backward, "return_state") != states) {
    layer.bad("the wrapped layers differ in return_sequences or return_state");
  }
  if (!forward.name.starts_with("forward_")) forward.name = "forward_" + forward.name;
  if (!backward.name.starts_with("backward_")) backward.name = "backward_" + backward.name;

  const RecurrentCall call = recurrent_call(layer, g);
  if (call.states.size() % 2 != 0) layer.bad("an odd number of initial states");
  const std::size_t half = call.states.size() / 2;
  // Keras 3 gives its own mask on by name, older versions theirs always.
  const bool hand_mask = call.mask != kNoValue;
  const Outputs y = layer.import_inner(forward, "forward_layer", {call.sequence},
                                       direction_arguments(call, hand_mask, 0, half));
  const Outputs r = layer.import_inner(backward, "backward_layer", {call.sequence},
                                       direction_arguments(call, hand_mask, half, 2 * half));
  Outputs outputs;
  if (y.poisoned || r.poisoned) {
    outputs.poisoned = true;
    return outputs;
  }
  ValueId reverse = r.values[0].value;
  if (sequences) reverse = g.reverse(reverse, flag_of(forward, "time_major") ? 0 : 1);
  const ValueId mask = sequences ? call.sequence.mask : kNoValue;
  const bool separate =
      layer.config.config.find("merge_mode") != nullptr && !layer.has("merge_mode");
  if (separate) {
    outputs.values = {{y.values[0].value, mask}, {reverse, mask}};
  } else {
    outputs.values = {
        {merged(layer, layer.text("merge_mode", "concat"), y.values[0].value, reverse, g), mask}};
  }
  if (states) {
    outputs.values.insert(outputs.values.end(), y.values.begin() + 1, y.values.end());
    outputs.values.insert(outputs.values.end(), r.values.begin() + 1, r.values.end());
  }
  return outputs;
}

namespace {

bool any_stateful(const LayerConfig& layer) {
  if (flag_of(layer, "stateful")) return true;
  for (const auto& [attribute, inner] : layer.inner) {
    if (any_stateful(inner)) return true;
  }
  if (!layer.model) return false;
  return std::any_of(layer.model->layers.begin(), layer.model->layers.end(), any_stateful);
}

// [B, T, ...] -> [B T, ...]
ValueId steps_to_batch(ValueId x, GraphBuilder& g) {
  const Shape& shape = g.shape(x);
  const bool known = shape[0] != kUnknownDim && shape[1] != kUnknownDim;
  std::vector<std::int64_t> dims{known ? shape[0] * shape[1] : -1};
  for (int axis = 2; axis < shape.rank(); ++axis) dims.push_back(GraphBuilder::dim_of(axis));
  return g.reshape(x, dims);
}

// [B T, ...] -> [B, T, ...], B and T from `source`.
ValueId batch_to_steps(ValueId y, ValueId source, GraphBuilder& g) {
  const Shape& shape = g.shape(y);
  std::vector<std::int64_t> dims{GraphBuilder::dim_of(0), GraphBuilder::dim_of(1)}, rest;
  bool known = true;
  for (int axis = 1; axis < shape.rank(); ++axis) {
    known = known && shape[axis] != kUnknownDim;
    dims.push_back(shape[axis]);
    rest.push_back(GraphBuilder::dim_of(axis));
  }
  if (known) return g.reshape_like(y, source, dims);
  const ValueId front = g.dims(source, {GraphBuilder::dim_of(0), GraphBuilder::dim_of(1)});
  return g.add1(ops::Reshape{}, {y, g.concat({front, g.dims(y, rest)}, 0)});
}

bool takes_mask(const LayerConfig& layer) {
  const std::string& name = layer.class_name;
  return layer.model || is_recurrent(layer) || name == "Bidirectional" || name == "Softmax" ||
         name == "TimeDistributed" || name == "GlobalAveragePooling1D";
}

constexpr std::int64_t kMaxSteps = 65536;

// Keras 3 runs a known number of steps one by one: a stateful layer goes on from where the step
// before left it.
Outputs step_by_step(const Layer& layer, const LayerConfig& inner, GraphBuilder& g) {
  if (!layer.keras3())
    layer.unsupported("a stateful layer inside TimeDistributed, which tf.keras cannot run either");
  const Shape shape = layer.inputs.empty() ? Shape{} : g.shape(layer.inputs[0].value);
  if (!shape.has_rank() || shape.rank() < 3 || shape[1] == kUnknownDim || shape[1] > kMaxSteps)
    layer.unsupported("a stateful layer inside TimeDistributed over an unknown number of steps");
  const ValueId mask = takes_mask(inner) ? layer.mask() : kNoValue;
  const auto step_of = [&](ValueId x, std::int64_t step) {
    return g.squeeze(g.slice_axis(x, 1, step, step + 1), 1);
  };
  std::vector<std::vector<ValueId>> steps;  // by output
  for (std::int64_t step = 0; step < shape[1]; ++step) {
    std::vector<MaskedValue> inputs;
    for (const MaskedValue& input : layer.inputs) inputs.push_back({step_of(input.value, step)});
    if (mask != kNoValue) inputs[0].mask = step_of(mask, step);
    const Outputs results = layer.import_inner(inner, "layer", inputs);
    if (results.poisoned) return results;
    steps.resize(results.values.size());
    for (std::size_t i = 0; i < steps.size(); ++i) steps[i].push_back(results.values[i].value);
  }
  Outputs outputs;
  for (const std::vector<ValueId>& values : steps)
    outputs.values.push_back({g.add1(ops::Stack{1}, values), layer.mask()});
  return outputs;
}

}  // namespace

void wrapped_variables(VariableList& variables) {
  if (const LayerConfig* inner = variables.layer().inner_layer("layer"))
    variables.inner("layer", *inner);
}

// Every step is one more sample of the wrapped layer.
Outputs time_distributed(const Layer& layer, Weights&, GraphBuilder& g) {
  const LayerConfig* inner = layer.config.inner_layer("layer");
  if (inner == nullptr) layer.bad("the wrapped layer is missing");
  if (any_stateful(*inner)) return step_by_step(layer, *inner, g);
  const ValueId mask = layer.mask();
  std::vector<MaskedValue> inputs = layer.inputs;
  if (inputs.empty()) layer.bad("called without an input");
  // Stand-alone Keras ran the steps of a fixed batch size one by one, without masks.
  bool by_steps = false;
  for (MaskedValue& input : inputs) {
    const Shape& shape = g.shape(input.value);
    if (!shape.has_rank() || shape.rank() < 3) {
      layer.bad(
          fmt::format("expected an input of at least 3 dimensions, got {}", shape.to_string()));
    }
    by_steps = by_steps || (!layer.keras3() && !layer.writer.tf_keras && shape[0] != kUnknownDim);
    input.value = steps_to_batch(input.value, g);
    input.mask = kNoValue;
  }
  if (mask != kNoValue && !by_steps && (!layer.keras3() || takes_mask(*inner)))
    inputs[0].mask = steps_to_batch(mask, g);
  const Outputs results = layer.import_inner(*inner, "layer", inputs);
  Outputs outputs;
  outputs.poisoned = results.poisoned;
  for (const MaskedValue& result : results.values) {
    MaskedValue output{batch_to_steps(result.value, layer.inputs[0].value, g)};
    if (layer.keras3()) {
      output.mask = mask;
    } else if (result.has_mask()) {
      output.mask = batch_to_steps(result.mask, layer.inputs[0].value, g);
    } else if (mask != kNoValue) {
      std::vector<std::int64_t> axes;
      for (int axis = 2; axis < g.shape(mask).rank(); ++axis) axes.push_back(axis);
      output.mask = axes.empty() ? mask : g.reduce(ReduceKind::any, mask, axes, false);
    }
    outputs.values.push_back(output);
  }
  return outputs;
}

}  // namespace thaw::keras
