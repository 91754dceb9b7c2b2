// Zeros padded along the spatial axes in front of conv become its own padding.
#include <algorithm>
#include <optional>

#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

using Ints = std::vector<std::int64_t>;

bool pads_with_zeros(const Graph& graph, const Node& node) {
  const auto* pad = std::get_if<ops::Pad>(&node.op);
  if (pad == nullptr || pad->mode != PadMode::constant) return false;
  if (!is_floating(type_of(graph, node.outputs[0]).dtype)) return false;
  if (node.inputs.size() < 3) return true;
  const Tensor* value = constant_of(graph, node.inputs[2]);
  return value != nullptr && to_doubles(*value)[0] == 0;
}

/// `padding` with what the node adds around the spatial axes; nothing if it adds anything else.
std::optional<Padding> padded(const Graph& graph, const Node& node, const Padding& padding,
                              std::size_t spatial) {
  const bool plain = padding.kind == PaddingKind::valid;
  if (!plain && padding.kind != PaddingKind::explicit_) return std::nullopt;
  const Tensor* amounts = constant_of(graph, node.inputs[1]);
  if (amounts == nullptr) return std::nullopt;
  const Ints around = to_ints(*amounts);  // [batch, spatial..., channels] x [before, after]
  if (around.size() != 2 * (spatial + 2)) return std::nullopt;
  const bool others =
      around[0] != 0 || around[1] != 0 || around[around.size() - 2] != 0 || around.back() != 0;
  if (others || *std::min_element(around.begin(), around.end()) < 0) return std::nullopt;
  Padding sum{PaddingKind::explicit_, Ints(spatial, 0), Ints(spatial, 0)};
  for (std::size_t i = 0; i < spatial; ++i) {
    const std::int64_t before = plain ? 0 : padding.before[i], after = plain ? 0 : padding.after[i];
    if (__builtin_add_overflow(before, around[2 * i + 2], &sum.before[i]) ||
        __builtin_add_overflow(after, around[2 * i + 3], &sum.after[i])) {
      return std::nullopt;
    }
  }
  return sum;
}

}  // namespace

bool fuse_pad(Graph& graph) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    auto* conv = std::get_if<ops::Conv>(&node.op);
    if (conv == nullptr) continue;
    const NodeId producer = producer_of(graph, node.inputs[0]);
    if (producer == kNoNode || !pads_with_zeros(graph, node_at(graph, producer))) continue;
    const Node& pad = node_at(graph, producer);
    auto padding = padded(graph, pad, conv->padding, conv->strides.size());
    if (!padding) continue;
    conv->padding = std::move(*padding);
    node.inputs[0] = pad.inputs[0];
    changed = true;
  }
  if (changed) normalize(graph);
  return for_subgraphs(graph, fuse_pad) || changed;
}

}  // namespace thaw
