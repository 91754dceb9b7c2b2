// Trees of elementwise functions become one node, whose kernel passes over memory once.
#include <algorithm>

#include "runtime/ir/elementwise.h"
#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

/// Grows the tree that ends in one node, breadth first, towards its operands.
class ElementwiseTree {
 public:
  ElementwiseTree(const Graph& graph, const std::vector<NodeId>& single_user,
                  FunctionRef<bool(const Op&, DType)> fusible, NodeId root)
      : graph_(graph), single_user_(single_user), fusible_(fusible), nodes_{root} {
    for (const ValueId input : node_at(graph, root).inputs) add_operand(input);
    for (std::size_t i = 0; i < operands_.size();) {
      if (!absorb(i)) ++i;
    }
  }

  const std::vector<NodeId>& nodes() const { return nodes_; }
  const std::vector<ValueId>& operands() const { return operands_; }
  std::string text() const {
    ElementwiseExpression expression;
    add_steps(nodes_.front(), expression);
    return to_string(expression);
  }

 private:
  void add_operand(ValueId value) {
    if (std::find(operands_.begin(), operands_.end(), value) == operands_.end()) {
      operands_.push_back(value);
    }
  }

  // Takes the producer of operand `i` into the tree. What it computes must have the result's shape,
  // or it would be computed once per repetition.
  bool absorb(std::size_t i) {
    const ValueId value = operands_[i];
    const NodeId producer = producer_of(graph_, value);
    if (producer == kNoNode || single_user_[static_cast<std::size_t>(value)] == kNoNode) {
      return false;
    }
    const Node& node = node_at(graph_, producer);
    const TensorType& type = type_of(graph_, value);
    if (type != type_of(graph_, node_at(graph_, nodes_.front()).outputs[0]) ||
        !fusible_(node.op, type.dtype) || nodes_.size() == kMaxElementwiseSteps) {
      return false;
    }
    std::vector<ValueId> operands = operands_;
    operands_.erase(operands_.begin() + static_cast<std::ptrdiff_t>(i));
    for (const ValueId input : node.inputs) add_operand(input);
    if (operands_.size() > kMaxElementwiseOperands) {
      operands_ = std::move(operands);
      return false;
    }
    nodes_.push_back(producer);
    return true;
  }

  std::int16_t source(ValueId value, ElementwiseExpression& expression) const {
    const auto operand = std::find(operands_.begin(), operands_.end(), value);
    if (operand != operands_.end()) return static_cast<std::int16_t>(operand - operands_.begin());
    return add_steps(producer_of(graph_, value), expression);
  }

  std::int16_t add_steps(NodeId id, ElementwiseExpression& expression) const {
    const Node& node = node_at(graph_, id);
    ElementwiseStep step;
    step.sources[0] = source(node.inputs[0], expression);
    if (const auto* binary = std::get_if<ops::Binary>(&node.op)) {
      step.binary = true;
      step.kind = binary->kind;
      step.sources[1] = source(node.inputs[1], expression);
    } else {
      step.unary = std::get<ops::Unary>(node.op).fn;
    }
    expression.steps.push_back(step);
    return static_cast<std::int16_t>(-static_cast<int>(expression.steps.size()));
  }

  const Graph& graph_;
  const std::vector<NodeId>& single_user_;
  FunctionRef<bool(const Op&, DType)> fusible_;
  std::vector<NodeId> nodes_;      // the last one computed first
  std::vector<ValueId> operands_;  // from outside
};

}  // namespace

bool fuse_elementwise(Graph& graph, FunctionRef<bool(const Op&, DType)> fusible) {
  const auto is_fusible = [&](const Op& op, DType dtype) {
    const auto* unary = std::get_if<ops::Unary>(&op);
    const auto* binary = std::get_if<ops::Binary>(&op);
    const bool keeps_type = (unary != nullptr && !is_predicate(unary->fn.kind)) ||
                            (binary != nullptr && !is_predicate(binary->kind));
    // An expression of 16-bit floats rounds once, where its functions would round each.
    const bool exact = dtype == DType::float32 || dtype == DType::float64;
    return keeps_type && exact && fusible(op, dtype);
  };
  bool changed = false;
  const std::vector<NodeId> single_user = single_users(graph);
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const auto root = static_cast<NodeId>(i);
    Node& node = node_at(graph, root);
    if (node.outputs.size() != 1) continue;
    const TensorType& type = type_of(graph, node.outputs[0]);
    if (!type.shape.is_static() || !is_fusible(node.op, type.dtype)) continue;
    const ElementwiseTree tree(graph, single_user, is_fusible, root);
    if (tree.nodes().size() < 2) continue;
    node.op = ops::Elementwise{tree.text()};
    node.inputs = tree.operands();
    for (const NodeId absorbed : tree.nodes()) {
      if (absorbed != root) empty_node(graph, absorbed);
    }
    changed = true;
  }
  if (changed) normalize(graph);
  return changed;
}

}  // namespace thaw
