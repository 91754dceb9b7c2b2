// SimpleRNN, LSTM, GRU, RNN over cells and stacks of cells, the cuDNN layers of Keras 2.
#include "loaders/keras/layers/recurrent.h"

#include <algorithm>

#include "loaders/keras/activations.h"
#include "loaders/keras/import.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

bool kind_of(const std::string& class_name, CellKind& kind) {
  if (class_name == "LSTM" || class_name == "CuDNNLSTM" || class_name == "LSTMCell") {
    kind = CellKind::lstm;
  } else if (class_name == "GRU" || class_name == "CuDNNGRU" || class_name == "GRUCell") {
    kind = CellKind::gru;
  } else if (class_name == "SimpleRNN" || class_name == "SimpleRNNCell") {
    kind = CellKind::simple;
  } else {
    return false;
  }
  return true;
}

bool is_cudnn(const Layer& layer) { return layer.class_name().starts_with("CuDNN"); }

std::int64_t gates(CellKind kind) {
  return kind == CellKind::lstm ? 4 : kind == CellKind::gru ? 3 : 1;
}
std::size_t state_count(CellKind kind) { return kind == CellKind::lstm ? 2 : 1; }

ops::Rnn cell_op(const Cell& cell) {
  const Layer& layer = cell.layer;
  ops::Rnn op;
  op.cell = cell.kind;
  op.activation = scalar_activation(layer, "activation", "tanh");
  // Stand-alone Keras had hard_sigmoid where today's default is sigmoid; cuDNN knows sigmoid only.
  const bool hard = layer.writer.major < 3 && !layer.writer.tf_keras && !is_cudnn(layer);
  if (cell.kind != CellKind::simple) {
    op.recurrent_activation =
        scalar_activation(layer, "recurrent_activation", hard ? "hard_sigmoid" : "sigmoid");
  }
  op.reset_after = is_cudnn(layer) || layer.flag("reset_after", layer.keras3());
  op.has_bias = layer.flag("use_bias", true);
  return op;
}

// kernel, recurrent kernel, bias.
std::vector<ValueId> cell_weights(const Cell& cell, const ops::Rnn& op, std::int64_t features,
                                  GraphBuilder&) {
  const Layer& layer = cell.layer;
  Weights weights(layer.context, layer);
  const std::int64_t units = layer.integer("units");
  const std::int64_t width = units * gates(cell.kind);
  std::vector<ValueId> operands{weights.get("kernel", {features, width}),
                                weights.get("recurrent_kernel", {units, width})};
  if (op.has_bias) {
    const bool two_rows = cell.kind == CellKind::gru && op.reset_after;
    operands.push_back(weights.get("bias", two_rows ? Shape{2, width} : Shape{width}));
  }
  return operands;
}

// [B, T], true = keep.
ValueId time_mask(const Layer& layer, ValueId mask, bool time_major, GraphBuilder& g) {
  if (mask == kNoValue) return kNoValue;
  mask = g.cast(mask, DType::boolean);
  if (g.shape(mask).rank() == 3 && g.shape(mask)[2] == 1) mask = g.squeeze(mask, 2);
  if (g.shape(mask).rank() != 2) {
    layer.unsupported(fmt::format("a mask of shape {}", g.shape(mask).to_string()));
  }
  return time_major ? g.transpose(mask, {1, 0}) : mask;
}

struct States {
  std::vector<ValueId> initial;       // one per state of all cells; empty: zeros
  std::vector<VariableId> variables;  // of stateful layers
};

States initial_states(const Layer& layer, const std::vector<Cell>& cells, const RecurrentCall& call,
                      bool time_major, GraphBuilder& g) {
  States states;
  const DType dtype = cells[0].layer.policy.compute;
  std::size_t count = 0;
  for (const Cell& cell : cells) count += state_count(cell.kind);
  if (!call.states.empty() && call.states.size() != count) {
    layer.bad(fmt::format("expected {} initial states, got {}", count, call.states.size()));
  }
  for (ValueId state : call.states) states.initial.push_back(g.cast(state, dtype));
  if (!layer.flag("stateful", false)) return states;
  const std::int64_t batch = g.shape(call.sequence.value)[time_major ? 1 : 0];
  if (batch == kUnknownDim) layer.bad("a stateful layer needs a batch size");
  Weights weights(layer.context, layer);
  std::vector<ValueId> recorded;
  for (const Cell& cell : cells) {
    for (std::size_t i = 0; i < state_count(cell.kind); ++i) {
      const VariableId variable =
          weights.state(fmt::format("state_{}", states.variables.size()), layer.policy.variable,
                        {batch, cell.layer.integer("units")});
      states.variables.push_back(variable);
      recorded.push_back(g.cast(g.add1(ops::VariableRead{variable}, {}), dtype));
    }
  }
  if (states.initial.empty()) {
    states.initial = recorded;
  } else if (!layer.keras3()) {
    prefer_recorded(states.initial, recorded, g);
  }
  return states;
}

Cell inner_cell(const Layer& layer, const LayerConfig& config, const std::string& path) {
  Cell cell{Layer{
      config, layer.name + "/" + config.name, path, layer.writer, {}, {}, {}, {}, layer.context}};
  if (!kind_of(config.class_name, cell.kind)) {
    layer.unsupported(fmt::format("cell of class {}", printable(config.file_class)));
  }
  cell.layer.policy = policy_of(config, layer.writer);
  return cell;
}

// Canonical paths of stacked cells: cells/lstm_cell, cells/lstm_cell_1, ...
std::vector<std::string> stacked_paths(const LayerConfig& stack) {
  std::vector<std::string> paths, seen;
  for (const auto& [attribute, cell] : stack.inner) {
    const std::string name = to_snake_case(cell.file_class);
    const auto repeats = std::count(seen.begin(), seen.end(), name);
    seen.push_back(name);
    paths.push_back("cells/" + name + (repeats == 0 ? "" : "_" + std::to_string(repeats)));
  }
  return paths;
}

}  // namespace

void prefer_recorded(std::vector<ValueId>& given, const std::vector<ValueId>& recorded,
                     GraphBuilder& g) {
  ValueId any = kNoValue;
  for (ValueId state : recorded) {
    std::vector<std::int64_t> axes;
    for (int axis = 0; axis < g.shape(state).rank(); ++axis) axes.push_back(axis);
    const ValueId zero = g.scalar(0, g.dtype(state));
    const ValueId nonzero =
        g.reduce(ReduceKind::any, g.binary(BinaryKind::not_equal, state, zero), axes, false);
    any = any == kNoValue ? nonzero : g.binary(BinaryKind::logical_or, any, nonzero);
  }
  for (std::size_t i = 0; i < given.size(); ++i) given[i] = g.select(any, recorded[i], given[i]);
}

RecurrentCall recurrent_call(const Layer& layer, GraphBuilder& g) {
  RecurrentCall call;
  if (!layer.tensors("constants").empty() || layer.integer("num_constants", 0) != 0) {
    layer.unsupported("recurrent constants");
  }
  call.sequence = MaskedValue{layer.input(), layer.inputs[0].mask};
  std::vector<MaskedValue> states = layer.tensors("initial_state");
  if (states.empty() && layer.args.size() > 1) flatten(layer.args[1], states);
  if (states.empty()) states.assign(layer.inputs.begin() + 1, layer.inputs.end());
  for (const MaskedValue& state : states) call.states.push_back(state.value);
  call.mask = layer.mask();
  const bool explicit_mask = !layer.tensors("mask").empty();
  // Keras 3 hands an implicit mask on only where the sequence is the only tensor of the call.
  if (layer.keras3() && !states.empty() && !explicit_mask) call.mask = kNoValue;
  if (explicit_mask) call.sequence.mask = call.mask;
  call.sequence.value = computed(layer, call.sequence.value, g);
  return call;
}

Outputs run_cells(const Layer& layer, std::vector<Cell>& cells, const RecurrentCall& call,
                  GraphBuilder& g) {
  const bool time_major = layer.flag("time_major", false);
  const bool return_sequences = layer.flag("return_sequences", false);
  ValueId x = g.cast(call.sequence.value, cells[0].layer.policy.compute);
  layer.expect_rank(g, x, 3);
  ValueId mask = time_mask(layer, call.mask, time_major, g);
  const States states = initial_states(layer, cells, call, time_major, g);
  std::vector<ValueId> finals;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool last = i + 1 == cells.size();
    ops::Rnn op = cell_op(cells[i]);
    op.return_sequences = last ? return_sequences : true;
    // The first cell brings the steps into processing order.
    op.go_backwards = i == 0 && layer.flag("go_backwards", false);
    op.time_major = time_major;
    op.zero_output_for_mask = last && layer.flag("zero_output_for_mask", false);
    op.has_mask = mask != kNoValue;
    op.has_state = !states.initial.empty();
    std::vector<ValueId> operands{x};
    const std::vector<ValueId> weights = cell_weights(cells[i], op, known_dim(layer, g, x, -1), g);
    operands.insert(operands.end(), weights.begin(), weights.end());
    if (op.has_mask) operands.push_back(mask);
    const std::size_t count = state_count(cells[i].kind);
    for (std::size_t k = 0; op.has_state && k < count; ++k)
      operands.push_back(states.initial[finals.size() + k]);
    const bool reversed = op.go_backwards;
    const std::vector<ValueId> results =
        g.add(std::move(op), std::move(operands), static_cast<int>(1 + count));
    x = results[0];
    finals.insert(finals.end(), results.begin() + 1, results.end());
    if (reversed && mask != kNoValue && !last) mask = g.reverse(mask, 1);
  }
  for (std::size_t i = 0; i < states.variables.size(); ++i) {
    g.add(ops::VariableAssign{states.variables[i]}, {g.cast(finals[i], layer.policy.variable)}, 0);
  }
  std::vector<MaskedValue> outputs{
      {computed(layer, x, g), return_sequences ? call.sequence.mask : kNoValue}};
  if (layer.flag("return_state", false)) {
    for (ValueId state : finals) outputs.push_back({computed(layer, state, g)});
  }
  return outputs;
}

void cell_variables(VariableList& variables) {
  variables.add("kernel");
  variables.add("recurrent_kernel");
  if (variables.flag("use_bias", true)) variables.add("bias");
}

void recurrent_variables(VariableList& variables) {
  variables.add("cell/kernel");
  variables.add("cell/recurrent_kernel");
  if (variables.flag("use_bias", true)) variables.add("cell/bias");
}

Outputs recurrent(const Layer& layer, Weights&, GraphBuilder& g) {
  std::vector<Cell> cells{Cell{layer}};
  kind_of(layer.class_name(), cells[0].kind);
  cells[0].layer.path += "/cell";
  return run_cells(layer, cells, recurrent_call(layer, g), g);
}

void stacked_variables(VariableList& variables) {
  const std::vector<std::string> paths = stacked_paths(variables.layer());
  for (std::size_t i = 0; i < paths.size(); ++i)
    variables.inner(paths[i], variables.layer().inner[i].second);
}

void rnn_of_cells_variables(VariableList& variables) {
  if (const LayerConfig* cell = variables.layer().inner_layer("cell"))
    variables.inner("cell", *cell);
}

namespace {

// tf.keras turns the order of the states twice: only their sizes could tell, and with different
// ones it cannot run the stack.
void check_same_sizes(const Layer& layer, const LayerConfig& stack) {
  const Json* first = nullptr;
  for (const auto& [attribute, cell] : stack.inner) {
    const Json* units = cell.config.find("units");
    if (units == nullptr || (first != nullptr && units->dump() != first->dump()))
      layer.unsupported("reverse_state_order=True with cells of different sizes");
    first = units;
  }
}

// A stack's cells run one behind the other; stacks may hold stacks.
void add_cells(const Layer& layer, const LayerConfig& config, const std::string& path,
               std::vector<Cell>& cells) {
  if (config.class_name != "StackedRNNCells") {
    cells.push_back(inner_cell(layer, config, path));
    return;
  }
  const Json* reverse = config.config.find("reverse_state_order");
  if (reverse != nullptr && reverse->is_bool() && reverse->boolean())
    check_same_sizes(layer, config);
  const std::vector<std::string> paths = stacked_paths(config);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    add_cells(layer, config.inner[i].second, path + "/" + paths[i], cells);
  }
}

}  // namespace

Outputs rnn_of_cells(const Layer& layer, Weights&, GraphBuilder& g) {
  const LayerConfig* config = layer.config.inner_layer("cell");
  if (config == nullptr) layer.unsupported("a list of cells or a cell without configuration");
  std::vector<Cell> cells;
  add_cells(layer, *config, layer.path + "/cell", cells);
  if (cells.empty()) layer.bad("no cells");
  return run_cells(layer, cells, recurrent_call(layer, g), g);
}

// A cell is run by its RNN layer, never by itself.
Outputs lone_cell(const Layer& layer, Weights&, GraphBuilder&) {
  layer.unsupported("a cell called as a layer");
}

}  // namespace thaw::keras
