// conv -> mul -> add (what BatchNormalization is at inference) becomes conv with other weights and
// bias.
#include <cmath>

#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

/// y = scale * x + offset, per channel.
struct Affine {
  std::vector<double> scale, offset;
  bool scaled = false;        // more than an offset
  std::vector<NodeId> nodes;  // the elementwise nodes that are it, in order
  ValueId result = -1;        // of the last one
};

/// Adds one elementwise node to the affine function. False if it is none.
bool extend(const Graph& graph, NodeId id, std::int64_t channels, Affine& affine) {
  const Node& node = node_at(graph, id);
  const auto* binary = std::get_if<ops::Binary>(&node.op);
  if (binary == nullptr || node.inputs[0] == node.inputs[1]) return false;
  const Tensor* constant = channel_constant(graph, node, affine.result, channels);
  if (constant == nullptr) return false;
  const bool reversed = binary->kind == BinaryKind::sub && node.inputs[1] == affine.result;
  const std::vector<double> values = to_doubles(*constant);
  for (std::size_t i = 0; i < affine.scale.size(); ++i) {
    const double value = values[values.size() == 1 ? 0 : i];
    switch (binary->kind) {
      case BinaryKind::mul:
        affine.scale[i] *= value;
        affine.offset[i] *= value;
        break;
      case BinaryKind::add: affine.offset[i] += value; break;
      case BinaryKind::sub:
        if (reversed) affine.scale[i] = -affine.scale[i];  // constant - x
        affine.offset[i] = reversed ? value - affine.offset[i] : affine.offset[i] - value;
        break;
      default: return false;
    }
  }
  affine.scaled = affine.scaled || binary->kind == BinaryKind::mul || reversed;
  affine.nodes.push_back(id);
  affine.result = node.outputs[0];
  return true;
}

/// The longest chain of single-use elementwise nodes behind the linear node.
Affine affine_behind(const Graph& graph, const LinearNode& linear,
                     const std::vector<NodeId>& single_user) {
  const auto channels = static_cast<std::size_t>(linear.channels);
  Affine affine;
  affine.scale.assign(channels, 1);
  affine.offset.assign(channels, 0);
  affine.result = node_at(graph, linear.node).outputs[0];
  for (;;) {
    const NodeId user = single_user[static_cast<std::size_t>(affine.result)];
    Affine longer = affine;
    if (user == kNoNode || !extend(graph, user, linear.channels, longer)) return affine;
    affine = std::move(longer);
  }
}

/// The weights times their channel's scale; empty if rounding would lose what the scale kept: a
/// result that is no longer finite, or a channel whose weights all leave the normal range.
Tensor scaled_weights(const LinearNode& linear, const std::vector<double>& scale) {
  const Tensor& weights = *linear.weights;
  std::vector<double> values = to_doubles(weights);
  std::size_t inner = 1;  // elements between two steps along the channel axis
  for (int i = linear.weight_axis + 1; i < weights.shape().rank(); ++i) {
    inner *= static_cast<std::size_t>(weights.shape()[i]);
  }
  std::vector<double> before(scale.size(), 0), largest(scale.size(), 0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t channel = i / inner % scale.size();
    before[channel] = std::fmax(before[channel], std::abs(values[i]));
    values[i] *= scale[channel];
    largest[channel] = std::fmax(largest[channel], std::abs(values[i]));
  }
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const bool vanishes =
        before[c] != 0 && scale[c] != 0 && largest[c] < smallest_normal(weights.dtype());
    if (vanishes) return {};
  }
  Tensor scaled = from_doubles(weights.dtype(), weights.shape(), values);
  for (const double value : to_doubles(scaled)) {
    if (!std::isfinite(value)) return {};
  }
  return scaled;
}

Tensor folded_bias(const LinearNode& linear, const Affine& affine) {
  std::vector<double> values = affine.offset;
  if (linear.bias != nullptr) {
    const std::vector<double> bias = to_doubles(*linear.bias);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += bias[i] * affine.scale[i];
  }
  Tensor rounded = from_doubles(linear.weights->dtype(), Shape{linear.channels}, values);
  for (const double value : to_doubles(rounded)) {
    if (!std::isfinite(value)) return {};
  }
  return rounded;
}

bool fold(Graph& graph, const LinearNode& linear, const Affine& affine) {
  if (!affine.scaled || linear.channels == 0) return false;
  Tensor weights = scaled_weights(linear, affine.scale);
  Tensor bias = folded_bias(linear, affine);
  if (weights.empty() || bias.empty()) return false;

  const std::string name = node_at(graph, linear.node).name;
  const ValueId new_weights = append_constant(graph, std::move(weights), name + "/folded_weights");
  const ValueId new_bias = append_constant(graph, std::move(bias), name + "/folded_bias");
  Node& node = node_at(graph, linear.node);  // only now: appending moves nodes
  node.inputs[1] = new_weights;
  node.inputs.resize(static_cast<std::size_t>(linear.bias_operand));
  node.inputs.push_back(new_bias);
  replace_uses(graph, affine.result, node.outputs[0]);
  for (const NodeId id : affine.nodes) empty_node(graph, id);
  return true;
}

}  // namespace

bool fold_batch_norm(Graph& graph) {
  bool changed = false;
  const std::vector<NodeId> single_user = single_users(graph);
  const std::size_t count = graph.nodes.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto linear = linear_node(graph, static_cast<NodeId>(i));
    if (!linear) continue;
    const Affine affine = affine_behind(graph, *linear, single_user);
    changed = fold(graph, *linear, affine) || changed;
  }
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);  // the weights that were replaced
  }
  return for_subgraphs(graph, fold_batch_norm) || changed;
}

}  // namespace thaw
