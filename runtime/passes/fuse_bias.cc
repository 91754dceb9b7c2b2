// conv -> add of a vector becomes conv with a bias operand.
#include <cmath>

#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

/// The constant as a [channels] vector, added to the bias that is there. Empty if that overflows.
Tensor summed_bias(const LinearNode& linear, const Tensor& constant) {
  const bool same_shape = constant.num_elements() == linear.channels;
  if (linear.bias == nullptr && same_shape) return constant.reshaped(Shape{linear.channels});
  std::vector<double> values = to_doubles(constant);
  if (!same_shape) values.assign(static_cast<std::size_t>(linear.channels), values[0]);
  if (linear.bias == nullptr) {
    return from_doubles(constant.dtype(), Shape{linear.channels}, values);
  }
  const std::vector<double> bias = to_doubles(*linear.bias);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += bias[i];
  Tensor sum = from_doubles(constant.dtype(), Shape{linear.channels}, values);
  for (const double value : to_doubles(sum)) {
    if (!std::isfinite(value)) return {};
  }
  return sum;
}

bool fuse(Graph& graph, const LinearNode& linear, std::vector<NodeId>& single_user) {
  const ValueId product = node_at(graph, linear.node).outputs[0];
  const NodeId user = single_user[static_cast<std::size_t>(product)];
  if (user == kNoNode) return false;
  const Node& adding = node_at(graph, user);
  const auto* binary = std::get_if<ops::Binary>(&adding.op);
  if (binary == nullptr || binary->kind != BinaryKind::add) return false;
  const Tensor* constant = channel_constant(graph, adding, product, linear.channels);
  if (constant == nullptr) return false;
  Tensor bias = summed_bias(linear, *constant);
  if (bias.empty()) return false;

  const ValueId sum = adding.outputs[0];
  const std::string name = node_at(graph, linear.node).name + "/bias";
  const ValueId operand = append_constant(graph, std::move(bias), name);
  Node& node = node_at(graph, linear.node);  // only now: appending moves nodes
  node.inputs.resize(static_cast<std::size_t>(linear.bias_operand));
  node.inputs.push_back(operand);
  replace_uses(graph, sum, product);
  empty_node(graph, user);
  single_user[static_cast<std::size_t>(product)] = single_user[static_cast<std::size_t>(sum)];
  return true;
}

}  // namespace

bool fuse_bias(Graph& graph) {
  bool changed = false;
  std::vector<NodeId> single_user = single_users(graph);
  const std::size_t count = graph.nodes.size();
  for (std::size_t i = 0; i < count; ++i) {
    auto linear = linear_node(graph, static_cast<NodeId>(i));
    while (linear && fuse(graph, *linear, single_user)) {  // several additions in a row
      changed = true;
      linear = linear_node(graph, static_cast<NodeId>(i));
    }
  }
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);  // constants that were replaced
  }
  return for_subgraphs(graph, fuse_bias) || changed;
}

}  // namespace thaw
