// Functions that several families of operations use.
#pragma once

#include "loaders/keras/operations/op_call.h"

namespace thaw::keras {

// elementwise.cc
/// In the type in which Keras computes functions of real numbers.
Expr floating(Expr x);
// reductions.cc
/// Over the arguments `axis` and `keepdims`.
Expr reduced(OpCall& c, ReduceKind kind, Expr x);
/// Narrow integers and bools in the type that Keras sums them in.
Expr wide_sum_type(Expr x);
/// argmax or argmin along the argument `axis` (flattened without one).
Expr arg_extreme(OpCall& c, Expr x, bool minimum);
Expr variance(Expr x, const Axes& axes, bool keep_dims);
Expr log_sum_exp(Expr x, const Axes& axes, bool keep_dims);
/// The running sum or product (by the row's kind) along the argument `axis`.
Expr running(OpCall& c, Expr x);
// nan.cc
/// NaN and infinities replaced by the arguments `nan`, `posinf`, `neginf`, or by `nan` and the
/// largest numbers.
Expr finite_numbers(OpCall& c, Expr x, double nan);
// creation.cc
/// tf.linspace along `axis` of the result.
Expr linear_space(Expr start, Expr stop, std::int64_t count, int axis);
// shape.cc
/// The diagonal of the last two axes, whose sizes must be known.
Expr diagonal(OpCall& c, Expr x, std::int64_t offset);
/// [rows of x, columns of x] bools by the last two axes: column - row compared with `offset`.
Expr diagonal_test(Expr x, BinaryKind kind, std::int64_t offset);
// linear_algebra.cc
/// keras.ops.norm: `order` null or None is the Euclidean norm.
Expr norm_of(OpCall& c, Expr x, const Operand* order, const Axes& axes, bool keep_dims);
// products.cc
Expr dot_product(Expr x, Expr y);
// image.cc
/// tf.image.resize of [N, H, W, C] to `size`, without the batch if it was a `single` image.
/// `corners`: pixel centres as TensorFlow 1 places them.
Expr resize_image(OpCall& c, Expr x, Expr size, const std::string& method, bool antialias,
                  bool corners, bool align_corners, bool single);
// indexing.cc
/// Adds or drops the sign of negative indices: i < 0 means size + i.
Expr wrapped_indices(Expr indices, Expr x, int axis);

}  // namespace thaw::keras
