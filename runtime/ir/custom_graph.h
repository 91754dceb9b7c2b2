// The part of CustomCall that both doors share: adding to the graph.
#pragma once

#include <string>
#include <vector>

#include "runtime/ir/builder.h"
#include "thaw/custom.h"

namespace thaw {

/// Checks the ids that a user's function gives.
class CustomGraph {
 public:
  CustomGraph(GraphBuilder& g, std::string name) : g_(g), name_(std::move(name)) {}

  const TensorType& type(GraphValue value) const { return g_.type(checked(value)); }
  GraphValue constant(const Tensor& tensor) { return {g_.constant(tensor.clone())}; }
  std::vector<GraphValue> add(const std::string& op, const std::vector<GraphValue>& operands,
                              int results);
  std::vector<GraphValue> call(CustomFunction function, const std::vector<GraphValue>& operands,
                               int results);
  /// The results of a user's function; `what` names them in errors.
  std::vector<ValueId> values(const std::vector<GraphValue>& given) const;

 private:
  ValueId checked(GraphValue value) const;
  std::vector<GraphValue> add(Op op, const std::vector<GraphValue>& operands, int results);

  GraphBuilder& g_;
  std::string name_;
};

}  // namespace thaw
