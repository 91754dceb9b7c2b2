// The scalar functions of unary ops and fused activations, in double.
#pragma once

#include "kernels/reference/element.h"
#include "runtime/ir/ops.h"

namespace thaw::reference {

/// fn(x). A NaN stays a NaN wherever TensorFlow's kernels keep it. For is_nan and its like: 1 or 0.
double apply(const UnaryFn& fn, double x);

/// `fn` with its parameters rounded as they are when they are tensors of `dtype`: hard_shrink(0.1)
/// of a float32 compares with 0.1f.
UnaryFn rounded_to(DType dtype, UnaryFn fn);

/// Applies a fused activation to an accumulated value. Integers and complex numbers have only
/// `linear`, which preparation has made sure of.
template <class T>
T activate(const UnaryFn& fn, Accumulator<T> value) {
  if constexpr (kIsFloat<T>) {
    return store<T>(fn.kind == UnaryKind::linear ? value : apply(fn, value));
  } else {
    return store<T>(value);
  }
}

}  // namespace thaw::reference
