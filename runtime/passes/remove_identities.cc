// Drops nodes that hand their operand on unchanged, and pairs of layout changes that undo each
// other.
#include <algorithm>
#include <numeric>
#include <optional>

#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

using Ints = std::vector<std::int64_t>;

std::optional<Ints> constant_ints(const Graph& graph, ValueId id) {
  const Tensor* tensor = constant_of(graph, id);
  if (tensor == nullptr) return std::nullopt;
  if (tensor->dtype() != DType::int32 && tensor->dtype() != DType::int64) return std::nullopt;
  return to_ints(*tensor);
}

bool all_are(const std::optional<Ints>& values, std::int64_t wanted) {
  return values && std::all_of(values->begin(), values->end(),
                               [&](std::int64_t value) { return value == wanted; });
}

bool is_identity_permutation(const Ints& permutation) {
  for (std::size_t i = 0; i < permutation.size(); ++i) {
    if (permutation[i] != static_cast<std::int64_t>(i)) return false;
  }
  return true;
}

/// A constant shape that any x of this type already has: known sizes are repeated; one -1 may stand
/// for an unknown one, if the others leave it no other value.
bool keeps_shape(const Shape& x, const Ints& sizes) {
  if (!x.has_rank() || static_cast<std::size_t>(x.rank()) != sizes.size()) return false;
  int wildcards = 0;
  bool zero = false;
  for (int i = 0; i < x.rank(); ++i) {
    const std::int64_t size = sizes[static_cast<std::size_t>(i)];
    if (size == -1) {
      ++wildcards;
    } else if (x[i] != size) {
      return false;
    }
    zero = zero || size == 0;
  }
  return wildcards == 0 || (wildcards == 1 && !zero);
}

bool takes_all(const Shape& x, const std::optional<Ints>& begin, const std::optional<Ints>& size) {
  if (!all_are(begin, 0) || !size || !x.has_rank()) return false;
  if (size->size() != static_cast<std::size_t>(x.rank())) return false;
  for (int i = 0; i < x.rank(); ++i) {
    const std::int64_t asked = (*size)[static_cast<std::size_t>(i)];
    if (asked != -1 && asked != x[i]) return false;
  }
  return true;
}

Ints normal_axes(const Ints& axes, int rank) {
  Ints normal;
  for (const std::int64_t axis : axes) normal.push_back(axis < 0 ? axis + rank : axis);
  std::sort(normal.begin(), normal.end());
  return normal;
}

/// squeeze(expand_dims(x)) at the same axes.
std::optional<ValueId> undone_expansion(const Graph& graph, const Node& node) {
  const auto& squeeze = std::get<ops::Squeeze>(node.op);
  const auto* expand = producer_as<ops::ExpandDims>(graph, node.inputs[0]);
  const Shape& middle = type_of(graph, node.inputs[0]).shape;
  if (expand == nullptr || squeeze.axes.empty() || !middle.has_rank()) return std::nullopt;
  if (normal_axes(squeeze.axes, middle.rank()) != normal_axes(expand->axes, middle.rank())) {
    return std::nullopt;
  }
  return node_at(graph, producer_of(graph, node.inputs[0])).inputs[0];
}

/// The value that the node's only result always equals, if there is one.
std::optional<ValueId> equal_operand(const Graph& graph, const Node& node) {
  if (node.inputs.empty() || node.outputs.size() != 1) return std::nullopt;
  const ValueId x = node.inputs[0];
  const TensorType& type = type_of(graph, x);
  const auto ints = [&](std::size_t i) { return constant_ints(graph, node.inputs[i]); };
  bool same = false;
  if (std::holds_alternative<ops::Identity>(node.op)) {
    same = true;
  } else if (const auto* unary = std::get_if<ops::Unary>(&node.op)) {
    same = unary->fn.kind == UnaryKind::linear;
  } else if (const auto* cast = std::get_if<ops::Cast>(&node.op)) {
    same = cast->dtype == type.dtype;
  } else if (std::holds_alternative<ops::Transpose>(node.op)) {
    const auto permutation = ints(1);
    same = permutation && is_identity_permutation(*permutation);
  } else if (std::holds_alternative<ops::Reshape>(node.op)) {
    const auto sizes = ints(1);
    same = sizes && keeps_shape(type.shape, *sizes);
  } else if (const auto* expand = std::get_if<ops::ExpandDims>(&node.op)) {
    same = expand->axes.empty();
  } else if (std::holds_alternative<ops::Squeeze>(node.op)) {
    return undone_expansion(graph, node);
  } else if (std::holds_alternative<ops::BroadcastTo>(node.op)) {
    const auto sizes = ints(1);
    same = sizes && type.shape.is_static() && *sizes == type.shape.dims();
  } else if (std::holds_alternative<ops::Tile>(node.op)) {
    same = all_are(ints(1), 1);
  } else if (std::holds_alternative<ops::Pad>(node.op)) {
    same = all_are(ints(1), 0);
  } else if (std::holds_alternative<ops::Slice>(node.op)) {
    same = takes_all(type.shape, ints(1), ints(2));
  } else if (std::holds_alternative<ops::Concat>(node.op) ||
             std::holds_alternative<ops::Split>(node.op)) {
    same = node.inputs.size() == 1;
  } else if (const auto* reverse = std::get_if<ops::Reverse>(&node.op)) {
    same = reverse->axes.empty();
  } else if (std::holds_alternative<ops::Reduce>(node.op)) {
    const auto axes = ints(1);
    same = axes && axes->empty();
  }
  return same ? std::optional(x) : std::nullopt;
}

/// transpose(transpose(x)) -> one transpose of x, which may turn out to be the identity.
bool merge_transposes(Graph& graph, NodeId id) {
  const ValueId middle = node_at(graph, id).inputs[0];
  if (producer_as<ops::Transpose>(graph, middle) == nullptr) return false;
  const Node& inner = node_at(graph, producer_of(graph, middle));
  const auto first = constant_ints(graph, inner.inputs[1]);
  const auto second = constant_ints(graph, node_at(graph, id).inputs[1]);
  if (!first || !second || first->size() != second->size()) return false;
  const ValueId x = inner.inputs[0];
  Ints both;
  for (const std::int64_t axis : *second) both.push_back((*first)[static_cast<std::size_t>(axis)]);
  const Shape shape{static_cast<std::int64_t>(both.size())};
  const ValueId permutation =
      append_constant(graph, Tensor::from(shape, both), node_at(graph, id).name + "/permutation");
  node_at(graph, id).inputs = {x, permutation};
  return true;
}

/// The inner reshape accepts every x of its type, so that nothing is lost if it is not run.
bool always_fits(const Shape& x, const Ints& sizes) {
  if (x.is_static()) return true;  // inference has checked it
  if (!x.has_rank() || std::count(sizes.begin(), sizes.end(), -1) != 1) return false;
  std::int64_t others = 1, known = 1;
  for (const std::int64_t size : sizes) {
    if (size == 0 || (size > 0 && __builtin_mul_overflow(others, size, &others))) return false;
  }
  for (const std::int64_t dim : x.dims()) {
    if (dim == 0 || (dim > 0 && __builtin_mul_overflow(known, dim, &known))) return false;
  }
  return known % others == 0;
}

/// reshape(reshape(x)) with constant shapes -> reshape(x): the elements keep their order, so that
/// the outer shape alone decides.
bool skip_inner_reshape(Graph& graph, NodeId id) {
  Node& outer = node_at(graph, id);
  if (producer_as<ops::Reshape>(graph, outer.inputs[0]) == nullptr) return false;
  const Node& inner = node_at(graph, producer_of(graph, outer.inputs[0]));
  const auto first = constant_ints(graph, inner.inputs[1]);
  if (!first || !constant_ints(graph, outer.inputs[1])) return false;
  if (!always_fits(type_of(graph, inner.inputs[0]).shape, *first)) return false;
  outer.inputs[0] = inner.inputs[0];
  return true;
}

}  // namespace

bool remove_identities(Graph& graph) {
  bool changed = false;
  std::vector<ValueId> same(graph.values.size());  // what each value is replaced by
  std::iota(same.begin(), same.end(), 0);
  const std::size_t count = graph.nodes.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = static_cast<NodeId>(i);
    for (ValueId& input : graph.nodes[i].inputs) input = same[static_cast<std::size_t>(input)];
    if (std::holds_alternative<ops::Transpose>(graph.nodes[i].op)) {
      changed = merge_transposes(graph, id) || changed;
    } else if (std::holds_alternative<ops::Reshape>(graph.nodes[i].op)) {
      changed = skip_inner_reshape(graph, id) || changed;
    }
    if (const auto operand = equal_operand(graph, graph.nodes[i])) {
      same[static_cast<std::size_t>(graph.nodes[i].outputs[0])] = *operand;
      empty_node(graph, id);
      changed = true;
    }
  }
  for (ValueId& output : graph.outputs) output = same[static_cast<std::size_t>(output)];
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);  // the inner ones of pairs
  }
  return for_subgraphs(graph, remove_identities) || changed;
}

}  // namespace thaw
