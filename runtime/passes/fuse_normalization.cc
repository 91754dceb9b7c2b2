// LayerNormalization and its relatives where a graph spells them out: mean, variance, rsqrt and
// products in any order become one normalize; scale and offset behind one become its operands.
#include <algorithm>
#include <optional>

#include "runtime/passes/expression.h"
#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

using Ints = std::vector<std::int64_t>;

/// Reduce of kind over constant axes that are kept.
std::optional<Ints> reduced_axes(const Graph& graph, ValueId value, ReduceKind kind) {
  const Node& node = node_at(graph, producer_of(graph, value));
  const auto* reduce = std::get_if<ops::Reduce>(&node.op);
  if (reduce == nullptr || reduce->kind != kind || !reduce->keep_dims) return std::nullopt;
  const Tensor* axes = constant_of(graph, node.inputs[1]);
  const Shape& shape = type_of(graph, node.inputs[0]).shape;
  if (axes == nullptr || !shape.has_rank()) return std::nullopt;
  Ints all = to_ints(*axes);
  for (std::int64_t& axis : all) axis += axis < 0 ? shape.rank() : 0;
  std::ranges::sort(all);
  if (all.empty()) return std::nullopt;
  return all;
}

/// What a normalised value is made of: x, its mean (or -1) and 1 / sqrt(variance + epsilon).
struct Statistics {
  ValueId x = -1, mean = -1, deviation = -1;  // deviation: a value, or the inverse of one
  Ints axes;
  double epsilon = 0;
};

/// (x - mean)^2 or x^2.
bool find_x(const Graph& graph, ValueId squares, Statistics& found) {
  const Node& node = node_at(graph, producer_of(graph, squares));
  const auto is_mean = [&](ValueId mean, ValueId x) {
    const auto axes = reduced_axes(graph, mean, ReduceKind::mean);
    return axes == found.axes && node_at(graph, producer_of(graph, mean)).inputs[0] == x;
  };
  const auto* binary = std::get_if<ops::Binary>(&node.op);
  const auto* unary = std::get_if<ops::Unary>(&node.op);
  if (binary != nullptr && binary->kind == BinaryKind::squared_difference) {
    for (const int i : {0, 1}) {
      if (!is_mean(node.inputs[at(1 - i)], node.inputs[at(i)])) continue;
      found.x = node.inputs[at(i)];
      found.mean = node.inputs[at(1 - i)];
      return true;
    }
    return false;
  }
  const bool square =
      (unary != nullptr && unary->fn.kind == UnaryKind::square) ||
      (binary != nullptr && binary->kind == BinaryKind::mul && node.inputs[0] == node.inputs[1]);
  if (!square) return false;
  found.x = node.inputs[0];
  const Node& centered = node_at(graph, producer_of(graph, found.x));
  const auto* difference = std::get_if<ops::Binary>(&centered.op);
  if (difference != nullptr && difference->kind == BinaryKind::sub &&
      is_mean(centered.inputs[1], centered.inputs[0])) {
    found.x = centered.inputs[0];
    found.mean = centered.inputs[1];
  }
  return true;
}

/// rsqrt(variance + epsilon), or sqrt(variance + epsilon), of which the inverse is used.
std::optional<Statistics> statistics(const Graph& graph, NodeId id) {
  const Node& root = node_at(graph, id);
  const auto* unary = std::get_if<ops::Unary>(&root.op);
  if (unary == nullptr || !is_floating(type_of(graph, root.outputs[0]).dtype)) return std::nullopt;
  Statistics found;
  if (unary->fn.kind == UnaryKind::rsqrt) {
    found.deviation = root.outputs[0];
  } else if (unary->fn.kind == UnaryKind::sqrt) {
    found.deviation = inverse(root.outputs[0]);
  } else {
    return std::nullopt;
  }
  const Node& sum = node_at(graph, producer_of(graph, root.inputs[0]));
  const auto* binary = std::get_if<ops::Binary>(&sum.op);
  if (binary == nullptr || binary->kind != BinaryKind::add) return std::nullopt;
  for (const int i : {0, 1}) {
    const auto epsilon = scalar_number(graph, sum.inputs[at(1 - i)]);
    const auto axes = reduced_axes(graph, sum.inputs[at(i)], ReduceKind::mean);
    if (!epsilon || !axes || *epsilon < 0) continue;
    found.epsilon = *epsilon;
    found.axes = *axes;
    const Node& variance = node_at(graph, producer_of(graph, sum.inputs[at(i)]));
    if (find_x(graph, variance.inputs[0], found)) return found;
  }
  return std::nullopt;
}

/// A constant that broadcasts against x without changing its shape.
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

struct Scaled {
  ValueId scale = -1, offset = -1;
};

/// x d [s] - mean d [s] [+ o], with d the deviation.
std::optional<Scaled> normalised(const Graph& graph, const Terms& terms, const Statistics& of) {
  Scaled found;
  const auto scaled = [&](ValueId value, double coefficient) -> std::optional<ValueId> {
    for (const Term& term : terms) {
      std::vector<ValueId> rest = term.factors;
      const auto take = [&](ValueId factor) {
        const auto position = std::ranges::find(rest, factor);
        if (position == rest.end()) return false;
        rest.erase(position);
        return true;
      };
      if (term.coefficient != coefficient || !take(value) || !take(of.deviation)) continue;
      if (rest.size() > 1) return std::nullopt;
      return rest.empty() ? -1 : rest[0];
    }
    return std::nullopt;
  };
  const auto scale = scaled(of.x, 1);
  std::size_t wanted = 1;
  if (of.mean >= 0) {
    if (scaled(of.mean, -1) != scale) return std::nullopt;
    ++wanted;
  }
  if (!scale) return std::nullopt;
  found.scale = *scale;
  if (terms.size() == wanted + 1) {
    for (const Term& term : terms) {
      if (term.factors.size() == 1 && term.coefficient == 1) found.offset = term.factors[0];
    }
    if (found.offset < 0) return std::nullopt;
  } else if (terms.size() != wanted) {
    return std::nullopt;
  }
  for (const ValueId value : {found.scale, found.offset}) {
    if (value != -1 && (value < 0 || !spreads_over(graph, value, of.x))) return std::nullopt;
  }
  return found;
}

bool raise_statistics(Graph& graph, const std::vector<std::vector<NodeId>>& users,
                      const Statistics& of) {
  const ValueId deviation = of.deviation < 0 ? inverse(of.deviation) : of.deviation;
  std::vector<ValueId> symbols{of.x};
  if (of.mean >= 0) symbols.push_back(of.mean);
  if (of.deviation >= 0) symbols.push_back(of.deviation);
  std::vector<ValueId> results = elementwise_users(graph, users, deviation, of.x);
  std::ranges::reverse(results);  // the one with scale and offset first
  for (const ValueId result : results) {
    const auto terms = expand(graph, result, symbols);
    const auto match = terms ? normalised(graph, *terms, of) : std::nullopt;
    if (!match) continue;
    Node& node = node_at(graph, producer_of(graph, result));
    node.op =
        ops::Normalize{of.axes, of.epsilon, of.mean >= 0, match->scale >= 0, match->offset >= 0};
    node.inputs = {of.x};
    if (match->scale >= 0) node.inputs.push_back(match->scale);
    if (match->offset >= 0) node.inputs.push_back(match->offset);
    return true;
  }
  return false;
}

/// The other operand of the only user, a mul or add by a constant.
struct Next {
  NodeId user = kNoNode;
  ValueId constant = -1;
};

Next next_of(const Graph& graph, const std::vector<NodeId>& single_user, ValueId value,
             BinaryKind kind) {
  Next next;
  next.user = single_user[at(value)];
  if (next.user == kNoNode) return {};
  const Node& node = node_at(graph, next.user);
  const auto* binary = std::get_if<ops::Binary>(&node.op);
  if (binary == nullptr || binary->kind != kind || node.inputs[0] == node.inputs[1]) return {};
  next.constant = node.inputs[node.inputs[0] == value ? 1 : 0];
  if (!spreads_over(graph, next.constant, value)) return {};
  return next;
}

bool all_ones(const Graph& graph, ValueId value) {
  return std::ranges::all_of(to_doubles(*constant_of(graph, value)),
                             [](double number) { return number == 1; });
}

bool all_zeros(const Graph& graph, ValueId value) {
  return std::ranges::all_of(to_doubles(*constant_of(graph, value)),
                             [](double number) { return number == 0; });
}

/// normalize -> mul and add of constants become its scale and offset; ones and zeros go.
bool absorb(Graph& graph, NodeId id, std::vector<NodeId>& single_user) {
  bool changed = false;
  for (const BinaryKind kind : {BinaryKind::mul, BinaryKind::add}) {
    const auto& op = std::get<ops::Normalize>(node_at(graph, id).op);
    const ValueId value = node_at(graph, id).outputs[0];
    if (op.has_offset || (kind == BinaryKind::mul && op.has_scale)) continue;
    const Next next = next_of(graph, single_user, value, kind);
    if (next.user == kNoNode) continue;
    const bool nothing =
        kind == BinaryKind::mul ? all_ones(graph, next.constant) : all_zeros(graph, next.constant);
    if (!nothing) {
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

/// reshape -> normalize over the axis that holds a row -> reshape back, which tf-keras writes, is
/// normalize over the last axis.
bool skip_reshapes(Graph& graph, NodeId id, const std::vector<NodeId>& single_user) {
  const Node& node = node_at(graph, id);
  const auto& op = std::get<ops::Normalize>(node.op);
  const ValueId middle = node.inputs[0];
  if (op.has_scale || op.has_offset || producer_as<ops::Reshape>(graph, middle) == nullptr) {
    return false;
  }
  const ValueId x = node_at(graph, producer_of(graph, middle)).inputs[0];
  const NodeId back = single_user[at(node.outputs[0])];
  if (back == kNoNode || !std::holds_alternative<ops::Reshape>(node_at(graph, back).op)) {
    return false;
  }
  const ValueId result = node_at(graph, back).outputs[0];
  const TensorType &outer = type_of(graph, x), &inner = type_of(graph, middle);
  if (!outer.shape.is_static() || !inner.shape.is_static() || type_of(graph, result) != outer ||
      outer.shape.rank() == 0) {
    return false;
  }
  // All reduced axes stand behind all others that are not 1: a row of the memory.
  std::int64_t row = 1;
  bool kept = false;
  for (int axis = inner.shape.rank() - 1; axis >= 0; --axis) {
    const bool reduced = std::ranges::find_if(op.axes, [&](std::int64_t a) {
                           return a == axis || a == axis - inner.shape.rank();
                         }) != op.axes.end();
    if (inner.shape[axis] == 1) continue;
    if (reduced && kept) return false;
    kept = kept || !reduced;
    if (reduced) row *= inner.shape[axis];
  }
  const int last = outer.shape.rank() - 1;
  if (row != outer.shape[last]) return false;
  Node& changing = node_at(graph, back);
  changing.op = ops::Normalize{{last}, op.epsilon, op.centered, false, false};
  changing.inputs = {x};
  return true;
}

}  // namespace

bool fuse_normalization(Graph& graph) {
  bool changed = false;
  const std::vector<std::vector<NodeId>> users = users_of(graph);
  const std::size_t count = graph.nodes.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (const auto found = statistics(graph, static_cast<NodeId>(i))) {
      changed = raise_statistics(graph, users, *found) || changed;
    }
  }
  std::vector<NodeId> single_user = single_users(graph);
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = static_cast<NodeId>(i);
    if (!std::holds_alternative<ops::Normalize>(node_at(graph, id).op)) continue;
    const bool absorbed = absorb(graph, id, single_user);
    changed = skip_reshapes(graph, id, single_user) || absorbed || changed;
  }
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);
  }
  return for_subgraphs(graph, fuse_normalization) || changed;
}

}  // namespace thaw
