// Masks as TensorFlow graphs spell them: negations in front of select, numbers taken away where a
// mask is false, operands that are met twice, slices that only add axes, all() of a stack of masks.
#include <algorithm>
#include <cmath>
#include <optional>

#include "runtime/passes/expression.h"
#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

using Ints = std::vector<std::int64_t>;

class MaskSimplifier {
 public:
  explicit MaskSimplifier(Graph& graph) : graph_(graph), uses_(use_counts(graph)) {}

  bool run(NodeId id) {
    const Op& op = node_at(graph_, id).op;
    if (std::holds_alternative<ops::Select>(op)) return select(id);
    if (std::holds_alternative<ops::Binary>(op)) return twice(id) || lowered(id);
    if (std::holds_alternative<ops::StridedSlice>(op)) return added_axes(id);
    if (std::holds_alternative<ops::Reduce>(op)) return stacked(id);
    return false;
  }

 private:
  const Node* node_behind(ValueId value) const {
    const NodeId producer = producer_of(graph_, value);
    return producer == kNoNode ? nullptr : &node_at(graph_, producer);
  }

  /// The operand of a logical not.
  std::optional<ValueId> negated(ValueId value) const {
    const Node* node = node_behind(value);
    const auto* unary = node == nullptr ? nullptr : std::get_if<ops::Unary>(&node->op);
    if (unary == nullptr || unary->fn.kind != UnaryKind::logical_not) return std::nullopt;
    return node->inputs[0];
  }

  bool subtracts_from(ValueId difference, ValueId x) const {
    const Node* node = node_behind(difference);
    const auto* binary = node == nullptr ? nullptr : std::get_if<ops::Binary>(&node->op);
    return binary != nullptr && binary->kind == BinaryKind::sub && node->inputs[0] == x;
  }

  /// m of truths & m, which only spreads m to a shape that x or y has anyway.
  std::optional<ValueId> without_truths(const Node& select) const {
    const Node* both = node_behind(select.inputs[0]);
    const auto* binary = both == nullptr ? nullptr : std::get_if<ops::Binary>(&both->op);
    const Shape& result = type_of(graph_, select.outputs[0]).shape;
    if (binary == nullptr || binary->kind != BinaryKind::logical_and || !result.is_static() ||
        (type_of(graph_, select.inputs[1]).shape != result &&
         type_of(graph_, select.inputs[2]).shape != result)) {
      return std::nullopt;
    }
    for (const std::size_t i : {0, 1}) {
      const Tensor* constant = constant_of(graph_, both->inputs[i]);
      if (constant == nullptr || constant->dtype() != DType::boolean) continue;
      const auto* truths = static_cast<const bool*>(constant->data());
      if (std::all_of(truths, truths + constant->num_elements(), [](bool x) { return x; }))
        return both->inputs[1 - i];
    }
    return std::nullopt;
  }

  /// select(!m, x, y) -> select(m, y, x); a constant m is negated where that puts the scores first.
  bool select(NodeId id) {
    Node& node = node_at(graph_, id);
    if (const auto mask = negated(node.inputs[0])) {
      node.inputs = {*mask, node.inputs[2], node.inputs[1]};
      return true;
    }
    if (const auto mask = without_truths(node)) {
      node.inputs[0] = *mask;
      return true;
    }
    const Tensor* constant = constant_of(graph_, node.inputs[0]);
    if (constant == nullptr || !subtracts_from(node.inputs[1], node.inputs[2])) return false;
    Tensor opposite(DType::boolean, constant->shape());
    const auto* from = static_cast<const bool*>(constant->data());
    std::transform(from, from + constant->num_elements(),
                   static_cast<bool*>(opposite.mutable_data()), [](bool x) { return !x; });
    const ValueId mask =
        append_constant(graph_, std::move(opposite), graph_.values[at(node.inputs[0])].name);
    Node& changing = node_at(graph_, id);
    changing.inputs = {mask, changing.inputs[2], changing.inputs[1]};
    return true;
  }

  /// (a & b) & b and (a | b) | b.
  bool twice(NodeId id) {
    Node& node = node_at(graph_, id);
    const BinaryKind kind = std::get<ops::Binary>(node.op).kind;
    if (kind != BinaryKind::logical_and && kind != BinaryKind::logical_or) return false;
    for (const std::size_t i : {0, 1}) {
      const ValueId inner = node.inputs[i], other = node.inputs[1 - i];
      if (type_of(graph_, inner) != type_of(graph_, node.outputs[0])) continue;
      const Node* first = node_behind(inner);
      const auto* binary = first == nullptr ? nullptr : std::get_if<ops::Binary>(&first->op);
      const bool met = binary != nullptr && binary->kind == kind &&
                       std::ranges::find(first->inputs, other) != first->inputs.end();
      if (!met && inner != other) continue;
      node.op = ops::Identity{};
      node.inputs = {inner};
      return true;
    }
    return false;
  }

  /// number * cast(!m): m and the number.
  std::optional<std::pair<ValueId, double>> number_where_false(ValueId value) const {
    const Node* product = node_behind(value);
    const auto* binary = product == nullptr ? nullptr : std::get_if<ops::Binary>(&product->op);
    if (binary == nullptr || binary->kind != BinaryKind::mul) return std::nullopt;
    for (const std::size_t i : {0, 1}) {
      const auto number = scalar_number(graph_, product->inputs[i]);
      const Node* cast = node_behind(product->inputs[1 - i]);
      if (!number || !std::isfinite(*number) || cast == nullptr ||
          !std::holds_alternative<ops::Cast>(cast->op)) {
        continue;
      }
      if (const auto mask = negated(cast->inputs[0])) return std::pair{*mask, *number};
    }
    return std::nullopt;
  }

  /// x - number * cast(!m) -> select(m, x, x - number), and sums likewise.
  bool lowered(NodeId id) {
    const Node& node = node_at(graph_, id);
    const BinaryKind kind = std::get<ops::Binary>(node.op).kind;
    const TensorType type = type_of(graph_, node.outputs[0]);
    if ((kind != BinaryKind::sub && kind != BinaryKind::add) || !is_floating(type.dtype))
      return false;
    for (const std::size_t i : {1, 0}) {
      const auto masked = number_where_false(node.inputs[i]);
      const ValueId x = node.inputs[1 - i];
      if ((i == 0 && kind == BinaryKind::sub) || !masked || type_of(graph_, x) != type) continue;
      const std::string name = node.name;
      const ValueId number =
          append_constant(graph_, from_doubles(type.dtype, Shape{}, {masked->second}), name);
      const ValueId less = append_node(graph_, ops::Binary{kind}, {x, number}, type, name);
      Node& changing = node_at(graph_, id);
      changing.op = ops::Select{};
      changing.inputs = {masked->first, x, less};
      return true;
    }
    return false;
  }

  /// x[:, newaxis, :] -> expand_dims.
  bool added_axes(NodeId id) {
    Node& node = node_at(graph_, id);
    const auto& op = std::get<ops::StridedSlice>(node.op);
    if (op.new_axis_mask == 0 || op.ellipsis_mask != 0 || op.shrink_axis_mask != 0) return false;
    const Tensor *begins = constant_of(graph_, node.inputs[1]),
                 *strides = constant_of(graph_, node.inputs[3]);
    if (begins == nullptr || strides == nullptr) return false;
    const Ints stride = to_ints(*strides);
    Ints axes;
    for (std::size_t i = 0; i < stride.size(); ++i) {
      const std::int64_t bit = std::int64_t{1} << i;
      if ((op.new_axis_mask & bit) != 0) {
        axes.push_back(static_cast<std::int64_t>(i));
      } else if ((op.begin_mask & bit) == 0 || (op.end_mask & bit) == 0 || stride[i] != 1) {
        return false;
      }
    }
    node.op = ops::ExpandDims{axes};
    node.inputs.resize(1);
    return true;
  }

  /// all or any over the first axis of concat(a [1, ...], b [1, ...]) -> a & b.
  bool stacked(NodeId id) {
    const auto reduce = std::get<ops::Reduce>(node_at(graph_, id).op);
    const bool all = reduce.kind == ReduceKind::all;
    if ((!all && reduce.kind != ReduceKind::any) || reduce.keep_dims) return false;
    const ValueId joined = node_at(graph_, id).inputs[0];
    const Tensor* axes = constant_of(graph_, node_at(graph_, id).inputs[1]);
    const Shape& shape = type_of(graph_, joined).shape;
    const Node* concat = node_behind(joined);
    const auto* join = concat == nullptr ? nullptr : std::get_if<ops::Concat>(&concat->op);
    if (axes == nullptr || join == nullptr || !shape.has_rank() || uses_[at(joined)] != 1 ||
        concat->inputs.size() != 2 || to_ints(*axes) != Ints{0} ||
        (join->axis != 0 && join->axis != -shape.rank())) {
      return false;
    }
    std::vector<ValueId> parts = concat->inputs;
    if (!shape.is_static() || type_of(graph_, parts[0]) != type_of(graph_, parts[1])) return false;
    for (ValueId& part : parts) {
      const Shape whole = type_of(graph_, part).shape;
      if (whole[0] != 1) return false;
      Ints dims(whole.dims().begin() + 1, whole.dims().end());
      part = append_node(graph_, ops::Squeeze{{0}}, {part},
                         {DType::boolean, Shape(std::move(dims))}, node_at(graph_, id).name);
    }
    Node& node = node_at(graph_, id);
    node.op = ops::Binary{all ? BinaryKind::logical_and : BinaryKind::logical_or};
    node.inputs = std::move(parts);
    return true;
  }

  Graph& graph_;
  const std::vector<int> uses_;
};

}  // namespace

bool simplify_masks(Graph& graph) {
  bool changed = false;
  MaskSimplifier simplifier(graph);
  const std::size_t count = graph.nodes.size();
  for (std::size_t i = 0; i < count; ++i) {
    changed = simplifier.run(static_cast<NodeId>(i)) || changed;
  }
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);
  }
  return for_subgraphs(graph, simplify_masks) || changed;
}

}  // namespace thaw
