// LayerNormalization and its relatives where a graph spells them out: mean, variance, rsqrt and
// products in any order become one normalize; scale and offset behind one become its operands.
#include <algorithm>
#include <optional>

#include "runtime/passes/expression.h"
#include "runtime/passes/normalization.h"
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
/// `wide`: x in float32, of which a half type's moments were taken.
struct Statistics {
  ValueId x = -1, mean = -1, deviation = -1;  // deviation: a value, or the inverse of one
  ValueId wide = -1;
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

/// What a half value was rounded from, if that was float32.
ValueId before_rounding(const Graph& graph, ValueId value) {
  const DType dtype = type_of(graph, value).dtype;
  if (dtype != DType::float16 && dtype != DType::bfloat16) return value;
  if (producer_as<ops::Cast>(graph, value) == nullptr) return value;
  const ValueId wide = node_at(graph, producer_of(graph, value)).inputs[0];
  return type_of(graph, wide).dtype == DType::float32 ? wide : value;
}

/// Moments of float32 that are used rounded to `dtype`: x and its mean as they are used.
bool narrow_moments(const Graph& graph, const std::vector<std::vector<NodeId>>& users, DType dtype,
                    Statistics& found) {
  if (producer_as<ops::Cast>(graph, found.x) == nullptr) return false;
  found.wide = found.x;
  found.x = node_at(graph, producer_of(graph, found.wide)).inputs[0];
  if (type_of(graph, found.x).dtype != dtype) return false;
  if (found.mean < 0) return true;
  for (const NodeId user : users[at(found.mean)]) {
    const auto* cast = std::get_if<ops::Cast>(&node_at(graph, user).op);
    if (cast == nullptr || cast->dtype != dtype) continue;
    found.mean = node_at(graph, user).outputs[0];
    return true;
  }
  return false;
}

/// rsqrt(variance + epsilon), or sqrt(variance + epsilon), of which the inverse is used.
std::optional<Statistics> statistics(const Graph& graph,
                                     const std::vector<std::vector<NodeId>>& users, NodeId id) {
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
    const ValueId variance = before_rounding(graph, sum.inputs[at(i)]);
    const auto axes = reduced_axes(graph, variance, ReduceKind::mean);
    if (!epsilon || !axes || *epsilon < 0) continue;
    found.epsilon = *epsilon;
    found.axes = *axes;
    if (!find_x(graph, node_at(graph, producer_of(graph, variance)).inputs[0], found)) continue;
    const DType dtype = type_of(graph, root.outputs[0]).dtype;
    const bool rounded = variance != sum.inputs[at(i)];
    if (!rounded || narrow_moments(graph, users, dtype, found)) return found;
  }
  return std::nullopt;
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

/// The constant in float32.
ValueId widened(Graph& graph, ValueId constant) {
  const Tensor& narrow = *constant_of(graph, constant);
  return append_constant(graph, from_doubles(DType::float32, narrow.shape(), to_doubles(narrow)),
                         graph.values[at(constant)].name);
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
    const ops::Normalize op{of.axes, of.epsilon, of.mean >= 0, match->scale >= 0,
                            match->offset >= 0};
    const bool rounded = of.wide >= 0;
    std::vector<ValueId> inputs{rounded ? of.wide : of.x};
    for (const ValueId constant : {match->scale, match->offset}) {
      if (constant >= 0) inputs.push_back(rounded ? widened(graph, constant) : constant);
    }
    const NodeId last = producer_of(graph, result);
    if (!rounded) {
      node_at(graph, last).op = op;
      node_at(graph, last).inputs = std::move(inputs);
      return true;
    }
    const std::string name = node_at(graph, last).name;
    const ValueId y = append_node(graph, op, std::move(inputs), type_of(graph, of.wide), name);
    node_at(graph, last).op = ops::Cast{type_of(graph, result).dtype};
    node_at(graph, last).inputs = {y};
    return true;
  }
  return false;
}

}  // namespace

bool fuse_normalization(Graph& graph) {
  bool changed = false;
  const std::vector<std::vector<NodeId>> users = users_of(graph);
  const std::size_t count = graph.nodes.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (const auto found = statistics(graph, users, static_cast<NodeId>(i))) {
      changed = raise_statistics(graph, users, *found) || changed;
    }
  }
  changed = complete_normalization(graph) || changed;
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);
  }
  return for_subgraphs(graph, fuse_normalization) || changed;
}

}  // namespace thaw
