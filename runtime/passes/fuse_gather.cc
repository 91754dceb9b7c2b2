// Indices below 0 that count from the end, which a graph spells out in front of gather, become
// gather's own.
#include <optional>

#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

bool is_number(const Graph& graph, ValueId value, std::int64_t wanted) {
  const Tensor* constant = constant_of(graph, value);
  if (constant == nullptr || constant->num_elements() != 1) return false;
  if (constant->dtype() != DType::int32 && constant->dtype() != DType::int64) return false;
  return to_ints(*constant)[0] == wanted;
}

/// The value is true where x is below 0; `otherwise`: where it is not.
bool tells_sign(const Graph& graph, ValueId value, ValueId x, bool otherwise) {
  const auto* binary = producer_as<ops::Binary>(graph, value);
  if (binary == nullptr) return false;
  const Node& node = node_at(graph, producer_of(graph, value));
  const BinaryKind forward = otherwise ? BinaryKind::greater_equal : BinaryKind::less;
  const BinaryKind backward = otherwise ? BinaryKind::less_equal : BinaryKind::greater;
  const bool behind = binary->kind == forward && node.inputs[0] == x;
  const bool in_front = binary->kind == backward && node.inputs[1] == x;
  return (behind && is_number(graph, node.inputs[1], 0)) ||
         (in_front && is_number(graph, node.inputs[0], 0));
}

bool adds_size(const Graph& graph, ValueId value, ValueId x, std::int64_t size) {
  const auto* binary = producer_as<ops::Binary>(graph, value);
  if (binary == nullptr || binary->kind != BinaryKind::add) return false;
  const Node& node = node_at(graph, producer_of(graph, value));
  return (node.inputs[0] == x && is_number(graph, node.inputs[1], size)) ||
         (node.inputs[1] == x && is_number(graph, node.inputs[0], size));
}

/// x of select(x < 0, x + size, x) and of select(x >= 0, x, x + size).
std::optional<ValueId> counted_from_the_end(const Graph& graph, ValueId indices,
                                            std::int64_t size) {
  if (size < 0 || producer_as<ops::Select>(graph, indices) == nullptr) return std::nullopt;
  const Node& node = node_at(graph, producer_of(graph, indices));
  for (const bool otherwise : {false, true}) {
    const ValueId x = node.inputs[otherwise ? 1 : 2], moved = node.inputs[otherwise ? 2 : 1];
    if (type_of(graph, x) != type_of(graph, indices)) continue;
    if (tells_sign(graph, node.inputs[0], x, otherwise) && adds_size(graph, moved, x, size))
      return x;
  }
  return std::nullopt;
}

}  // namespace

bool fuse_gather(Graph& graph) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    auto* gather = std::get_if<ops::Gather>(&node.op);
    if (gather == nullptr || gather->from_end) continue;
    const Shape& params = type_of(graph, node.inputs[0]).shape;
    if (!params.has_rank()) continue;
    const std::int64_t axis = gather->axis < 0 ? gather->axis + params.rank() : gather->axis;
    const auto x = counted_from_the_end(graph, node.inputs[1], params[static_cast<int>(axis)]);
    if (!x) continue;
    gather->from_end = true;
    node.inputs[1] = *x;
    changed = true;
  }
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);
  }
  return for_subgraphs(graph, fuse_gather) || changed;
}

}  // namespace thaw
