// Frames of signals, as the operations of Keras 3 and TensorFlow's functions see them.
#pragma once

#include "loaders/keras/operations/op_call.h"

namespace thaw::keras {

/// No frame and no transform is longer.
constexpr std::int64_t kMaxFrame = std::int64_t{1} << 24;

/// complex64 of float32, complex128 of float64.
DType complex_type_of(DType real);
/// `count` zeros behind the last axis; nothing if it is not positive.
Expr padded_end(Expr x, std::int64_t count);
/// An integer argument in [1, kMaxFrame].
std::int64_t frame_argument(const OpCall& c, const char* name);
std::int64_t frame_argument(const OpCall& c, const char* name, std::int64_t otherwise);
/// `count` frames of `size` elements every `step` along `axis`, which becomes [count, size].
/// `count` is a scalar.
Expr frames_along(Expr x, int axis, Expr count, std::int64_t size, std::int64_t step);
/// [..., frames, size] -> [..., (frames - 1) step + size]
Expr overlap_and_add(const OpCall& c, Expr frames, std::int64_t size, std::int64_t step);

}  // namespace thaw::keras
