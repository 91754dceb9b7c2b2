#include "runtime/ir/graph.h"

#include <algorithm>
#include <functional>
#include <queue>

#include "runtime/base/check.h"

namespace thaw {
namespace {

bool emptied(const Node& node) { return std::holds_alternative<std::monostate>(node.op); }

// A sub-graph may hold the effect that makes its if or while one.
bool effectful(const Graph& graph, const Node& node) {
  if (has_effect(node.op)) return true;
  const auto any_in = [&](SubgraphId id) {
    const Graph& sub = graph.subgraphs[at(id)];
    return std::any_of(sub.nodes.begin(), sub.nodes.end(), [&](const Node& inner) {
      return !std::holds_alternative<ops::Input>(inner.op) && effectful(sub, inner);
    });
  };
  if (const auto* branch = std::get_if<ops::If>(&node.op)) {
    return any_in(branch->then_graph) || any_in(branch->else_graph);
  }
  if (const auto* loop = std::get_if<ops::While>(&node.op)) {
    return any_in(loop->cond) || any_in(loop->body);
  }
  return false;
}

// Touches the session's state: such nodes must keep their order among themselves.
bool ordered(const Graph& graph, const Node& node) {
  return std::holds_alternative<ops::VariableRead>(node.op) ||
         (!std::holds_alternative<ops::Input>(node.op) && effectful(graph, node));
}

// Kahn's algorithm, always taking the ready node that stood first: stable.
std::vector<NodeId> topological_order(const Graph& graph) {
  const std::size_t count = graph.nodes.size();
  std::vector<int> waiting(count, 0);
  std::vector<std::vector<NodeId>> users(count);
  const auto depend = [&](NodeId user, NodeId producer) {
    users[at(producer)].push_back(user);
    ++waiting[at(user)];
  };
  NodeId last_ordered = kNoNode;
  for (std::size_t i = 0; i < count; ++i) {
    const Node& node = graph.nodes[i];
    if (emptied(node)) continue;
    for (ValueId input : node.inputs) {
      const NodeId producer = graph.values[at(input)].producer;
      THAW_CHECK(producer != kNoNode && !emptied(graph.nodes[at(producer)]),
                 "operand %{} of '{}' has no producer", input, node.name);
      depend(static_cast<NodeId>(i), producer);
    }
    if (ordered(graph, node)) {
      if (last_ordered != kNoNode) depend(static_cast<NodeId>(i), last_ordered);
      last_ordered = static_cast<NodeId>(i);
    }
  }
  std::priority_queue<NodeId, std::vector<NodeId>, std::greater<>> ready;
  std::size_t alive = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (emptied(graph.nodes[i])) continue;
    ++alive;
    if (waiting[i] == 0) ready.push(static_cast<NodeId>(i));
  }
  std::vector<NodeId> order;
  order.reserve(alive);
  while (!ready.empty()) {
    const NodeId node = ready.top();
    ready.pop();
    order.push_back(node);
    for (NodeId user : users[at(node)]) {
      if (--waiting[at(user)] == 0) ready.push(user);
    }
  }
  THAW_CHECK(order.size() == alive, "graph '{}' has a cycle", graph.name);
  return order;
}

}  // namespace

const Tensor* constant_of(const Graph& graph, ValueId value) {
  const auto* constant = producer_as<ops::Constant>(graph, value);
  return constant == nullptr ? nullptr : &constant->value;
}

std::vector<int> use_counts(const Graph& graph) {
  std::vector<int> uses(graph.values.size(), 0);
  for (const Node& node : graph.nodes) {
    for (ValueId input : node.inputs) ++uses[at(input)];
  }
  for (ValueId output : graph.outputs) ++uses[at(output)];
  return uses;
}

void replace_uses(Graph& graph, ValueId from, ValueId to) {
  for (Node& node : graph.nodes) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
  std::replace(graph.outputs.begin(), graph.outputs.end(), from, to);
}

bool normalize(Graph& graph) {
  const std::vector<NodeId> order = topological_order(graph);
  const bool dropped = order.size() != graph.nodes.size();

  std::vector<ValueId> renumbered(graph.values.size(), -1);
  std::vector<Value> values;
  std::vector<Node> nodes;
  nodes.reserve(order.size());
  for (NodeId id : order) {
    Node& node = graph.nodes[at(id)];
    for (ValueId& input : node.inputs) input = renumbered[at(input)];
    for (ValueId& output : node.outputs) {
      Value& value = graph.values[at(output)];
      value.producer = static_cast<NodeId>(nodes.size());
      renumbered[at(output)] = static_cast<ValueId>(values.size());
      output = static_cast<ValueId>(values.size());
      values.push_back(std::move(value));
    }
    nodes.push_back(std::move(node));
  }
  for (std::vector<ValueId>* list : {&graph.inputs, &graph.outputs}) {
    for (ValueId& value : *list) {
      value = renumbered[at(value)];
      THAW_CHECK(value >= 0, "an input or output of graph '{}' lost its producer", graph.name);
    }
  }
  graph.values = std::move(values);
  graph.nodes = std::move(nodes);
  return dropped;
}

std::vector<std::int64_t> to_ints(const Tensor& tensor) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(tensor.num_elements()));
  if (tensor.dtype() == DType::int64) {
    std::copy_n(tensor.data<std::int64_t>(), values.size(), values.begin());
  } else if (tensor.dtype() == DType::int32) {
    std::copy_n(tensor.data<std::int32_t>(), values.size(), values.begin());
  } else {
    fail(ErrorCode::invalid_argument, "expected int32 or int64 elements, got {}",
         name_of(tensor.dtype()));
  }
  return values;
}

}  // namespace thaw
