// What both loaders speak: adds nodes, inferring and checking each as it is added.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/ir/graph.h"

namespace thaw {

/// Evaluates an op on constants; injected so that the loaders can fold shape arithmetic as they go
/// without knowing kernels. Returns false when the op cannot be evaluated.
using Evaluator =
    std::function<bool(const Op& op, const std::vector<Tensor>& inputs,
                       const std::vector<TensorType>& types, std::vector<Tensor>& outputs)>;

/// Appends to one graph. Every method checks its operands' types and throws Error(invalid_argument)
/// prefixed with the current scope ("layer 'block1/conv' (Conv2D): ...").
class GraphBuilder {
 public:
  explicit GraphBuilder(Graph& graph, Evaluator evaluator = {});

  /// Name that new nodes carry and errors are prefixed with.
  void set_scope(std::string name, std::string description = "");
  const std::string& scope() const { return scope_; }

  ValueId input(const std::string& name, TensorType type);
  void output(const std::string& name, ValueId value);
  ValueId constant(Tensor value, const std::string& name = "");
  /// A scalar of `dtype`.
  ValueId scalar(double value, DType dtype);
  /// An int64 vector.
  ValueId ints(const std::vector<std::int64_t>& values);
  VariableId variable(const std::string& name, Tensor initial);

  /// Adds any op. Folds it when all operands are constants, the evaluator can, and the result is
  /// small
  /// (<= 4096 elements, or an op that only moves weights about: transpose, reshape, reverse, cast).
  std::vector<ValueId> add(Op op, std::vector<ValueId> inputs, int outputs = 1);
  ValueId add1(Op op, std::vector<ValueId> inputs) {
    return add(std::move(op), std::move(inputs))[0];
  }

  // The common ops by name.
  ValueId unary(UnaryFn fn, ValueId x);  // linear adds nothing
  ValueId binary(BinaryKind kind, ValueId x, ValueId y);
  ValueId cast(ValueId x, DType dtype);  // nothing if it has that dtype
  ValueId matmul(ValueId a, ValueId b, bool transpose_a = false, bool transpose_b = false);
  ValueId reduce(ReduceKind kind, ValueId x, const std::vector<std::int64_t>& axes, bool keep_dims);
  ValueId transpose(ValueId x, const std::vector<std::int64_t>& permutation);
  ValueId expand_dims(ValueId x, std::int64_t axis);
  ValueId squeeze(ValueId x, std::int64_t axis);
  ValueId concat(const std::vector<ValueId>& xs, std::int64_t axis);
  ValueId reverse(ValueId x, std::int64_t axis);
  ValueId select(ValueId condition, ValueId x, ValueId y);
  ValueId pad(ValueId x, const std::vector<std::int64_t>& paddings);  // [rank * 2], zeros
  ValueId slice_axis(ValueId x, std::int64_t axis, std::int64_t begin,
                     std::int64_t end);  // end <0: from the end; kToEnd
  ValueId gather(ValueId params, ValueId indices, std::int64_t axis = 0);
  /// One int64 vector [n] from known numbers and, where `dims` has kUnknownDim - 1 - i, from
  /// dimension i of `source` (see dim_of).
  ValueId dims(ValueId source, const std::vector<std::int64_t>& dims);
  /// Reshape to `dims`: known sizes, at most one -1, and dim_of(i) for "dimension i of x".
  ValueId reshape(ValueId x, const std::vector<std::int64_t>& dims);
  /// Reshape with dim_of(i) referring to another value's dimensions.
  ValueId reshape_like(ValueId x, ValueId source, const std::vector<std::int64_t>& dims);
  ValueId broadcast_like(ValueId x, ValueId source, const std::vector<std::int64_t>& dims);

  /// "dimension `axis` of the source", for dims(), reshape() and friends.
  static constexpr std::int64_t dim_of(std::int64_t axis) { return -2 - axis; }
  static constexpr std::int64_t kToEnd = INT64_MAX;

  const TensorType& type(ValueId value) const;
  const Shape& shape(ValueId value) const { return type(value).shape; }
  DType dtype(ValueId value) const { return type(value).dtype; }
  const Tensor* constant_of(ValueId value) const;

  Graph& graph() { return graph_; }
  const Evaluator& evaluator() const { return evaluator_; }
  /// For sub-graphs: the graph whose variables and sub-graphs ops refer to; default: the graph
  /// itself.

 private:
  std::optional<std::vector<ValueId>> fold(const Op& op, const std::vector<ValueId>& inputs,
                                           const std::vector<TensorType>& types);
  [[noreturn]] void rethrow(const Error& error, const Op& op) const;

  Graph& graph_;
  Evaluator evaluator_;
  std::string scope_, description_;
};

}  // namespace thaw
