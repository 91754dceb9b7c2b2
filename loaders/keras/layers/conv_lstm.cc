// ConvLSTM of one to three dimensions.
#include "loaders/keras/layers/conv_lstm.h"

#include "loaders/keras/activations.h"
#include "loaders/keras/layers/recurrent.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using Ints = std::vector<std::int64_t>;

// Channels from behind `front` axes to the end, and back.
ValueId channels_last_behind(ValueId x, int front, GraphBuilder& g) {
  Ints order;
  const int rank = g.shape(x).rank();
  for (int axis = 0; axis < rank; ++axis) {
    if (axis != front) order.push_back(axis);
  }
  order.push_back(front);
  return g.transpose(x, order);
}

ValueId channels_first_behind(ValueId x, int front, GraphBuilder& g) {
  Ints order;
  const int rank = g.shape(x).rank();
  for (int axis = 0; axis + 1 < rank; ++axis) order.push_back(axis);
  order.insert(order.begin() + front, rank - 1);
  return g.transpose(x, order);
}

ops::ConvLstm op_of(const Layer& layer, int rank) {
  ops::ConvLstm op;
  op.strides = layer.sizes("strides", rank, 1);
  op.dilations = layer.sizes("dilation_rate", rank, 1);
  const std::string padding = layer.text("padding", "valid");
  if (padding != "valid" && padding != "same")
    layer.unsupported(fmt::format("padding={}", printable(padding)));
  op.padding.kind = padding == "same" ? PaddingKind::same : PaddingKind::valid;
  op.activation = scalar_activation(layer, "activation", "tanh");
  op.recurrent_activation =
      scalar_activation(layer, "recurrent_activation", layer.keras3() ? "sigmoid" : "hard_sigmoid");
  op.return_sequences = layer.flag("return_sequences", false);
  op.go_backwards = layer.flag("go_backwards", false);
  op.has_bias = layer.flag("use_bias", true);
  return op;
}

// The kernels lie under "cell".
std::vector<ValueId> cell_weights(const Layer& layer, Weights& weights, const ops::ConvLstm& op,
                                  std::int64_t channels) {
  const std::int64_t filters = layer.integer("filters");
  if (filters <= 0) layer.bad(fmt::format("filters is {}", filters));
  if (!layer.has("kernel_size")) layer.bad("kernel_size is missing");
  const int rank = static_cast<int>(op.strides.size());
  const auto shape = [&](std::int64_t depth) {
    Ints dims = layer.sizes("kernel_size", rank, 1);
    dims.push_back(depth);
    dims.push_back(4 * filters);
    return Shape(std::move(dims));
  };
  std::vector<ValueId> operands{weights.get("cell/kernel", shape(channels)),
                                weights.get("cell/recurrent_kernel", shape(filters))};
  if (op.has_bias) operands.push_back(weights.get("cell/bias", {4 * filters}));
  return operands;
}

// The two states of a stateful layer, channels last.
std::vector<VariableId> state_variables(const Layer& layer, Weights& weights, const Shape& shape) {
  if (!shape.is_static()) {
    layer.bad(
        fmt::format("a stateful layer needs a known state, this one's is {}", shape.to_string()));
  }
  return {weights.state("state_0", layer.policy.variable, shape),
          weights.state("state_1", layer.policy.variable, shape)};
}

// The shape of a state, as inference sees it.
Shape state_shape(const ops::ConvLstm& op, ValueId x, const std::vector<ValueId>& weights,
                  GraphBuilder& g) {
  const Shape &frames = g.shape(x), &kernel = g.shape(weights[0]);
  const int rank = static_cast<int>(op.strides.size());
  Ints dims{frames[0]};
  for (int i = 0; i < rank; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t size = frames[i + 2];
    const std::int64_t span =
        op.padding.kind == PaddingKind::same ? 1 : (kernel[i] - 1) * op.dilations[at] + 1;
    dims.push_back(size == kUnknownDim ? size : (size - span + op.strides[at]) / op.strides[at]);
  }
  dims.push_back(g.shape(weights[1])[rank]);
  return Shape(std::move(dims));
}

// The initial states, channels last; empty: zeros. Fills `variables` of a stateful layer.
std::vector<ValueId> initial_states(const Layer& layer, Weights& weights, const RecurrentCall& call,
                                    const Shape& shape, std::vector<VariableId>& variables,
                                    GraphBuilder& g) {
  if (!call.states.empty() && call.states.size() != 2)
    layer.bad(fmt::format("expected 2 initial states, got {}", call.states.size()));
  std::vector<ValueId> states;
  for (ValueId state : call.states) {
    layer.expect_rank(g, state, shape.rank());
    const ValueId last = layer.channels_first() ? channels_last_behind(state, 1, g) : state;
    states.push_back(computed(layer, last, g));
  }
  if (!layer.flag("stateful", false)) return states;
  variables = state_variables(layer, weights, shape);
  std::vector<ValueId> recorded;
  for (VariableId variable : variables)
    recorded.push_back(computed(layer, g.add1(ops::VariableRead{variable}, {}), g));
  if (states.empty()) return recorded;
  if (!layer.keras3()) prefer_recorded(states, recorded, g);
  return states;
}

// Keras spreads a mask of pixels over the picture a second time, and fails on the sizes it gets.
ValueId step_mask(const Layer& layer, ValueId mask, GraphBuilder& g) {
  if (mask == kNoValue) return mask;
  if (!g.shape(mask).has_rank() || g.shape(mask).rank() != 2) {
    layer.unsupported(
        fmt::format("a mask of shape {}: of pixels instead of steps, which Keras "
                    "cannot run either",
                    g.shape(mask).to_string()));
  }
  return g.cast(mask, DType::boolean);
}

// Keras 3's Bidirectional asks for zeros where a step is masked. y is in processing order.
ValueId without_masked(const ops::ConvLstm& op, ValueId y, ValueId mask, GraphBuilder& g) {
  if (op.go_backwards) mask = g.reverse(mask, 1);
  ops::ExpandDims expand;
  for (int axis = 2; axis < g.shape(y).rank(); ++axis) expand.axes.push_back(axis);
  return g.select(g.add1(std::move(expand), {mask}), y, g.scalar(0, g.dtype(y)));
}

}  // namespace

Outputs conv_lstm(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const int rank = spatial_rank(layer);
  const bool channels_first = layer.channels_first();
  const RecurrentCall call = recurrent_call(layer, g);
  ValueId x = call.sequence.value;
  layer.expect_rank(g, x, rank + 3);
  if (channels_first) x = channels_last_behind(x, 2, g);
  ops::ConvLstm op = op_of(layer, rank);
  std::vector<ValueId> operands = cell_weights(layer, weights, op, known_dim(layer, g, x, -1));
  const Shape shape = state_shape(op, x, operands, g);
  operands.insert(operands.begin(), x);
  const ValueId mask = step_mask(layer, call.mask, g);
  op.has_mask = mask != kNoValue;
  if (op.has_mask) operands.push_back(mask);
  std::vector<VariableId> variables;
  const std::vector<ValueId> states = initial_states(layer, weights, call, shape, variables, g);
  op.has_state = !states.empty();
  operands.insert(operands.end(), states.begin(), states.end());
  const std::vector<ValueId> results = g.add(op, operands, 3);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    g.add(ops::VariableAssign{variables[i]}, {g.cast(results[i + 1], layer.policy.variable)}, 0);
  }
  ValueId y = results[0];
  const bool zero = layer.keras3() && layer.flag("zero_output_for_mask", false);
  if (zero && op.return_sequences && op.has_mask) y = without_masked(op, y, mask, g);
  if (channels_first) y = channels_first_behind(y, op.return_sequences ? 2 : 1, g);
  std::vector<MaskedValue> outputs{{y, op.return_sequences ? call.sequence.mask : kNoValue}};
  if (layer.flag("return_state", false)) {
    for (std::size_t i = 1; i < 3; ++i)
      outputs.push_back({channels_first ? channels_first_behind(results[i], 1, g) : results[i]});
  }
  return outputs;
}

}  // namespace thaw::keras
