// How control flow reads a tensor.
#pragma once

#include "thaw/tensor.h"

namespace thaw {

/// TensorFlow's rule: a scalar is true if it is not zero (a string: not empty), any other tensor if
/// it has elements.
bool is_true(const Tensor& condition);

}  // namespace thaw
