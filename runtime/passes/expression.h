// Values as sums of products, for passes that look for a function in any order of its operations.
#pragma once

#include <optional>
#include <vector>

#include "runtime/ir/graph.h"

namespace thaw {

/// coefficient * factors, which are sorted; 1 / d stands as inverse(d).
struct Term {
  double coefficient = 1;
  std::vector<ValueId> factors;
};
using Terms = std::vector<Term>;

constexpr ValueId inverse(ValueId value) { return ~value; }

/// `value` multiplied out through sums, differences, products, quotients, squares and small powers,
/// with scalar constants as coefficients and equal terms added up. What is in `symbols`, and what
/// is made by anything else, is a factor. Nothing if that would be more than a few terms or steps.
std::optional<Terms> expand(const Graph& graph, ValueId value, const std::vector<ValueId>& symbols);

/// The number if the value is a floating constant of one element whose rank raises no other's.
std::optional<double> scalar_number(const Graph& graph, ValueId value);

/// Whether a and b are one number to the precision of the type.
bool same_number(double a, double b, DType dtype);

/// The elementwise users of `value`, and theirs, a few levels up: in order, of the type of `like`.
std::vector<ValueId> elementwise_users(const Graph& graph,
                                       const std::vector<std::vector<NodeId>>& users, ValueId value,
                                       ValueId like);

/// For each value the nodes that use it.
std::vector<std::vector<NodeId>> users_of(const Graph& graph);

}  // namespace thaw
