// Where q, k and v of attention lie: behind transposes, scales, copies for groups of heads, and
// inside one product of all three.
#include <algorithm>

#include "runtime/passes/attention_pattern.h"
#include "runtime/passes/pass_util.h"

namespace thaw {
namespace {

using Ints = std::vector<std::int64_t>;

const Node* producer_node(const Graph& graph, ValueId value) {
  const NodeId producer = producer_of(graph, value);
  return producer == kNoNode ? nullptr : &node_at(graph, producer);
}

bool is_reshaping(const Op& op) {
  return std::holds_alternative<ops::Reshape>(op) || std::holds_alternative<ops::Squeeze>(op) ||
         std::holds_alternative<ops::ExpandDims>(op);
}

/// The position of `axis` in front of the transpose; -1 if the permutation is not known.
int axis_in_front(const Graph& graph, const Node& transpose, int axis) {
  const Tensor* permutation = constant_of(graph, transpose.inputs[1]);
  if (permutation == nullptr) return -1;
  const Ints order = to_ints(*permutation);
  const std::int64_t from = order[static_cast<std::size_t>(axis)];
  return static_cast<int>(from < 0 ? from + static_cast<std::int64_t>(order.size()) : from);
}

/// The product's other operand and its factor, if the node multiplies or divides by one number.
std::optional<std::pair<ValueId, double>> scaled_operand(const Graph& graph, const Node& node) {
  const auto* binary = std::get_if<ops::Binary>(&node.op);
  if (binary == nullptr) return std::nullopt;
  const bool product = binary->kind == BinaryKind::mul;
  if (!product && binary->kind != BinaryKind::div) return std::nullopt;
  const std::size_t number = product && attention_number(graph, node.inputs[0]) ? 0 : 1;
  const ValueId other = node.inputs[1 - number];
  const auto factor = attention_number(graph, node.inputs[number]);
  if (!factor || type_of(graph, other).shape != type_of(graph, node.outputs[0]).shape)
    return std::nullopt;
  return std::pair{other, product ? *factor : 1 / *factor};
}

/// One of equal parts of an axis: which, of what, along which axis, and whether the axis is gone.
struct Picked {
  ValueId from = -1;
  int axis = 0;
  std::int64_t begin = 0;
  bool shrinks = false;
};

std::optional<Picked> picked_by_slice(const Graph& graph, const Node& node) {
  const Shape& from = type_of(graph, node.inputs[0]).shape;
  const Shape& to = type_of(graph, node.outputs[0]).shape;
  const Tensor* begins = constant_of(graph, node.inputs[1]);
  if (begins == nullptr || from.rank() != to.rank()) return std::nullopt;
  const Ints begin = to_ints(*begins);
  Picked picked{node.inputs[0], -1, 0, false};
  for (int i = 0; i < from.rank(); ++i) {
    if (from[i] == to[i]) continue;
    if (picked.axis >= 0) return std::nullopt;
    picked.axis = i;
    picked.begin = begin[static_cast<std::size_t>(i)];
  }
  return picked.axis < 0 ? std::nullopt : std::optional(picked);
}

/// A strided slice that keeps all axes whole but one.
std::optional<Picked> picked_by_strides(const Graph& graph, const Node& node) {
  const auto& op = std::get<ops::StridedSlice>(node.op);
  const Tensor *begins = constant_of(graph, node.inputs[1]),
               *strides = constant_of(graph, node.inputs[3]);
  if (begins == nullptr || strides == nullptr || op.new_axis_mask != 0) return std::nullopt;
  const Ints begin = to_ints(*begins), stride = to_ints(*strides);
  if (std::ranges::any_of(stride, [](std::int64_t step) { return step != 1; })) return std::nullopt;
  const Shape& from = type_of(graph, node.inputs[0]).shape;
  const Shape& to = type_of(graph, node.outputs[0]).shape;
  const auto entries = static_cast<int>(begin.size());
  Picked picked{node.inputs[0], -1, 0, false};
  int axis = 0, result = 0;
  for (int i = 0; i < entries; ++i) {
    const std::int64_t bit = std::int64_t{1} << i;
    if ((op.ellipsis_mask & bit) != 0) {
      const int spanned = from.rank() - (entries - 1);
      if (spanned < 0) return std::nullopt;
      axis += spanned;
      result += spanned;
      continue;
    }
    if (axis >= from.rank()) return std::nullopt;
    const bool shrinks = (op.shrink_axis_mask & bit) != 0;
    if (shrinks || result >= to.rank() || to[result] != from[axis]) {
      if (picked.axis >= 0) return std::nullopt;
      const bool whole = (op.begin_mask & bit) != 0 && !shrinks;
      const std::int64_t at_entry = whole ? 0 : begin[static_cast<std::size_t>(i)];
      picked.axis = axis;
      picked.begin = at_entry < 0 ? at_entry + from[axis] : at_entry;
      picked.shrinks = shrinks;
    }
    ++axis;
    if (!shrinks) ++result;
  }
  return picked.axis < 0 ? std::nullopt : std::optional(picked);
}

std::optional<Picked> picked_by_split(const Graph& graph, const Node& node, ValueId value) {
  const auto& op = std::get<ops::Split>(node.op);
  const Shape& from = type_of(graph, node.inputs[0]).shape;
  Picked picked{node.inputs[0], static_cast<int>(op.axis < 0 ? op.axis + from.rank() : op.axis), 0,
                false};
  for (const ValueId output : node.outputs) {
    if (output == value) return picked;
    picked.begin += type_of(graph, output).shape[picked.axis];
  }
  return std::nullopt;
}

std::optional<Picked> picked_part(const Graph& graph, ValueId value) {
  const Node* node = producer_node(graph, value);
  if (node == nullptr || node->inputs.empty() ||
      !type_of(graph, node->inputs[0]).shape.is_static() ||
      !type_of(graph, value).shape.is_static()) {
    return std::nullopt;
  }
  if (std::holds_alternative<ops::Split>(node->op)) return picked_by_split(graph, *node, value);
  if (std::holds_alternative<ops::Slice>(node->op)) return picked_by_slice(graph, *node);
  if (std::holds_alternative<ops::StridedSlice>(node->op)) return picked_by_strides(graph, *node);
  if (const auto* unstack = std::get_if<ops::Unstack>(&node->op)) {
    const int rank = type_of(graph, node->inputs[0]).shape.rank();
    const auto found = std::ranges::find(node->outputs, value);
    return Picked{node->inputs[0],
                  static_cast<int>(unstack->axis < 0 ? unstack->axis + rank : unstack->axis),
                  found - node->outputs.begin(), true};
  }
  return std::nullopt;
}

/// [batch, steps, n, heads, width] of which one n is picked, perhaps through a transpose.
std::optional<AttentionColumns> picked_of_parts(const Graph& graph, const HeadAxes& heads) {
  const auto picked = picked_part(graph, heads.value);
  if (!picked) return std::nullopt;
  HeadAxes whole = heads;
  whole.value = picked->from;
  int part = picked->axis;
  for (int& axis : whole.axes) {
    if (axis >= 0 && picked->shrinks && axis >= part) ++axis;
  }
  if (producer_as<ops::Transpose>(graph, whole.value) != nullptr) {
    const Node& transpose = *producer_node(graph, whole.value);
    part = axis_in_front(graph, transpose, part);
    for (int& axis : whole.axes) axis = axis < 0 ? -1 : axis_in_front(graph, transpose, axis);
    whole.value = transpose.inputs[0];
  }
  if (part < 0) return std::nullopt;
  // The picked axis stands between the steps and the columns; all others are the four parts.
  const Shape& shape = type_of(graph, whole.value).shape;
  const std::int64_t columns =
      size_of_part(graph, heads, kHead) * size_of_part(graph, heads, kWidth);
  const std::int64_t batch = size_of_part(graph, heads, kBatch),
                     steps = size_of_part(graph, heads, kStep);
  const bool four = shape.num_elements() == batch * steps * shape[part] * columns;
  const bool ordered = in_order(graph, whole, {kBatch, kStep, kHead, kWidth});
  const bool between = (batch == 1 || whole.axes[kBatch] < part) &&
                       (steps == 1 || whole.axes[kStep] < part) &&
                       (size_of_part(graph, heads, kHead) == 1 || whole.axes[kHead] > part) &&
                       (size_of_part(graph, heads, kWidth) == 1 || whole.axes[kWidth] > part);
  if (!four || !ordered || !between) return std::nullopt;
  return AttentionColumns{whole.value, Shape{batch, steps, shape[part] * columns},
                          picked->begin * columns};
}

}  // namespace

void look_behind(const Graph& graph, HeadAxes& heads, double* scale) {
  for (;;) {
    const Node* node = producer_node(graph, heads.value);
    if (node == nullptr) return;
    if (std::holds_alternative<ops::Transpose>(node->op)) {
      if (constant_of(graph, node->inputs[1]) == nullptr) return;
      for (int& axis : heads.axes) axis = axis < 0 ? -1 : axis_in_front(graph, *node, axis);
      heads.value = node->inputs[0];
      continue;
    }
    const auto scaled = scale == nullptr ? std::nullopt : scaled_operand(graph, *node);
    if (!scaled) return;
    *scale *= scaled->second;
    heads.value = scaled->first;
  }
}

bool look_behind_groups(const Graph& graph, HeadAxes& heads) {
  const Node* joined = producer_node(graph, heads.value);
  const int axis = heads.axes[kHead];
  if (joined == nullptr || axis < 0 || !is_reshaping(joined->op)) return false;
  const Node* copied = producer_node(graph, joined->inputs[0]);
  if (copied == nullptr || (!std::holds_alternative<ops::Tile>(copied->op) &&
                            !std::holds_alternative<ops::BroadcastTo>(copied->op))) {
    return false;
  }
  // [..., groups, 1, ...] -> [..., groups, copies, ...] -> [..., heads, ...]
  const Shape& narrow = type_of(graph, copied->inputs[0]).shape;
  const Shape& wide = type_of(graph, copied->outputs[0]).shape;
  const Shape& joint = type_of(graph, heads.value).shape;
  if (!narrow.is_static() || narrow.rank() != wide.rank() || wide.rank() != joint.rank() + 1)
    return false;
  for (int i = 0; i < wide.rank(); ++i) {
    const std::int64_t joint_size = i <= axis ? joint[i] : joint[std::max(i - 1, 0)];
    if (i != axis && i != axis + 1 && (narrow[i] != wide[i] || wide[i] != joint_size)) return false;
  }
  if (narrow[axis] != wide[axis] || narrow[axis + 1] != 1) return false;
  // In front of it the groups alone: the axis of 1 may stay, behind which the others stand.
  HeadAxes groups = heads;
  groups.value = copied->inputs[0];
  for (const HeadPart part : {kBatch, kStep, kWidth}) {
    if (groups.axes[part] > axis) ++groups.axes[part];
  }
  heads = groups;
  const Node* expanded = producer_node(graph, heads.value);
  if (expanded == nullptr || !is_reshaping(expanded->op)) return true;
  // Without the axis of 1, where it was put in just there.
  const Shape& before = type_of(graph, expanded->inputs[0]).shape;
  Ints dims = narrow.dims();
  dims.erase(dims.begin() + axis + 1);
  if (before.is_static() && before.dims() == dims) {
    heads.value = expanded->inputs[0];
    for (int& each : heads.axes) each -= each > axis ? 1 : 0;
  }
  return true;
}

std::optional<AttentionColumns> columns_behind(const Graph& graph, const HeadAxes& heads,
                                               double* scale) {
  if (auto parts = picked_of_parts(graph, heads)) return parts;
  if (!in_order(graph, heads, {kBatch, kStep, kHead, kWidth})) return std::nullopt;
  const std::int64_t batch = size_of_part(graph, heads, kBatch),
                     steps = size_of_part(graph, heads, kStep);
  const Shape rows{batch, steps,
                   size_of_part(graph, heads, kHead) * size_of_part(graph, heads, kWidth)};
  double factor = 1, factor_there = 1;
  ValueId value = heads.value, there = -1;
  for (;;) {
    if (type_of(graph, value).shape == rows) {
      there = value;
      factor_there = factor;
    }
    const Node* node = producer_node(graph, value);
    if (node == nullptr) break;
    const auto scaled = scale == nullptr ? std::nullopt : scaled_operand(graph, *node);
    if (!scaled && !is_reshaping(node->op)) break;
    factor *= scaled ? scaled->second : 1;
    value = scaled ? scaled->first : node->inputs[0];
  }
  if (there < 0) return std::nullopt;
  AttentionColumns found{there, rows, 0};
  if (const auto picked = picked_part(graph, there);
      picked && picked->axis == 2 && !picked->shrinks) {
    found = {picked->from, type_of(graph, picked->from).shape, picked->begin};
  }
  if (scale != nullptr) *scale *= factor_there;
  return found;
}

}  // namespace thaw
