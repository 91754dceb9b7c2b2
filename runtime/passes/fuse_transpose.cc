// Exchanges of the last two axes in front of matmul become its own, and one behind it exchanges its
// operands: (a b)^T = b^T a^T.
#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

/// A transpose that exchanges the last two axes alone.
bool exchanges_matrices(const Graph& graph, NodeId id) {
  if (id == kNoNode || !std::holds_alternative<ops::Transpose>(node_at(graph, id).op)) return false;
  const Tensor* permutation = constant_of(graph, node_at(graph, id).inputs[1]);
  if (permutation == nullptr) return false;
  const std::vector<std::int64_t> order = to_ints(*permutation);
  const auto rank = static_cast<std::int64_t>(order.size());
  if (rank < 2) return false;
  for (std::int64_t i = 0; i < rank; ++i) {
    const std::int64_t wanted = i == rank - 2 ? rank - 1 : i == rank - 1 ? rank - 2 : i;
    const std::int64_t axis = order[static_cast<std::size_t>(i)];
    if ((axis < 0 ? axis + rank : axis) != wanted) return false;
  }
  return true;
}

bool take_operand(Graph& graph, Node& node, std::size_t operand) {
  // Rows in front of packed weights: all matrices are one product only as they lie.
  if (operand == 0 && constant_of(graph, node.inputs[1]) != nullptr) return false;
  const NodeId producer = producer_of(graph, node.inputs[operand]);
  // One of a constant is folded; its kernel packs the result.
  if (!exchanges_matrices(graph, producer) ||
      constant_of(graph, node_at(graph, producer).inputs[0]) != nullptr) {
    return false;
  }
  auto& matmul = std::get<ops::MatMul>(node.op);
  bool& flag = operand == 0 ? matmul.transpose_a : matmul.transpose_b;
  flag = !flag;
  node.inputs[operand] = node_at(graph, producer).inputs[0];
  return true;
}

/// The operands exchange their places, unless a bias, an activation or packed weights hold them.
bool take_result(Graph& graph, NodeId id, std::vector<NodeId>& single_user) {
  Node& node = node_at(graph, id);
  auto& matmul = std::get<ops::MatMul>(node.op);
  const ValueId product = node.outputs[0];
  const NodeId user = single_user[at(product)];
  if (!exchanges_matrices(graph, user) || node.inputs.size() != 2 ||
      matmul.activation.kind != UnaryKind::linear ||
      constant_of(graph, node.inputs[1]) != nullptr) {
    return false;
  }
  const ops::MatMul exchanged{!matmul.transpose_b, !matmul.transpose_a, {}};
  Node& last = node_at(graph, user);
  last.op = exchanged;
  last.inputs = {node.inputs[1], node.inputs[0]};
  single_user[at(product)] = kNoNode;
  empty_node(graph, id);
  return true;
}

}  // namespace

bool fuse_transpose(Graph& graph) {
  bool changed = false;
  std::vector<NodeId> single_user = single_users(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!std::holds_alternative<ops::MatMul>(graph.nodes[i].op)) continue;
    for (const std::size_t operand : {0, 1}) {
      changed = take_operand(graph, graph.nodes[i], operand) || changed;
    }
    changed = take_result(graph, static_cast<NodeId>(i), single_user) || changed;
  }
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);
  }
  return for_subgraphs(graph, fuse_transpose) || changed;
}

}  // namespace thaw
