// Small exact questions about a graph under construction.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/ir/graph.h"

namespace thaw::tf {

/// Follows identities.
ValueId skip_identity(const Graph& graph, ValueId value);
/// The node that produces the value.
const Node& producer(const Graph& graph, ValueId value);
/// The constant's element if it is one number.
std::optional<double> scalar_constant(const Graph& graph, ValueId value);
/// The elements of an integer constant.
std::optional<std::vector<std::int64_t>> constant_ints(const Graph& graph, ValueId value);
/// Known to be all zeros.
bool is_zero(const Graph& graph, ValueId value);
/// The op gives its first operands' elements in another shape or a part of them.
bool moves_elements(const Op& op);
/// The operand of a transpose by `permutation`, or -1.
ValueId transposed(const Graph& graph, ValueId value, const std::vector<std::int64_t>& permutation);
/// The operand of a reversal of the first axis, or -1.
ValueId reversed(const Graph& graph, ValueId value);

/// Where a size comes from: a number, or an axis of a value.
struct Size {
  std::int64_t number = kUnknownDim;
  ValueId value = -1;
  int axis = 0;
  friend bool operator==(const Size&, const Size&) = default;
};
/// Size of an axis, followed through ops that keep it.
Size axis_size(const Graph& graph, ValueId value, int axis);
/// What a scalar that should be a size is; nothing if it is something else.
std::optional<Size> scalar_size(const Graph& graph, ValueId value);

}  // namespace thaw::tf
