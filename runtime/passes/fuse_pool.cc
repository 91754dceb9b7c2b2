// conv -> the largest of each 2 x 2 block becomes a conv that keeps only these.
#include <algorithm>

#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

constexpr std::int64_t kBlock = 2;

bool all_are(const std::vector<std::int64_t>& values, std::int64_t wanted) {
  return std::all_of(values.begin(), values.end(),
                     [&](std::int64_t value) { return value == wanted; });
}

/// On two axes in steps of one pixel: those that there are kernels for.
bool can_pool(const Graph& graph, const Node& node) {
  const auto* conv = std::get_if<ops::Conv>(&node.op);
  return conv != nullptr && conv->pool == 1 && conv->groups == 1 && conv->strides.size() == 2 &&
         all_are(conv->strides, 1) && constant_of(graph, node.inputs[1]) != nullptr &&
         type_of(graph, node.outputs[0]).dtype == DType::float32;
}

/// Whether `pool` takes whole blocks of `shape` alone.
bool takes_blocks(const ops::Pool& pool, const Shape& shape) {
  if (pool.kind != PoolKind::max || !all_are(pool.window, kBlock) ||
      !all_are(pool.strides, kBlock)) {
    return false;
  }
  switch (pool.padding.kind) {
    case PaddingKind::valid: return true;
    case PaddingKind::explicit_:
      return all_are(pool.padding.before, 0) && all_are(pool.padding.after, 0);
    case PaddingKind::same: break;
    case PaddingKind::causal: return false;
  }
  for (int axis = 1; axis + 1 < shape.rank(); ++axis) {
    if (shape[axis] < 0 || shape[axis] % kBlock != 0) return false;
  }
  return true;
}

}  // namespace

bool fuse_pool(Graph& graph) {
  bool changed = false;
  const std::vector<NodeId> single_user = single_users(graph);
  for (Node& node : graph.nodes) {
    if (!can_pool(graph, node)) continue;
    const ValueId pixels = node.outputs[0];
    const NodeId user = single_user[static_cast<std::size_t>(pixels)];
    if (user == kNoNode) continue;
    const auto* pool = std::get_if<ops::Pool>(&node_at(graph, user).op);
    if (pool == nullptr || !takes_blocks(*pool, type_of(graph, pixels).shape)) continue;
    const ValueId pooled = node_at(graph, user).outputs[0];
    std::get<ops::Conv>(node.op).pool = kBlock;
    graph.values[static_cast<std::size_t>(pixels)].type = type_of(graph, pooled);
    replace_uses(graph, pooled, pixels);
    empty_node(graph, user);
    changed = true;
  }
  if (changed) normalize(graph);
  return for_subgraphs(graph, fuse_pool) || changed;
}

}  // namespace thaw
