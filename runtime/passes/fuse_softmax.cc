// exp(x - max(x)) / sum(exp(x - max(x))) and x - max(x) - log(sum(exp(x - max(x)))), with what
// tf.reduce_logsumexp makes of them.
#include <algorithm>
#include <optional>

#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

using Ints = std::vector<std::int64_t>;

const Node* binary_node(const Graph& graph, ValueId value, BinaryKind kind) {
  const auto* binary = producer_as<ops::Binary>(graph, value);
  if (binary == nullptr || binary->kind != kind) return nullptr;
  return &node_at(graph, producer_of(graph, value));
}

const Node* unary_node(const Graph& graph, ValueId value, UnaryKind kind) {
  const auto* unary = producer_as<ops::Unary>(graph, value);
  if (unary == nullptr || unary->fn.kind != kind) return nullptr;
  return &node_at(graph, producer_of(graph, value));
}

/// The axes of a reduction of `x` that keeps them.
std::optional<Ints> axes_of(const Graph& graph, ValueId value, ReduceKind kind, ValueId x) {
  const auto* reduce = producer_as<ops::Reduce>(graph, value);
  if (reduce == nullptr || reduce->kind != kind || !reduce->keep_dims) return std::nullopt;
  const Node& node = node_at(graph, producer_of(graph, value));
  const Tensor* axes = constant_of(graph, node.inputs[1]);
  const Shape& shape = type_of(graph, x).shape;
  if (node.inputs[0] != x || axes == nullptr || !shape.has_rank()) return std::nullopt;
  Ints all = to_ints(*axes);
  for (std::int64_t& axis : all) axis += axis < 0 ? shape.rank() : 0;
  std::ranges::sort(all);
  if (all.empty()) return std::nullopt;
  return all;
}

struct Shifted {
  ValueId x = -1;
  Ints axes;
};

/// x - max(x).
std::optional<Shifted> shifted(const Graph& graph, ValueId value) {
  const Node* difference = binary_node(graph, value, BinaryKind::sub);
  if (difference == nullptr) return std::nullopt;
  const auto axes = axes_of(graph, difference->inputs[1], ReduceKind::max, difference->inputs[0]);
  if (!axes) return std::nullopt;
  return Shifted{difference->inputs[0], *axes};
}

/// The operand of exp in sum(exp(.)) over these axes.
bool sums_exponentials(const Graph& graph, ValueId sum, ValueId of, const Ints& axes) {
  const Node& node = node_at(graph, producer_of(graph, sum));
  if (!std::holds_alternative<ops::Reduce>(node.op)) return false;
  const Node* exponential = unary_node(graph, node.inputs[0], UnaryKind::exp);
  return exponential != nullptr && exponential->inputs[0] == of &&
         axes_of(graph, sum, ReduceKind::sum, node.inputs[0]) == axes;
}

/// exp(x - max) of exp(x - max) / sum or exp(x - max) * (1 / sum), and the sum.
std::optional<std::pair<ValueId, ValueId>> share_and_sum(const Graph& graph, const Node& node) {
  const BinaryKind kind = std::get<ops::Binary>(node.op).kind;
  if (kind == BinaryKind::div) return std::pair{node.inputs[0], node.inputs[1]};
  if (kind != BinaryKind::mul) return std::nullopt;
  for (const std::size_t i : {0, 1}) {
    const Node* inverse = unary_node(graph, node.inputs[1 - i], UnaryKind::reciprocal);
    if (inverse != nullptr) return std::pair{node.inputs[i], inverse->inputs[0]};
  }
  return std::nullopt;
}

/// The value is max(x), or that where it is finite and 0 elsewhere.
bool is_maximum(const Graph& graph, ValueId value, ValueId x, const Ints& axes) {
  if (producer_as<ops::Select>(graph, value) == nullptr)
    return axes_of(graph, value, ReduceKind::max, x) == axes;
  const Node& select = node_at(graph, producer_of(graph, value));
  const Node* finite = unary_node(graph, select.inputs[0], UnaryKind::is_finite);
  const Tensor* other = constant_of(graph, select.inputs[2]);
  return finite != nullptr && finite->inputs[0] == select.inputs[1] && other != nullptr &&
         other->num_elements() == 1 && is_floating(other->dtype()) && to_doubles(*other)[0] == 0 &&
         axes_of(graph, select.inputs[1], ReduceKind::max, x) == axes;
}

/// log(sum(exp(x - m))) + m, as tf.reduce_logsumexp has it.
std::optional<Ints> axes_of_logarithm(const Graph& graph, ValueId value, ValueId x) {
  const Node* sum = binary_node(graph, value, BinaryKind::add);
  if (sum == nullptr) return std::nullopt;
  for (const std::size_t i : {0, 1}) {
    const Node* logarithm = unary_node(graph, sum->inputs[i], UnaryKind::log);
    const ValueId maximum = sum->inputs[1 - i];
    if (logarithm == nullptr || producer_as<ops::Reduce>(graph, logarithm->inputs[0]) == nullptr) {
      continue;
    }
    const Node& reduce = node_at(graph, producer_of(graph, logarithm->inputs[0]));
    const Node* exponential = unary_node(graph, reduce.inputs[0], UnaryKind::exp);
    const auto axes = axes_of(graph, logarithm->inputs[0], ReduceKind::sum, reduce.inputs[0]);
    if (exponential == nullptr || !axes) continue;
    const Node* difference = binary_node(graph, exponential->inputs[0], BinaryKind::sub);
    if (difference != nullptr && difference->inputs[0] == x && difference->inputs[1] == maximum &&
        is_maximum(graph, maximum, x, *axes)) {
      return axes;
    }
  }
  return std::nullopt;
}

std::optional<std::pair<Shifted, bool>> spelled_in_binary(const Graph& graph, const Node& node) {
  if (const auto parts = share_and_sum(graph, node)) {
    const Node* exponential = unary_node(graph, parts->first, UnaryKind::exp);
    const auto found = exponential ? shifted(graph, exponential->inputs[0]) : std::nullopt;
    if (!found || !sums_exponentials(graph, parts->second, exponential->inputs[0], found->axes))
      return std::nullopt;
    return std::pair{*found, false};
  }
  if (std::get<ops::Binary>(node.op).kind != BinaryKind::sub) return std::nullopt;
  if (const auto axes = axes_of_logarithm(graph, node.inputs[1], node.inputs[0]))
    return std::pair{Shifted{node.inputs[0], *axes}, true};
  const auto found = shifted(graph, node.inputs[0]);
  const Node* logarithm = unary_node(graph, node.inputs[1], UnaryKind::log);
  if (!found || logarithm == nullptr ||
      !sums_exponentials(graph, logarithm->inputs[0], node.inputs[0], found->axes)) {
    return std::nullopt;
  }
  return std::pair{*found, true};
}

Ints positive(Ints axes, int rank) {
  for (std::int64_t& axis : axes) axis += axis < 0 ? rank : 0;
  std::ranges::sort(axes);
  return axes;
}

std::optional<std::pair<Shifted, bool>> spelled_softmax(const Graph& graph, const Node& node) {
  if (std::holds_alternative<ops::Binary>(node.op)) return spelled_in_binary(graph, node);
  // The exponential of the logarithm.
  const auto* unary = std::get_if<ops::Unary>(&node.op);
  if (unary != nullptr && unary->fn.kind == UnaryKind::exp) {
    const auto* inner = producer_as<ops::Softmax>(graph, node.inputs[0]);
    if (inner == nullptr || !inner->log) return std::nullopt;
    const ValueId x = node_at(graph, producer_of(graph, node.inputs[0])).inputs[0];
    return std::pair{Shifted{x, inner->axes}, false};
  }
  // What softmax itself takes away may have been taken away before.
  const auto* softmax = std::get_if<ops::Softmax>(&node.op);
  if (softmax == nullptr) return std::nullopt;
  const auto found = shifted(graph, node.inputs[0]);
  const Shape& shape = type_of(graph, node.inputs[0]).shape;
  if (!found || !shape.has_rank() || found->axes != positive(softmax->axes, shape.rank()))
    return std::nullopt;
  return std::pair{Shifted{found->x, softmax->axes}, softmax->log};
}

}  // namespace

bool fuse_softmax(Graph& graph) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    const auto found = spelled_softmax(graph, node);
    if (!found || !is_floating(type_of(graph, found->first.x).dtype)) continue;
    node.op = ops::Softmax{found->first.axes, found->second};
    node.inputs = {found->first.x};
    changed = true;
  }
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);
  }
  return for_subgraphs(graph, fuse_softmax) || changed;
}

}  // namespace thaw
