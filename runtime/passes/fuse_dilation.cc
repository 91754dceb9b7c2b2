// space_to_batch -> conv -> batch_to_space, which TensorFlow writes for a dilated convolution on a
// CPU, becomes the dilated convolution.
#include <optional>

#include "runtime/ir/infer.h"
#include "runtime/passes/merge_types.h"
#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

using Ints = std::vector<std::int64_t>;

std::optional<Ints> ints_of(const Graph& graph, ValueId value) {
  const Tensor* tensor = constant_of(graph, value);
  if (tensor == nullptr) return std::nullopt;
  return to_ints(*tensor);
}

bool all_equal(const Ints& values, std::int64_t wanted) {
  for (const std::int64_t value : values) {
    if (value != wanted) return false;
  }
  return true;
}

/// The nodes of one dilated convolution. One-dimensional ones run as images of height 1, between
/// expand and squeeze.
struct Dilated {
  NodeId split = kNoNode, expand = kNoNode, conv = kNoNode, squeeze = kNoNode, join = kNoNode;
};

NodeId only_user(const std::vector<NodeId>& single_user, const Graph& graph, NodeId id) {
  return single_user[at(node_at(graph, id).outputs[0])];
}

std::optional<Dilated> find_dilated(const Graph& graph, const std::vector<NodeId>& single_user,
                                    NodeId id) {
  Dilated found;
  if (!std::holds_alternative<ops::SpaceToBatch>(node_at(graph, id).op)) return std::nullopt;
  found.split = id;
  NodeId next = only_user(single_user, graph, id);
  if (next == kNoNode) return std::nullopt;
  if (const auto* expand = std::get_if<ops::ExpandDims>(&node_at(graph, next).op)) {
    if (expand->axes != Ints{1} && expand->axes != Ints{-3}) return std::nullopt;
    found.expand = next;
    next = only_user(single_user, graph, next);
  }
  if (next == kNoNode || !std::holds_alternative<ops::Conv>(node_at(graph, next).op)) {
    return std::nullopt;
  }
  found.conv = next;
  next = only_user(single_user, graph, next);
  if (found.expand != kNoNode) {
    const auto* squeeze =
        next == kNoNode ? nullptr : std::get_if<ops::Squeeze>(&node_at(graph, next).op);
    if (squeeze == nullptr || (squeeze->axes != Ints{1} && squeeze->axes != Ints{-3})) {
      return std::nullopt;
    }
    found.squeeze = next;
    next = only_user(single_user, graph, next);
  }
  if (next == kNoNode || !std::holds_alternative<ops::BatchToSpace>(node_at(graph, next).op)) {
    return std::nullopt;
  }
  found.join = next;
  return found;
}

/// The same convolution without the detour; nothing if the crops ask for negative padding.
std::optional<ops::Conv> dilated(const Graph& graph, const Dilated& nodes) {
  const Node &split = node_at(graph, nodes.split), &join = node_at(graph, nodes.join);
  const auto block = ints_of(graph, split.inputs[1]), paddings = ints_of(graph, split.inputs[2]);
  const auto back = ints_of(graph, join.inputs[1]), crops = ints_of(graph, join.inputs[2]);
  auto conv = std::get<ops::Conv>(node_at(graph, nodes.conv).op);
  const bool padded = conv.padding.kind == PaddingKind::explicit_ &&
                      (!all_equal(conv.padding.before, 0) || !all_equal(conv.padding.after, 0));
  if (!block || !paddings || !crops || block != back || padded ||
      (conv.padding.kind != PaddingKind::valid && conv.padding.kind != PaddingKind::explicit_) ||
      !all_equal(conv.strides, 1) || !all_equal(conv.dilations, 1)) {
    return std::nullopt;
  }
  const std::size_t height = nodes.expand != kNoNode ? 1 : 0;  // an axis in front that stays
  if (block->size() + height != conv.dilations.size() || paddings->size() != 2 * block->size() ||
      crops->size() != paddings->size()) {
    return std::nullopt;
  }
  conv.padding = {PaddingKind::explicit_, Ints(conv.dilations.size(), 0),
                  Ints(conv.dilations.size(), 0)};
  for (std::size_t i = 0; i < block->size(); ++i) {
    const std::int64_t before = (*paddings)[2 * i] - (*crops)[2 * i];
    const std::int64_t after = (*paddings)[2 * i + 1] - (*crops)[2 * i + 1];
    if ((*block)[i] < 1 || before < 0 || after < 0) return std::nullopt;
    conv.dilations[i + height] = (*block)[i];
    conv.padding.before[i + height] = before;
    conv.padding.after[i + height] = after;
  }
  if (all_equal(conv.padding.before, 0) && all_equal(conv.padding.after, 0)) {
    conv.padding = {};
  }
  return conv;
}

/// The type of the node's result once more, from its operands as they are now.
void infer_again(Graph& graph, NodeId id) {
  const Node& node = node_at(graph, id);
  graph.values[at(node.outputs[0])].type = infer_node(graph, node, graph)[0];
}

void replace_dilated(Graph& graph, const Dilated& nodes, ops::Conv conv) {
  const ValueId x = node_at(graph, nodes.split).inputs[0];
  const ValueId result = node_at(graph, nodes.join).outputs[0];
  node_at(graph, nodes.conv).op = std::move(conv);
  NodeId last = nodes.conv;
  if (nodes.expand == kNoNode) {
    node_at(graph, nodes.conv).inputs[0] = x;
    infer_again(graph, nodes.conv);
  } else {
    node_at(graph, nodes.expand).inputs[0] = x;
    for (const NodeId id : {nodes.expand, nodes.conv, nodes.squeeze}) infer_again(graph, id);
    last = nodes.squeeze;
  }
  const ValueId value = node_at(graph, last).outputs[0];
  graph.values[at(value)].type = refine_type(type_of(graph, value), type_of(graph, result));
  replace_uses(graph, result, value);
  empty_node(graph, nodes.join);
  empty_node(graph, nodes.split);
}

}  // namespace

bool fuse_dilation(Graph& graph) {
  bool changed = false;
  const std::vector<NodeId> single_user = single_users(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto nodes = find_dilated(graph, single_user, static_cast<NodeId>(i));
    auto conv = nodes ? dilated(graph, *nodes) : std::nullopt;
    if (!conv) continue;
    replace_dilated(graph, *nodes, std::move(*conv));
    changed = true;
  }
  if (changed) {
    normalize(graph);
    remove_dead_code(graph);
  }
  return for_subgraphs(graph, fuse_dilation) || changed;
}

}  // namespace thaw
