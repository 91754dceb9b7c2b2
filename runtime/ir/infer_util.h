// What the families of infer() share: checks, partial-shape arithmetic, and the list of rules.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/ir/infer.h"

namespace thaw::inference {

/// No model has tensors of more dimensions; kernels size their index arrays by it.
constexpr int kMaxRank = 32;

using Ints = std::vector<std::int64_t>;
using Types = std::vector<TensorType>;

/// A node as inference sees it. Operands are looked up by position after expect_operands().
struct Context {
  std::span<const Operand> operands;
  int outputs = 1;
  const Graph* graph = nullptr;

  int count() const { return static_cast<int>(operands.size()); }
  const TensorType& type(int i) const { return operands[static_cast<std::size_t>(i)].type; }
  const Shape& shape(int i) const { return type(i).shape; }
  DType dtype(int i) const { return type(i).dtype; }
  const Tensor* constant(int i) const { return operands[static_cast<std::size_t>(i)].constant; }
};

// One rule per op; a missing one does not link.
#define X(name, Struct) Types infer_op(const ops::Struct& op, const Context& context);
THAW_OPS(X)
#undef X

template <class... Args>
[[noreturn]] void invalid(fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorCode::invalid_argument, format, std::forward<Args>(args)...);
}

// ---- operands and results ----
void expect_operands(const Context& context, int least, int most);
inline void expect_operands(const Context& context, int count) {
  expect_operands(context, count, count);
}
void expect_results(const Context& context, int count);

// ---- element types ----
bool is_tensor(DType dtype);   // can be stored densely: everything but lists and tables
bool is_real(DType dtype);     // floats and integers
bool is_numeric(DType dtype);  // floats, integers, complex
/// Throws unless `holds`: "x: expected a floating type, found int32".
void expect_type(bool holds, std::string_view what, std::string_view expected, DType found);
void expect_same_type(DType expected, std::string_view what, DType found);
void expect_index_type(std::string_view what, DType found);  // int32 or int64
/// The element type that `fn` gives for `dtype`. Throws if it is not defined for it.
DType unary_type(UnaryKind kind, DType dtype);
/// As a fused activation: must keep the element type.
void expect_activation(const UnaryFn& fn, DType dtype);

// ---- dimensions ----
std::int64_t checked_add(std::int64_t a, std::int64_t b);
std::int64_t checked_mul(std::int64_t a, std::int64_t b);
/// The dimension that both agree on; unknown if neither knows. Throws naming `what`.
std::int64_t merge_dim(std::int64_t a, std::int64_t b, std::string_view what);
Shape merge_shape(const Shape& a, const Shape& b, std::string_view what);
/// No known dimension or rank contradicts.
bool compatible(const Shape& a, const Shape& b);
/// What is common to both: unknown where they differ.
Shape generalise(const Shape& a, const Shape& b);
/// `rank` unknown dimensions. Throws if the rank is absurd.
Shape unknown_dims(std::int64_t rank);
void expect_rank(const Shape& shape, int rank, std::string_view what);
void expect_rank_at_least(const Shape& shape, int rank, std::string_view what);
/// Axis in [0, rank). Throws naming `what`.
int normal_axis(std::int64_t axis, int rank, std::string_view what);
/// Normalised axes as flags per dimension. Throws on a repeated axis.
std::vector<bool> axis_flags(const Ints& axes, int rank, std::string_view what);

// ---- host operands ----
/// Elements of an int32 or int64 vector (a scalar counts as one element), if known.
std::optional<Ints> ints_operand(const Context& context, int i, std::string_view what);
/// How many elements it has; kUnknownDim if unknown.
std::int64_t ints_length(const Context& context, int i);
/// As ints_operand for a scalar. `any_integer` also allows the other integer types.
std::optional<std::int64_t> int_operand(const Context& context, int i, std::string_view what,
                                        bool any_integer = false);
void expect_scalar(const Context& context, int i, std::string_view what);

}  // namespace thaw::inference
