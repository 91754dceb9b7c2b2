// normalize takes the constants behind it as scale and offset, and the axes that a graph has
// reshaped into one row.
#include <algorithm>
#include <optional>

#include "runtime/passes/expression.h"
#include "runtime/passes/normalization.h"
#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

/// The other operand of the only user, a mul or add by a constant.
struct Next {
  NodeId user = kNoNode;
  ValueId constant = -1;
};

Next next_in(const Graph& graph, NodeId user, ValueId value, BinaryKind kind) {
  if (user == kNoNode) return {};
  const Node& node = node_at(graph, user);
  const auto* binary = std::get_if<ops::Binary>(&node.op);
  if (binary == nullptr || binary->kind != kind || node.inputs[0] == node.inputs[1]) return {};
  const ValueId constant = node.inputs[node.inputs[0] == value ? 1 : 0];
  return spreads_over(graph, constant, value) ? Next{user, constant} : Next{};
}

bool all_equal(const Graph& graph, ValueId value, double wanted) {
  return std::ranges::all_of(to_doubles(*constant_of(graph, value)),
                             [wanted](double number) { return number == wanted; });
}

/// A cast from float32 to a narrower type, the only user; kNoNode if there is none.
NodeId narrowing(const Graph& graph, const std::vector<NodeId>& single_user, ValueId value) {
  const NodeId user = single_user[at(value)];
  if (user == kNoNode || type_of(graph, value).dtype != DType::float32) return kNoNode;
  const auto* cast = std::get_if<ops::Cast>(&node_at(graph, user).op);
  const bool narrows =
      cast != nullptr && (cast->dtype == DType::float16 || cast->dtype == DType::bfloat16);
  return narrows ? user : kNoNode;
}

/// normalize -> mul and add of constants become its scale and offset; ones and zeros go.
bool absorb(Graph& graph, NodeId id, std::vector<NodeId>& single_user) {
  bool changed = false;
  for (const BinaryKind kind : {BinaryKind::mul, BinaryKind::add}) {
    const auto op = std::get<ops::Normalize>(node_at(graph, id).op);
    if (op.has_offset || (kind == BinaryKind::mul && op.has_scale)) continue;
    ValueId value = node_at(graph, id).outputs[0];
    const NodeId cast = narrowing(graph, single_user, value);
    if (cast != kNoNode) value = node_at(graph, cast).outputs[0];
    if (at(value) >= single_user.size()) continue;
    Next next = next_in(graph, single_user[at(value)], value, kind);
    if (next.user == kNoNode) continue;
    if (!all_equal(graph, next.constant, kind == BinaryKind::mul ? 1 : 0)) {
      if (cast != kNoNode) {
        const Tensor narrow = *constant_of(graph, next.constant);
        next.constant =
            append_constant(graph, from_doubles(DType::float32, narrow.shape(), to_doubles(narrow)),
                            graph.values[at(next.constant)].name);
      }
      Node& node = node_at(graph, id);
      node.inputs.push_back(next.constant);
      auto& changing = std::get<ops::Normalize>(node.op);
      (kind == BinaryKind::mul ? changing.has_scale : changing.has_offset) = true;
    }
    const ValueId result = node_at(graph, next.user).outputs[0];
    replace_uses(graph, result, value);
    single_user[at(value)] = single_user[at(result)];
    empty_node(graph, next.user);
    changed = true;
  }
  return changed;
}

/// A normalize whose users all scale or shift it by constants of their own: each gets one, which
/// costs no more passes over memory than the shared one.
bool part(Graph& graph, NodeId id, const std::vector<NodeId>& users, bool is_output) {
  constexpr std::size_t kMostUsers = 8;
  const auto op = std::get<ops::Normalize>(node_at(graph, id).op);
  if (op.has_scale || op.has_offset || is_output || users.size() < 2 || users.size() > kMostUsers)
    return false;
  const ValueId value = node_at(graph, id).outputs[0];
  const bool scaled = std::ranges::all_of(users, [&](NodeId user) {
    return next_in(graph, user, value, BinaryKind::mul).user != kNoNode ||
           next_in(graph, user, value, BinaryKind::add).user != kNoNode;
  });
  if (!scaled) return false;
  for (std::size_t i = 1; i < users.size(); ++i) {
    Node copy = node_at(graph, id);
    const auto own = static_cast<ValueId>(graph.values.size());
    const TensorType type = type_of(graph, value);
    graph.values.push_back({copy.name, type, static_cast<NodeId>(graph.nodes.size())});
    copy.outputs = {own};
    graph.nodes.push_back(std::move(copy));
    std::ranges::replace(node_at(graph, users[i]).inputs, value, own);
  }
  return true;
}

/// The axes of a shape that end it and hold `row` elements, the fewest; none if there are no such.
std::optional<std::vector<std::int64_t>> trailing_axes(const Shape& shape, std::int64_t row) {
  std::vector<std::int64_t> axes;
  std::int64_t elements = 1;
  for (int axis = shape.rank() - 1; axis >= 0 && elements <= row; --axis) {
    axes.insert(axes.begin(), axis);
    elements *= shape[axis];
    if (elements == row) return axes;
  }
  return std::nullopt;
}

/// The length of the rows of memory that the axes are; nothing if they are none: all reduced axes
/// stand behind all others that are not 1.
std::optional<std::int64_t> row_of(const Shape& shape, const std::vector<std::int64_t>& axes) {
  std::int64_t row = 1;
  bool kept = false;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    const bool reduced = std::ranges::any_of(
        axes, [&](std::int64_t a) { return a == axis || a == axis - shape.rank(); });
    if (shape[axis] == 1) continue;
    if (reduced && kept) return std::nullopt;
    kept = kept || !reduced;
    if (reduced) row *= shape[axis];
  }
  return row;
}

/// reshape -> [cast ->] normalize over the axis that holds a row -> [cast ->] reshape back, which
/// tf-keras writes, is normalize over the last axes.
bool skip_reshapes(Graph& graph, NodeId id, const std::vector<NodeId>& single_user) {
  const Node& node = node_at(graph, id);
  const auto op = std::get<ops::Normalize>(node.op);
  if (op.has_scale || op.has_offset) return false;
  ValueId middle = node.inputs[0], after = node.outputs[0];
  const NodeId down = narrowing(graph, single_user, after);
  if (down != kNoNode) {
    if (producer_as<ops::Cast>(graph, middle) == nullptr) return false;
    middle = node_at(graph, producer_of(graph, middle)).inputs[0];
    after = node_at(graph, down).outputs[0];
  }
  if (producer_as<ops::Reshape>(graph, middle) == nullptr || at(after) >= single_user.size())
    return false;
  const ValueId x = node_at(graph, producer_of(graph, middle)).inputs[0];
  const NodeId back = single_user[at(after)];
  if (back == kNoNode || !std::holds_alternative<ops::Reshape>(node_at(graph, back).op))
    return false;
  const TensorType outer = type_of(graph, x), inner = type_of(graph, middle);
  if (!outer.shape.is_static() || !inner.shape.is_static() || outer.shape.num_elements() == 0 ||
      type_of(graph, node_at(graph, back).outputs[0]) != outer) {
    return false;
  }
  const auto row = row_of(inner.shape, op.axes);
  const auto axes = row ? trailing_axes(outer.shape, *row) : std::nullopt;
  if (!axes) return false;
  const ops::Normalize whole{*axes, op.epsilon, op.centered, false, false};
  if (down == kNoNode) {
    node_at(graph, back).op = whole;
    node_at(graph, back).inputs = {x};
    return true;
  }
  const std::string name = node_at(graph, id).name;
  const TensorType wide{DType::float32, outer.shape};
  const ValueId widened = append_node(graph, ops::Cast{DType::float32}, {x}, wide, name);
  const ValueId y = append_node(graph, whole, {widened}, wide, name);
  node_at(graph, back).op = ops::Cast{outer.dtype};
  node_at(graph, back).inputs = {y};
  return true;
}

bool is_normalize(const Graph& graph, NodeId id) {
  return std::holds_alternative<ops::Normalize>(node_at(graph, id).op);
}

bool part_all(Graph& graph) {
  bool changed = false;
  const std::vector<std::vector<NodeId>> users = users_of(graph);
  const std::size_t count = graph.nodes.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = static_cast<NodeId>(i);
    if (!is_normalize(graph, id)) continue;
    const ValueId value = node_at(graph, id).outputs[0];
    const bool is_output = std::ranges::find(graph.outputs, value) != graph.outputs.end();
    changed = part(graph, id, users[at(value)], is_output) || changed;
  }
  return changed;
}

}  // namespace

bool spreads_over(const Graph& graph, ValueId constant, ValueId x) {
  const Tensor* tensor = constant_of(graph, constant);
  const TensorType& type = type_of(graph, x);
  if (tensor == nullptr || tensor->dtype() != type.dtype || !type.shape.has_rank() ||
      tensor->shape().rank() > type.shape.rank()) {
    return false;
  }
  const int offset = type.shape.rank() - tensor->shape().rank();
  for (int i = 0; i < tensor->shape().rank(); ++i) {
    if (tensor->shape()[i] != 1 && tensor->shape()[i] != type.shape[i + offset]) return false;
  }
  return true;
}

bool complete_normalization(Graph& graph) {
  bool changed = part_all(graph);
  std::vector<NodeId> single_user = single_users(graph);
  const std::size_t count = graph.nodes.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = static_cast<NodeId>(i);
    if (!is_normalize(graph, id)) continue;
    const bool absorbed = absorb(graph, id, single_user);
    changed = skip_reshapes(graph, id, single_user) || absorbed || changed;
  }
  return changed;
}

}  // namespace thaw
