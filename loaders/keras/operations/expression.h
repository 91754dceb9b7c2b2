// Values with arithmetic, so that an operation's importer reads like its formula.
#pragma once

#include <vector>

#include "runtime/ir/builder.h"

namespace thaw::keras {

/// A value of the graph under construction. Operands of one operator have one dtype; a number
/// becomes a scalar of the other operand's dtype.
struct Expr {
  GraphBuilder* g = nullptr;
  ValueId id = -1;

  operator ValueId() const { return id; }  // NOLINT: implicit on purpose
  DType dtype() const { return g->dtype(id); }
  const Shape& shape() const { return g->shape(id); }
  /// Throws Error(unimplemented) where the rank is unknown.
  int rank() const;
  std::int64_t dim(int axis) const { return shape()[axis]; }
  Expr with(ValueId other) const { return {g, other}; }
  /// A scalar of this dtype.
  Expr number(double value) const { return {g, g->scalar(value, dtype())}; }
};

inline Expr unary(UnaryKind kind, Expr x) { return x.with(x.g->unary({kind}, x)); }
inline Expr binary(BinaryKind kind, Expr x, Expr y) { return x.with(x.g->binary(kind, x, y)); }
inline Expr cast(Expr x, DType dtype) { return x.with(x.g->cast(x, dtype)); }

#define THAW_EXPR_OPERATOR(symbol, kind)                                                 \
  inline Expr operator symbol(Expr x, Expr y) { return binary(BinaryKind::kind, x, y); } \
  inline Expr operator symbol(Expr x, double y) {                                        \
    return binary(BinaryKind::kind, x, x.number(y));                                     \
  }                                                                                      \
  inline Expr operator symbol(double x, Expr y) { return binary(BinaryKind::kind, y.number(x), y); }
THAW_EXPR_OPERATOR(+, add)
THAW_EXPR_OPERATOR(-, sub)
THAW_EXPR_OPERATOR(*, mul)
THAW_EXPR_OPERATOR(/, div)
THAW_EXPR_OPERATOR(<, less)
THAW_EXPR_OPERATOR(<=, less_equal)
THAW_EXPR_OPERATOR(>, greater)
THAW_EXPR_OPERATOR(>=, greater_equal)
THAW_EXPR_OPERATOR(==, equal)
THAW_EXPR_OPERATOR(!=, not_equal)
#undef THAW_EXPR_OPERATOR
inline Expr operator-(Expr x) { return unary(UnaryKind::neg, x); }
// Of bools. The operands are graph nodes: nothing is evaluated early or late.
inline Expr operator&(Expr x, Expr y) { return binary(BinaryKind::logical_and, x, y); }
inline Expr operator|(Expr x, Expr y) { return binary(BinaryKind::logical_or, x, y); }
inline Expr operator!(Expr x) { return unary(UnaryKind::logical_not, x); }

inline Expr maximum(Expr x, Expr y) { return binary(BinaryKind::maximum, x, y); }
inline Expr minimum(Expr x, Expr y) { return binary(BinaryKind::minimum, x, y); }
inline Expr maximum(Expr x, double y) { return maximum(x, x.number(y)); }
inline Expr minimum(Expr x, double y) { return minimum(x, x.number(y)); }
inline Expr power(Expr x, Expr y) { return binary(BinaryKind::pow, x, y); }
/// min(max(x, low), high) as TensorFlow's clip_by_value.
inline Expr clip(Expr x, Expr low, Expr high) { return maximum(minimum(x, high), low); }
inline Expr square(Expr x) { return unary(UnaryKind::square, x); }
inline Expr sqrt(Expr x) { return unary(UnaryKind::sqrt, x); }
inline Expr exp(Expr x) { return unary(UnaryKind::exp, x); }
inline Expr log(Expr x) { return unary(UnaryKind::log, x); }
inline Expr absolute(Expr x) { return unary(UnaryKind::abs, x); }
inline Expr is_nan(Expr x) { return unary(UnaryKind::is_nan, x); }

Expr select(Expr condition, Expr x, Expr y);
Expr select(Expr condition, Expr x, double y);
Expr select(Expr condition, double x, Expr y);

using Axes = std::vector<std::int64_t>;
Expr reduce(ReduceKind kind, Expr x, const Axes& axes, bool keep_dims);
/// 0, 1, ..., rank - 1.
Axes all_axes(Expr x);
Expr transpose(Expr x, const Axes& permutation);
/// numpy's moveaxis; the axes are not negative.
Expr move_axes(Expr x, const Axes& from, const Axes& to);
/// Known sizes, and GraphBuilder::dim_of(axis) where the size is unknown.
Axes sizes_of(Expr x);
Expr reshape(Expr x, const Axes& sizes);
/// `sizes` may refer to dimensions of `source`.
Expr reshape_like(Expr x, Expr source, const Axes& sizes);
/// x in the shape of `source`.
Expr broadcast_like(Expr x, Expr source);
/// An int64 vector of the sizes, known ones folded.
Expr shape_vector(Expr x);
/// The size of one axis as a scalar.
Expr size_of_axis(Expr x, int axis, DType dtype);
/// Elements from `begin` to `end` (exclusive; GraphBuilder::kToEnd) of one axis.
Expr slice_axis(Expr x, int axis, std::int64_t begin, std::int64_t end);
Expr flatten(Expr x);
Expr expand(Expr x, std::int64_t axis);
Expr squeeze(Expr x, std::int64_t axis);
Expr concat(const std::vector<Expr>& xs, std::int64_t axis);
Expr gather(Expr x, Expr indices, std::int64_t axis, std::int64_t batch_dims = 0);
/// 0, 1, ..., limit - 1 in limit's dtype.
Expr range(Expr limit);
/// Batched product of matrices.
Expr matmul(Expr x, Expr y, bool transpose_x = false, bool transpose_y = false);
/// Contracts these axes (not negative); the others of x come first.
Expr contract(Expr x, const Axes& x_axes, Expr y, const Axes& y_axes);

struct Sorted {
  Expr values, indices;  // int32
};
/// Along one axis, as tf.sort and tf.argsort do; equal elements keep their order.
Sorted sorted(Expr x, int axis, bool descending);
/// The elements of x (along its leading axes, as many as mask has) where mask is true.
Expr boolean_mask(Expr x, Expr mask, int axis);

}  // namespace thaw::keras
