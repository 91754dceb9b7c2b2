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

/// `padding` with amounts around [batch, spatial..., channels], before and after each; nothing if
/// they are around others than the spatial axes.
std::optional<Padding> padded(const Ints& around, const Padding& padding, std::size_t spatial) {
  const bool plain = padding.kind == PaddingKind::valid;
  if (!plain && padding.kind != PaddingKind::explicit_) return std::nullopt;
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

/// conv(expand_dims(pad(x))), as a convolution of sequences is spelled.
bool fuse_pad_of_sequence(Graph& graph, NodeId id) {
  const auto* conv = std::get_if<ops::Conv>(&node_at(graph, id).op);
  const auto* expand =
      conv == nullptr ? nullptr : producer_as<ops::ExpandDims>(graph, node_at(graph, id).inputs[0]);
  if (expand == nullptr || expand->axes.size() != 1) return false;
  const ValueId expanded = node_at(graph, id).inputs[0];
  const Node& expansion = node_at(graph, producer_of(graph, expanded));
  const NodeId padding = producer_of(graph, expansion.inputs[0]);
  const int rank = static_cast<int>(conv->strides.size()) + 2;
  const std::int64_t axis = expand->axes[0] < 0 ? expand->axes[0] + rank : expand->axes[0];
  if (padding == kNoNode || !pads_with_zeros(graph, node_at(graph, padding)) || axis < 1 ||
      axis > rank - 2) {
    return false;
  }
  const ValueId x = node_at(graph, padding).inputs[0];
  const Tensor* amounts = constant_of(graph, node_at(graph, padding).inputs[1]);
  const TensorType type = type_of(graph, x);
  if (amounts == nullptr || !type.shape.has_rank() || type.shape.rank() != rank - 1) return false;
  Ints around = to_ints(*amounts);
  if (around.size() != 2 * static_cast<std::size_t>(rank - 1)) return false;
  around.insert(around.begin() + 2 * axis, {0, 0});
  const auto sum = padded(around, conv->padding, conv->strides.size());
  if (!sum) return false;
  Ints dims = type.shape.dims();
  dims.insert(dims.begin() + axis, 1);
  const std::string name = node_at(graph, producer_of(graph, expanded)).name;
  const ValueId whole =
      append_node(graph, ops::ExpandDims{{axis}}, {x}, {type.dtype, Shape(std::move(dims))}, name);
  Node& node = node_at(graph, id);
  std::get<ops::Conv>(node.op).padding = *sum;
  node.inputs[0] = whole;
  return true;
}

}  // namespace

bool fuse_pad(Graph& graph) {
  bool changed = false;
  const std::size_t count = graph.nodes.size();
  for (std::size_t i = 0; i < count; ++i)
    changed = fuse_pad_of_sequence(graph, static_cast<NodeId>(i)) || changed;
  for (Node& node : graph.nodes) {
    auto* conv = std::get_if<ops::Conv>(&node.op);
    if (conv == nullptr) continue;
    const NodeId producer = producer_of(graph, node.inputs[0]);
    if (producer == kNoNode || !pads_with_zeros(graph, node_at(graph, producer))) continue;
    const Node& pad = node_at(graph, producer);
    const Tensor* amounts = constant_of(graph, pad.inputs[1]);
    if (amounts == nullptr) continue;
    auto padding = padded(to_ints(*amounts), conv->padding, conv->strides.size());
    if (!padding) continue;
    conv->padding = std::move(*padding);
    node.inputs[0] = pad.inputs[0];
    changed = true;
  }
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);
  }
  return for_subgraphs(graph, fuse_pad) || changed;
}

}  // namespace thaw
