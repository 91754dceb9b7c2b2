// What may be evaluated before the run, and how much memory that may take.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/ir/graph.h"

namespace thaw {

/// The op is pure and has operands and results: it may be evaluated when all operands are known.
bool is_foldable(const Node& node);

/// The answer if the shape is known well enough, else an empty tensor.
Tensor answer_shape_query(const ops::ShapeQuery& query, const Shape& shape);

/// Bounds what folding makes: each result is small or comes from an op that only moves elements
/// about, and all results together stay below a total that grows with the model's own constants.
class FoldBudget {
 public:
  explicit FoldBudget(const Graph& graph);

  /// Whether results of these types may be computed; counts them if so.
  bool admits(const Op& op, const std::vector<Tensor>& operands,
              const std::vector<TensorType>& results);

 private:
  std::size_t left_;
};

}  // namespace thaw
