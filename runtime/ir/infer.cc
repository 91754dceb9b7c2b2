#include "runtime/ir/infer.h"

#include <type_traits>

#include "runtime/ir/infer_util.h"

namespace thaw {
namespace {

using inference::Context;
using inference::invalid;
using inference::Types;

/// Every known part of a result must be storable, whatever the unknown parts turn out to be.
void check_size(const TensorType& type) {
  if (!type.shape.has_rank()) return;
  if (type.shape.rank() > inference::kMaxRank) {
    invalid("expected at most {} dimensions, found {}", inference::kMaxRank, type.shape.rank());
  }
  auto bytes = static_cast<std::int64_t>(size_of(type.dtype));
  bool empty = false;
  for (const std::int64_t dim : type.shape.dims()) {
    if (dim < kUnknownDim) invalid("dimension {} of {} is negative", dim, to_string(type));
    if (dim == 0) empty = true;
  }
  if (empty) return;
  for (const std::int64_t dim : type.shape.dims()) {
    if (dim > 0 && __builtin_mul_overflow(bytes, dim, &bytes)) {
      invalid("a result of type {} is too large", to_string(type));
    }
  }
}

}  // namespace

std::vector<TensorType> infer(const Op& op, std::span<const Operand> operands, int outputs,
                              const Graph* graph) {
  // Rules index a constant's elements by its type, so that one must be the tensor's own.
  std::vector<Operand> exact(operands.begin(), operands.end());
  for (Operand& operand : exact) {
    if (operand.constant != nullptr) operand.type = operand.constant->type();
  }
  const Context context{exact, outputs, graph};
  Types types = std::visit(
      [&]<class T>(const T& alternative) -> Types {
        if constexpr (std::is_same_v<T, std::monostate>) {
          fail(ErrorCode::internal, "an emptied node has no type");
        } else {
          return inference::infer_op(alternative, context);
        }
      },
      op);
  for (const TensorType& type : types) check_size(type);
  return types;
}

std::vector<TensorType> infer_node(const Graph& graph, const Node& node, const Graph& root) {
  if (std::holds_alternative<ops::Input>(node.op)) {
    Types types;
    for (const ValueId id : node.outputs) {
      types.push_back(graph.values[static_cast<std::size_t>(id)].type);
    }
    return types;
  }
  std::vector<Operand> operands;
  operands.reserve(node.inputs.size());
  for (const ValueId id : node.inputs) {
    operands.push_back({graph.values[static_cast<std::size_t>(id)].type, constant_of(graph, id)});
  }
  const bool of_variable = std::holds_alternative<ops::VariableRead>(node.op) ||
                           std::holds_alternative<ops::VariableAssign>(node.op);
  return infer(node.op, operands, static_cast<int>(node.outputs.size()),
               of_variable ? &root : &graph);
}

Shape broadcast(const Shape& a, const Shape& b) {
  if (!a.has_rank() || !b.has_rank()) return Shape::unknown_rank();
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  const int offset = longer.rank() - shorter.rank();
  Shape result = longer;
  for (int i = 0; i < shorter.rank(); ++i) {
    const std::int64_t x = longer[offset + i], y = shorter[i];
    std::int64_t& dim = result[offset + i];
    if (x == 1 || y == 1) {
      dim = x == 1 ? y : x;
    } else if (x < 0 || y < 0) {
      dim = x < 0 ? y : x;  // an unknown one is 1 or the other, which is not 1
    } else if (x != y) {
      invalid("shapes {} and {} do not broadcast: {} and {}", a.to_string(), b.to_string(), x, y);
    }
  }
  return result;
}

}  // namespace thaw
