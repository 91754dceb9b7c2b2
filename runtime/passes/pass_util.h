// What the passes share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/ir/graph.h"

namespace thaw {

inline Node& node_at(Graph& graph, NodeId id) { return graph.nodes[static_cast<std::size_t>(id)]; }
inline const Node& node_at(const Graph& graph, NodeId id) {
  return graph.nodes[static_cast<std::size_t>(id)];
}
inline const TensorType& type_of(const Graph& graph, ValueId id) {
  return graph.values[static_cast<std::size_t>(id)].type;
}
inline NodeId producer_of(const Graph& graph, ValueId id) {
  return graph.values[static_cast<std::size_t>(id)].producer;
}

/// Runs a pass on every sub-graph; true if one changed.
bool for_subgraphs(Graph& graph, bool (*pass)(Graph&));

/// Takes the node out of the graph; its results must have no uses left.
void empty_node(Graph& graph, NodeId id);

/// Appends a constant; normalize() brings it in front of its users. The name is a copy: callers
/// name it after values that move as the graph grows.
ValueId append_constant(Graph& graph, Tensor value, std::string name);
/// Appends a node of one result.
ValueId append_node(Graph& graph, Op op, std::vector<ValueId> inputs, TensorType type,
                    std::string name);

/// For each value the node that is its only use; kNoNode if it has several, none, or is a graph
/// output.
std::vector<NodeId> single_users(const Graph& graph);

// ---- floating constants ----

/// Elements of a floating tensor as double.
std::vector<double> to_doubles(const Tensor& tensor);
/// A floating tensor of rounded values.
Tensor from_doubles(DType dtype, const Shape& shape, const std::vector<double>& values);
/// The smallest positive normal number of a floating type.
double smallest_normal(DType dtype);

// ---- conv, conv_transpose and matmul as "weights times x, plus bias" ----

/// A node whose results are linear in constant weights, per output channel (the last axis).
struct LinearNode {
  NodeId node = kNoNode;
  int weight_axis = 0;   // the axis of the weights that is the output channel
  int bias_operand = 0;  // position of the optional bias
  std::int64_t channels = 0;
  const Tensor* weights = nullptr;
  const Tensor* bias = nullptr;  // null: none
};

/// The node as such, if its weights (and bias, if any) are floating constants and it has no
/// activation.
std::optional<LinearNode> linear_node(const Graph& graph, NodeId id);

/// The other operand of binary node `user` if it is a floating constant that holds one number per
/// channel (or one for all) along the last axis of `value` and leaves the shape of `value` as it
/// is.
const Tensor* channel_constant(const Graph& graph, const Node& user, ValueId value,
                               std::int64_t channels);

}  // namespace thaw
