// The scalar functions that the vector kernels know, for elementwise ops and as fused activations.
#pragma once

#include <cstdint>

#include "runtime/ir/ops.h"

namespace thaw::cpu {

// clang-format off
#define THAW_VECTOR_UNARY_KINDS(X)                                                                      \
  X(linear) X(abs) X(neg) X(square) X(sqrt) X(rsqrt) X(reciprocal) X(exp) X(expm1) X(log) X(log1p)      \
  X(tanh) X(erf) X(floor) X(ceil) X(round) X(sigmoid) X(log_sigmoid) X(relu) X(clamp) X(leaky_relu)     \
  X(threshold_relu) X(elu) X(selu) X(celu) X(softplus) X(softsign) X(hard_sigmoid) X(gelu) X(gelu_tanh) \
  X(silu) X(hard_silu) X(mish) X(tanh_shrink) X(soft_shrink) X(hard_shrink) X(sparse_plus) X(squareplus)
// clang-format on

/// Which function to apply, its parameters as float.
struct VectorFn {
  VectorFn() = default;
  explicit VectorFn(const UnaryFn& fn)
      : kind(fn.kind), alpha(static_cast<float>(fn.alpha)), beta(static_cast<float>(fn.beta)) {}

  UnaryKind kind = UnaryKind::linear;
  float alpha = 0, beta = 0;
};

/// True when apply() knows the function. The others are left to the reference backend.
bool has_vector_form(UnaryKind kind);
/// Applies it to `count` floats; `in` may be `out`.
void apply(const UnaryFn& fn, const float* in, float* out, std::int64_t count);

/// True when apply_row() knows the function.
bool has_vector_form(BinaryKind kind);
/// z[i] = kind(x[i], y[i]) for `count` floats; an operand of stride 0 is a scalar. z may be x or y.
void apply_row(BinaryKind kind, const float* x, std::int64_t x_stride, const float* y,
               std::int64_t y_stride, float* z, std::int64_t count);

/// The unary or binary has a vector form (elementwise.cc).
bool fuses_elementwise(const Op& op);

}  // namespace thaw::cpu
