// What tf.nn.weighted_moments leaves when all weights are 1: products with ones go, and a sum over
// its count is a mean. For a graph whose shapes are known.
#include <algorithm>
#include <cstring>

#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

/// All elements of a float32 or float64 constant are `wanted`; large ones are not looked at.
bool holds_only(const Graph& graph, ValueId value, double wanted) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 20;  // what folding makes
  const Tensor* constant = constant_of(graph, value);
  if (constant == nullptr || constant->stored() != nullptr || constant->num_elements() == 0 ||
      constant->size_bytes() > kMostBytes) {
    return false;
  }
  const auto count = static_cast<std::size_t>(constant->num_elements());
  const auto all = [&]<class T>(T) {
    const T* elements = static_cast<const T*>(constant->data());
    return std::all_of(elements, elements + count, [wanted](T x) { return x == wanted; });
  };
  if (constant->dtype() == DType::float32) return all(float{});
  return constant->dtype() == DType::float64 && all(double{});
}

/// The other operand of a product with ones that has the result's type.
ValueId unweighted(const Graph& graph, const Node& node) {
  const auto* binary = std::get_if<ops::Binary>(&node.op);
  if (binary == nullptr || binary->kind != BinaryKind::mul) return -1;
  for (const std::size_t i : {0, 1}) {
    const ValueId x = node.inputs[i];
    if (type_of(graph, x) == type_of(graph, node.outputs[0]) &&
        holds_only(graph, node.inputs[1 - i], 1)) {
      return x;
    }
  }
  return -1;
}

/// The reduction whose sum the node divides by the number of its terms.
const Node* counted_sum(const Graph& graph, const std::vector<int>& uses, const Node& node) {
  const auto* binary = std::get_if<ops::Binary>(&node.op);
  if (binary == nullptr ||
      (binary->kind != BinaryKind::div && binary->kind != BinaryKind::div_no_nan)) {
    return nullptr;
  }
  const auto* reduce = producer_as<ops::Reduce>(graph, node.inputs[0]);
  const TensorType& type = type_of(graph, node.outputs[0]);
  if (reduce == nullptr || reduce->kind != ReduceKind::sum || uses[at(node.inputs[0])] != 1 ||
      type_of(graph, node.inputs[0]) != type || !type.shape.is_static()) {
    return nullptr;
  }
  const Node& sum = node_at(graph, producer_of(graph, node.inputs[0]));
  const Shape& from = type_of(graph, sum.inputs[0]).shape;
  if (!from.is_static() || type.shape.num_elements() == 0) return nullptr;
  const std::int64_t terms = from.num_elements() / type.shape.num_elements();
  const bool counts = terms > 0 && holds_only(graph, node.inputs[1], static_cast<double>(terms));
  return counts ? &sum : nullptr;
}

}  // namespace

bool fuse_moments(Graph& graph) {
  bool changed = false;
  const std::vector<int> uses = use_counts(graph);
  for (Node& node : graph.nodes) {
    if (const ValueId x = unweighted(graph, node); x >= 0) {
      node.op = ops::Identity{};
      node.inputs = {x};
      changed = true;
    } else if (const Node* sum = counted_sum(graph, uses, node)) {
      const bool keep_dims = std::get<ops::Reduce>(sum->op).keep_dims;
      const std::vector<ValueId> inputs = sum->inputs;
      node.op = ops::Reduce{ReduceKind::mean, keep_dims};
      node.inputs = inputs;
      changed = true;
    }
  }
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);
  }
  return changed;
}

}  // namespace thaw
