// Types known from two sides.
#pragma once

#include "thaw/types.h"

namespace thaw {

/// What is true of both: dimensions that differ are unknown. Throws Error(invalid_argument) for
/// different element types.
TensorType merge_types(const TensorType& a, const TensorType& b);
/// `type` with what is unknown in it taken from `other`, where the two do not contradict.
TensorType refine_type(TensorType type, const TensorType& other);
/// Whether `shape` may stand where `declared` is asked for: unknown dimensions of either fit
/// anything.
bool fits(const Shape& shape, const Shape& declared);

}  // namespace thaw
