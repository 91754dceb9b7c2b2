// A user's own function inside a graph.
#pragma once

#include <functional>
#include <vector>

#include "thaw/tensor.h"

namespace thaw {

/// What runs where a model has an op or a layer that Thaw does not know.
/// Both functions may be called by several sessions at once and may throw Error.
struct CustomFunction {
  /// Types of the results from those of the operands; unknown dimensions are allowed in both.
  std::function<std::vector<TensorType>(const std::vector<TensorType>& operands)> infer;
  /// The results; they must have the inferred element types, and shapes where those are known.
  std::function<std::vector<Tensor>(const std::vector<Tensor>& operands)> run;
};

}  // namespace thaw
