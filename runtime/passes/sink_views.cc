// conv -> squeeze -> add becomes conv -> add -> squeeze: biases, batch normalisations and
// activations come to stand behind the product that they can be fused with. A view that keeps the
// last dimension keeps every element's channel; one that parts it (heads of attention) meets
// constants of all its parts; any view keeps what a function does to single numbers.
#include <optional>

#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

bool is_product(const Op& op) {
  return std::holds_alternative<ops::Conv>(op) || std::holds_alternative<ops::MatMul>(op) ||
         std::holds_alternative<ops::ConvTranspose>(op);
}

std::int64_t channels_of(const Graph& graph, ValueId value) {
  const Shape& shape = type_of(graph, value).shape;
  return shape.has_rank() && shape.rank() > 0 ? shape[shape.rank() - 1] : -1;
}

/// A unary, or a binary with one constant number per channel.
bool is_channelwise(const Graph& graph, NodeId id, ValueId value) {
  const Node& node = node_at(graph, id);
  if (const auto* unary = std::get_if<ops::Unary>(&node.op)) return !is_predicate(unary->fn.kind);
  const auto* binary = std::get_if<ops::Binary>(&node.op);
  if (binary == nullptr || node.inputs[0] == node.inputs[1]) return false;
  if (binary->kind != BinaryKind::add && binary->kind != BinaryKind::sub &&
      binary->kind != BinaryKind::mul) {
    return false;
  }
  return channel_constant(graph, node, value, channels_of(graph, value)) != nullptr;
}

bool is_view(const Op& op) {
  return std::holds_alternative<ops::Reshape>(op) || std::holds_alternative<ops::Squeeze>(op) ||
         std::holds_alternative<ops::ExpandDims>(op);
}

bool is_channel_view(const Graph& graph, NodeId id) {
  const Node& node = node_at(graph, id);
  if (!is_view(node.op)) return false;
  const std::int64_t channels = channels_of(graph, node.inputs[0]);
  return channels > 0 && channels_of(graph, node.outputs[0]) == channels;
}

/// Trailing dimensions of a shape that are `channels` elements together; 0: none.
int parts_of(const Shape& shape, std::int64_t channels) {
  std::int64_t product = 1;
  for (int i = 1; shape.has_rank() && i <= shape.rank(); ++i) {
    const std::int64_t size = shape[shape.rank() - i];
    if (size <= 1 || product > channels / size) return 0;
    product *= size;
    if (product == channels) return i;
  }
  return 0;
}

/// The view parts the channels, and the binary behind it has a constant of all of them.
bool meets_parts(const Graph& graph, NodeId view_id, NodeId user_id) {
  const Node& view = node_at(graph, view_id);
  const Node& user = node_at(graph, user_id);
  const auto* binary = std::get_if<ops::Binary>(&user.op);
  const std::int64_t channels = channels_of(graph, view.inputs[0]);
  if (!is_view(view.op) || binary == nullptr || channels <= 1 || user.inputs[0] == user.inputs[1] ||
      (binary->kind != BinaryKind::add && binary->kind != BinaryKind::sub &&
       binary->kind != BinaryKind::mul)) {
    return false;
  }
  const ValueId viewed = view.outputs[0];
  const Shape& shape = type_of(graph, viewed).shape;
  const int parts = parts_of(shape, channels);
  const Tensor* constant =
      constant_of(graph, user.inputs[0] == viewed ? user.inputs[1] : user.inputs[0]);
  if (parts < 2 || constant == nullptr || constant->num_elements() != channels) return false;
  const int rank = constant->shape().rank();
  if (rank < parts || rank > shape.rank()) return false;
  for (int i = 1; i <= parts; ++i) {
    if (constant->shape()[rank - i] != shape[shape.rank() - i]) return false;
  }
  return true;
}

/// A unary, or a binary with one constant number: any view keeps what it computes.
bool is_numberwise(const Graph& graph, NodeId id, ValueId value) {
  const Node& node = node_at(graph, id);
  if (std::holds_alternative<ops::Unary>(node.op)) return is_channelwise(graph, id, value);
  if (!std::holds_alternative<ops::Binary>(node.op) || node.inputs[0] == node.inputs[1])
    return false;
  const Tensor* constant = constant_of(graph, node.inputs[node.inputs[0] == value ? 1 : 0]);
  return constant != nullptr && constant->num_elements() == 1 && is_channelwise(graph, id, value);
}

/// The channelwise node first, then the view.
void exchange(Graph& graph, NodeId view_id, NodeId user_id) {
  const ValueId product = node_at(graph, view_id).inputs[0];
  const ValueId viewed = node_at(graph, view_id).outputs[0];
  const ValueId result = node_at(graph, user_id).outputs[0];
  for (std::size_t i = 0; i < node_at(graph, user_id).inputs.size(); ++i) {
    const ValueId input = node_at(graph, user_id).inputs[i];
    if (input == viewed) {
      node_at(graph, user_id).inputs[i] = product;
      continue;
    }
    const Tensor& constant = *constant_of(graph, input);
    const std::int64_t count = constant.num_elements();
    const ValueId vector =
        append_constant(graph, constant.reshaped(count == 1 ? Shape{} : Shape{count}),
                        graph.values[at(input)].name);
    node_at(graph, user_id).inputs[i] = vector;
  }
  node_at(graph, user_id).outputs = {viewed};
  node_at(graph, view_id).inputs[0] = viewed;
  node_at(graph, view_id).outputs = {result};
  graph.values[at(viewed)].type = type_of(graph, product);
  graph.values[at(viewed)].producer = user_id;
  graph.values[at(result)].producer = view_id;
}

/// Exchanges the first view behind the product for what stands behind it.
bool sink(Graph& graph, NodeId product, std::vector<NodeId>& single_user) {
  ValueId value = node_at(graph, product).outputs[0];
  while (single_user[at(value)] != kNoNode) {
    const NodeId user = single_user[at(value)];
    if (is_channelwise(graph, user, value)) {
      value = node_at(graph, user).outputs[0];
      continue;
    }
    const ValueId viewed = node_at(graph, user).outputs[0];
    if (node_at(graph, user).outputs.size() != 1 || single_user[at(viewed)] == kNoNode)
      return false;
    const NodeId next = single_user[at(viewed)];
    const bool same_channels = is_channel_view(graph, user) && is_channelwise(graph, next, viewed);
    const bool of_numbers = is_view(node_at(graph, user).op) && is_numberwise(graph, next, viewed);
    if (!same_channels && !of_numbers && !meets_parts(graph, user, next)) return false;
    exchange(graph, user, next);
    single_user[at(value)] = next;
    single_user[at(viewed)] = user;
    return true;
  }
  return false;
}

}  // namespace

bool sink_views(Graph& graph) {
  bool changed = false;
  std::vector<NodeId> single_user = single_users(graph);
  const std::size_t count = graph.nodes.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = static_cast<NodeId>(i);
    if (!is_product(node_at(graph, id).op) ||
        !is_floating(type_of(graph, node_at(graph, id).outputs[0]).dtype)) {
      continue;
    }
    while (sink(graph, id, single_user)) changed = true;
  }
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);  // constants that were reshaped
  }
  return for_subgraphs(graph, sink_views) || changed;
}

}  // namespace thaw
