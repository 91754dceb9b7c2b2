// exp(x - max(x)) / sum(exp(x - max(x))) and x - max(x) - log(sum(exp(x - max(x)))).
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

std::optional<std::pair<Shifted, bool>> spelled_softmax(const Graph& graph, const Node& node) {
  const auto* binary = std::get_if<ops::Binary>(&node.op);
  if (binary == nullptr) return std::nullopt;
  if (binary->kind == BinaryKind::div) {
    const Node* exponential = unary_node(graph, node.inputs[0], UnaryKind::exp);
    const auto found = exponential ? shifted(graph, exponential->inputs[0]) : std::nullopt;
    if (!found || !sums_exponentials(graph, node.inputs[1], exponential->inputs[0], found->axes)) {
      return std::nullopt;
    }
    return std::pair{*found, false};
  }
  if (binary->kind != BinaryKind::sub) return std::nullopt;
  const auto found = shifted(graph, node.inputs[0]);
  const Node* logarithm = unary_node(graph, node.inputs[1], UnaryKind::log);
  if (!found || logarithm == nullptr ||
      !sums_exponentials(graph, logarithm->inputs[0], node.inputs[0], found->axes)) {
    return std::nullopt;
  }
  return std::pair{*found, true};
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
