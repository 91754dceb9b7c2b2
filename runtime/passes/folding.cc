#include "runtime/passes/folding.h"

#include <algorithm>

namespace thaw {
namespace {

constexpr std::size_t kSmallBytes = std::size_t{1} << 20;   // results folded whatever made them
constexpr std::size_t kBaseTotal = std::size_t{256} << 20;  // of all folded results, to which comes
constexpr std::size_t kPerConstantByte = 2;                 // this much per byte of the constants
constexpr std::size_t kTinyBytes = 64;                      // folded even behind that
constexpr std::size_t kTooLarge = SIZE_MAX / 4;
constexpr std::int64_t kMaxUnknownElements = 1 << 16;  // operands of data-dependent ops

// Folding these replaces weights by weights, of wider types at most.
bool only_moves_elements(const Op& op) {
  return std::holds_alternative<ops::Identity>(op) || std::holds_alternative<ops::Reshape>(op) ||
         std::holds_alternative<ops::ExpandDims>(op) || std::holds_alternative<ops::Squeeze>(op) ||
         std::holds_alternative<ops::Transpose>(op) || std::holds_alternative<ops::Reverse>(op) ||
         std::holds_alternative<ops::Slice>(op) || std::holds_alternative<ops::StridedSlice>(op) ||
         std::holds_alternative<ops::Split>(op) || std::holds_alternative<ops::Unstack>(op) ||
         std::holds_alternative<ops::Concat>(op) || std::holds_alternative<ops::Stack>(op) ||
         std::holds_alternative<ops::Cast>(op);
}

std::size_t constant_bytes(const Graph& graph) {
  std::size_t bytes = 0;
  for (const Node& node : graph.nodes) {
    const auto* constant = std::get_if<ops::Constant>(&node.op);
    if (constant != nullptr) bytes += constant->value.size_bytes();
  }
  for (const Variable& variable : graph.variables) bytes += variable.initial.size_bytes();
  for (const Graph& sub : graph.subgraphs) bytes += constant_bytes(sub);
  return bytes;
}

}  // namespace

bool is_foldable(const Node& node) {
  const Op& op = node.op;
  return !node.inputs.empty() && !node.outputs.empty() && !has_effect(op) && is_deterministic(op) &&
         !std::holds_alternative<ops::VariableRead>(op) && !std::holds_alternative<ops::If>(op) &&
         !std::holds_alternative<ops::While>(op);
}

Tensor answer_shape_query(const ops::ShapeQuery& query, const Shape& shape) {
  std::vector<std::int64_t> values;
  if (query.kind == ShapeQueryKind::rank && shape.has_rank()) {
    values = {shape.rank()};
  } else if (query.kind == ShapeQueryKind::size && shape.is_static()) {
    values = {shape.num_elements()};
  } else if (query.kind == ShapeQueryKind::shape && shape.is_static()) {
    values = shape.dims();
  } else {
    return {};
  }
  const Shape result = query.kind == ShapeQueryKind::shape ? Shape{shape.rank()} : Shape{};
  if (query.dtype == DType::int64) return Tensor::from(result, values);
  const bool fits = std::all_of(values.begin(), values.end(),
                                [](std::int64_t value) { return value <= INT32_MAX; });
  if (query.dtype != DType::int32 || !fits) return {};  // the kernel's to judge
  return Tensor::from(result, std::vector<std::int32_t>(values.begin(), values.end()));
}

FoldBudget::FoldBudget(const Graph& graph) {
  const std::size_t constants = std::min(constant_bytes(graph), kTooLarge);
  left_ = kBaseTotal + kPerConstantByte * constants;
}

bool FoldBudget::admits(const Op& op, const std::vector<Tensor>& operands,
                        const std::vector<TensorType>& results) {
  std::size_t operand_bytes = 0, bytes = 0;
  std::int64_t elements = 0;
  for (const Tensor& operand : operands) {
    operand_bytes += operand.size_bytes();
    elements += operand.num_elements();
  }
  for (const TensorType& type : results) {
    if (size_of(type.dtype) == 0) return false;  // not a tensor
    if (type.shape.is_static()) {
      // infer() has checked that no result overflows; the sum of many saturates.
      const auto count = static_cast<std::size_t>(type.shape.num_elements());
      bytes = std::min(bytes + std::min(count * size_of(type.dtype), kTooLarge), kTooLarge);
    } else if (elements > kMaxUnknownElements) {
      return false;
    }
  }
  // No larger than what it replaces (weights that are scaled or quantised); casts widen.
  const std::size_t replaced = only_moves_elements(op) ? 4 * operand_bytes : operand_bytes;
  if (bytes > std::max(kSmallBytes, replaced)) return false;
  if (bytes > left_ && bytes > kTinyBytes) return false;
  left_ -= std::min(bytes, left_);
  return true;
}

}  // namespace thaw
