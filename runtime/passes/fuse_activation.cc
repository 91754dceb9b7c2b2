// conv -> relu becomes conv with an activation.
#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

/// Where the node keeps its fused activation; null if it has none.
UnaryFn* activation_of(Node& node) {
  if (auto* conv = std::get_if<ops::Conv>(&node.op)) {
    return conv->pool == 1 ? &conv->activation : nullptr;
  }
  if (auto* matmul = std::get_if<ops::MatMul>(&node.op)) return &matmul->activation;
  return nullptr;
}

}  // namespace

bool fuse_activation(Graph& graph) {
  bool changed = false;
  const std::vector<NodeId> single_user = single_users(graph);
  for (Node& node : graph.nodes) {
    UnaryFn* activation = activation_of(node);
    if (activation == nullptr || activation->kind != UnaryKind::linear) continue;
    const ValueId product = node.outputs[0];
    const NodeId user = single_user[static_cast<std::size_t>(product)];
    if (user == kNoNode) continue;
    const auto* unary = std::get_if<ops::Unary>(&node_at(graph, user).op);
    const bool fusible = unary != nullptr && !is_predicate(unary->fn.kind) &&
                         is_floating(type_of(graph, product).dtype);
    if (!fusible) continue;
    *activation = unary->fn;
    replace_uses(graph, node_at(graph, user).outputs[0], product);
    empty_node(graph, user);
    changed = true;
  }
  if (changed) normalize(graph);
  return for_subgraphs(graph, fuse_activation) || changed;
}

}  // namespace thaw
