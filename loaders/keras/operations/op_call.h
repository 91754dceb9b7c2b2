// What the importer of a Keras 3 operation sees: the arguments by name, wherever the file has them
// (in the call or in the operation's configuration), and the table of operations.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loaders/keras/layer.h"
#include "loaders/keras/operations/expression.h"
#include "loaders/keras/operations/promotion.h"
#include "loaders/tensorflow_node.h"

namespace thaw::keras {

class OpCall;
using Results = std::vector<Expr>;

struct OperationRow {
  const char* name;
  /// The arguments of a call in order, separated by blanks; "*xs" takes all that are left.
  const char* parameters;
  Expr (*one)(OpCall&) = nullptr;
  Results (*many)(OpCall&) = nullptr;
  int kind = 0;  // tells operations of one importer apart

  constexpr OperationRow(const char* row_name, const char* row_parameters, Expr (*import)(OpCall&),
                         int row_kind = 0)
      : name(row_name), parameters(row_parameters), one(import), kind(row_kind) {}
  constexpr OperationRow(const char* row_name, const char* row_parameters,
                         Results (*import)(OpCall&), int row_kind = 0)
      : name(row_name), parameters(row_parameters), many(import), kind(row_kind) {}
  template <class Kind>
  constexpr OperationRow(const char* row_name, const char* row_parameters, Expr (*import)(OpCall&),
                         Kind row_kind)
      : OperationRow(row_name, row_parameters, import, static_cast<int>(row_kind)) {}
};

/// One call of one operation. Accessors throw Error naming the argument; an argument that is None
/// counts as absent.
class OpCall {
 public:
  /// `configured`: the layer's configuration holds arguments too.
  OpCall(const Layer& layer, const OperationRow& row, GraphBuilder& g, bool configured = true);

  GraphBuilder& g;
  const Layer& layer;
  const OperationRow& row;

  template <class Kind>
  Kind kind() const {
    return static_cast<Kind>(row.kind);
  }
  Expr expr(ValueId value) const { return {&g, value}; }
  Expr number(double value, DType dtype) const { return {&g, g.scalar(value, dtype)}; }
  [[noreturn]] void unsupported(const std::string& why) const { layer.unsupported(why); }
  [[noreturn]] void bad(const std::string& what) const { layer.bad(what); }

  const Operand* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  const Operand& need(std::string_view name) const;

  // ---- tensors: what convert_to_tensor makes of the argument ----
  Expr tensor(std::string_view name) const { return tensor(need(name)); }
  Expr tensor(std::string_view name, DType dtype) const { return tensor(need(name), dtype); }
  Expr tensor(const Operand& operand) const;
  Expr tensor(const Operand& operand, DType dtype) const;
  /// Tensors of a list (or of one tensor).
  Results tensors(std::string_view name) const;
  /// How the argument takes part in promotion: a Python number is weak.
  ArgumentType type(const Operand& operand) const;
  /// x and y in their common type; `floating`: together with a Python float.
  std::pair<Expr, Expr> promoted(const char* x, const char* y, bool floating = false) const;
  /// The same for functions that make tensors of Python numbers first.
  std::pair<Expr, Expr> promoted_tensors(const char* x, const char* y, bool floating = false) const;
  /// The tensors in their common type.
  Results promoted(Results tensors) const;

  // ---- plain values ----
  std::int64_t integer(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  double real(std::string_view name, double otherwise) const;
  double real(std::string_view name) const;
  bool flag(std::string_view name, bool otherwise) const;
  std::string text(std::string_view name, const std::string& otherwise) const;
  /// An integer or a list of integers; nothing if absent.
  std::optional<Axes> ints(std::string_view name) const;
  /// An integer stands for `count` of them.
  Axes sizes(std::string_view name, std::size_t count, std::int64_t otherwise) const;
  DType dtype(std::string_view name, DType otherwise) const;
  /// Axes in [0, rank); all of them if absent.
  Axes axes(std::string_view name, int rank) const;
  int axis(std::string_view name, int rank, std::int64_t otherwise) const;
  int normal(std::int64_t axis, int rank) const;
  /// channels_first as "data_format" says.
  bool channels_first() const;

  /// Refuses the operation if the flag is set.
  void refuse_flag(std::string_view name) const;
  Results tensorflow(const std::string& op, const Results& inputs,
                     const NodeAttributes& attributes = {}) const;
  Expr tensorflow1(const std::string& op, const Results& inputs,
                   const NodeAttributes& attributes = {}) const;
  /// An int vector or matrix as a constant.
  Expr ints_constant(const Axes& values, DType dtype = DType::int32) const;
  /// [n, 2] paddings.
  Expr paddings(const Axes& pairs) const;

 private:
  std::vector<std::pair<std::string, Operand>> arguments_;
};

/// The items of a list argument; the argument itself if it is none.
std::vector<Operand> items_of(const Operand& operand);
/// Numbers, nested lists and stored arrays as a constant; `dtype` invalid: that which TensorFlow
/// gives them. Throws Error(invalid_argument) for ragged or non-numeric content.
Tensor constant_tensor(const Json& json, DType dtype);

// ---- the table, by family ----
std::span<const OperationRow> elementwise_operations();
std::span<const OperationRow> complex_operations();
std::span<const OperationRow> predicate_operations();
std::span<const OperationRow> reduction_operations();
std::span<const OperationRow> nan_operations();
std::span<const OperationRow> shape_operations();
std::span<const OperationRow> indexing_operations();
std::span<const OperationRow> creation_operations();
std::span<const OperationRow> product_operations();
std::span<const OperationRow> sorting_operations();
std::span<const OperationRow> counting_operations();
std::span<const OperationRow> activation_operations();
std::span<const OperationRow> window_operations();
std::span<const OperationRow> network_operations();
std::span<const OperationRow> signal_operations();
std::span<const OperationRow> linear_algebra_operations();
std::span<const OperationRow> image_operations();
std::span<const OperationRow> image_transform_operations();

/// Null for an operation that Thaw does not run.
const OperationRow* find_operation(std::string_view name);
/// All names, sorted.
std::vector<std::string> operation_names();

struct RefusedOperation {
  const char* name;
  const char* reason;
};
/// Operations that Thaw will not run, sorted by name.
std::span<const RefusedOperation> refused_operations();
/// Whether Keras has an operation of this name.
bool is_operation(std::string_view name);
/// Why an operation is not run.
std::string refusal_of_operation(std::string_view name);

/// One call through the table.
Outputs import_operation(const Layer& layer, GraphBuilder& g);

}  // namespace thaw::keras
