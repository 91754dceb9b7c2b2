#include "loaders/tf/graph_query.h"

#include <algorithm>

namespace thaw::tf {
namespace {

using Ints = std::vector<std::int64_t>;

}  // namespace

ValueId skip_identity(const Graph& graph, ValueId value) {
  while (std::holds_alternative<ops::Identity>(producer(graph, value).op)) {
    value = producer(graph, value).inputs[0];
  }
  return value;
}

const Node& producer(const Graph& graph, ValueId value) {
  return graph.nodes[at(graph.values[at(value)].producer)];
}

std::optional<double> scalar_constant(const Graph& graph, ValueId value) {
  const Tensor* constant = constant_of(graph, value);
  if (constant == nullptr || constant->num_elements() != 1) return std::nullopt;
  switch (constant->dtype()) {
    case DType::float32: return constant->data<float>()[0];
    case DType::float64: return constant->data<double>()[0];
    case DType::float16: return to_float(constant->data<float16>()[0]);
    case DType::bfloat16: return to_float(constant->data<bfloat16>()[0]);
    case DType::int32: return constant->data<std::int32_t>()[0];
    case DType::int64: return static_cast<double>(constant->data<std::int64_t>()[0]);
    default: return std::nullopt;
  }
}

bool is_zero(const Graph& g, ValueId value) {
  value = skip_identity(g, value);
  if (const Tensor* constant = constant_of(g, value)) {
    if (constant->dtype() == DType::string || size_of(constant->dtype()) == 0) return false;
    const auto* bytes = static_cast<const unsigned char*>(constant->data());
    return std::all_of(bytes, bytes + constant->size_bytes(),
                       [](unsigned char b) { return b == 0; });
  }
  const Node& node = producer(g, value);
  if (std::holds_alternative<ops::Conv>(node.op)) {  // how ConvLSTM makes its first states
    return is_zero(g, node.inputs[0]) && is_zero(g, node.inputs[1]);
  }
  const auto* reduce = std::get_if<ops::Reduce>(&node.op);
  const bool kept = std::holds_alternative<ops::BroadcastTo>(node.op) ||
                    std::holds_alternative<ops::ExpandDims>(node.op) ||
                    std::holds_alternative<ops::Squeeze>(node.op) ||
                    std::holds_alternative<ops::Transpose>(node.op) ||
                    (reduce != nullptr && reduce->kind == ReduceKind::sum);
  return kept && is_zero(g, node.inputs[0]);
}

bool moves_elements(const Op& op) {
  return std::holds_alternative<ops::Split>(op) || std::holds_alternative<ops::StridedSlice>(op) ||
         std::holds_alternative<ops::Slice>(op) || std::holds_alternative<ops::Reshape>(op) ||
         std::holds_alternative<ops::Squeeze>(op) || std::holds_alternative<ops::ExpandDims>(op) ||
         std::holds_alternative<ops::Unstack>(op);
}

std::optional<Ints> constant_ints(const Graph& g, ValueId value) {
  const Tensor* constant = constant_of(g, value);
  if (constant == nullptr ||
      (constant->dtype() != DType::int32 && constant->dtype() != DType::int64)) {
    return std::nullopt;
  }
  return to_ints(*constant);
}

ValueId transposed(const Graph& g, ValueId value, const Ints& permutation) {
  const Node& node = producer(g, skip_identity(g, value));
  if (!std::holds_alternative<ops::Transpose>(node.op)) return -1;
  return constant_ints(g, node.inputs[1]) == permutation ? skip_identity(g, node.inputs[0]) : -1;
}

ValueId reversed(const Graph& g, ValueId value) {
  const Node& node = producer(g, skip_identity(g, value));
  const auto* reverse = std::get_if<ops::Reverse>(&node.op);
  return reverse != nullptr && reverse->axes == Ints{0} ? skip_identity(g, node.inputs[0]) : -1;
}

Size axis_size(const Graph& g, ValueId value, int axis) {
  for (;;) {
    value = skip_identity(g, value);
    const Shape& shape = g.values[at(value)].type.shape;
    if (shape.has_rank() && axis < shape.rank() && shape[axis] >= 0) return {shape[axis], -1, 0};
    const Node& node = producer(g, value);
    if (std::holds_alternative<ops::Transpose>(node.op)) {
      const auto permutation = constant_ints(g, node.inputs[1]);
      if (!permutation || at(axis) >= permutation->size()) return {kUnknownDim, value, axis};
      axis = static_cast<int>((*permutation)[at(axis)]);
    } else if (!std::holds_alternative<ops::Reverse>(node.op) &&
               !std::holds_alternative<ops::Unary>(node.op) &&
               !std::holds_alternative<ops::Cast>(node.op)) {
      return {kUnknownDim, value, axis};
    }
    value = node.inputs[0];
  }
}

std::optional<Size> scalar_size(const Graph& g, ValueId value) {
  for (;;) {
    value = skip_identity(g, value);
    if (const auto numbers = constant_ints(g, value)) {
      return numbers->size() == 1 ? std::optional(Size{(*numbers)[0], -1, 0}) : std::nullopt;
    }
    const Node& node = producer(g, value);
    const Shape& shape = g.values[at(value)].type.shape;
    const bool scalar = shape.has_rank() && shape.rank() == 0;
    if (std::holds_alternative<ops::Cast>(node.op) ||
        (std::holds_alternative<ops::Reduce>(node.op) && scalar &&
         g.values[at(node.inputs[0])].type.shape == Shape{})) {
      value = node.inputs[0];  // a reduction of a scalar is the scalar
      continue;
    }
    const auto* slice = std::get_if<ops::StridedSlice>(&node.op);
    if (slice == nullptr || slice->shrink_axis_mask != 1 || slice->begin_mask != 0)
      return std::nullopt;
    const auto begin = constant_ints(g, node.inputs[1]);
    const Node& query = producer(g, skip_identity(g, node.inputs[0]));
    const auto* shape_query = std::get_if<ops::ShapeQuery>(&query.op);
    if (!begin || begin->size() != 1 || (*begin)[0] < 0 || shape_query == nullptr ||
        shape_query->kind != ShapeQueryKind::shape) {
      return std::nullopt;
    }
    return axis_size(g, query.inputs[0], static_cast<int>((*begin)[0]));
  }
}

}  // namespace thaw::tf
