// float32 in 16 bits.
#pragma once

#include "thaw/tensor.h"

namespace thaw {

/// float32 rounded to `storage`, float16 or bfloat16 (to nearest even); empty if an element is
/// finite and beyond its range. The elements of large tensors are rounded when they are read
/// (stored.h), so that they do not lie in memory twice.
Tensor rounded(const Tensor& floats, DType storage);

}  // namespace thaw
