// Comparison of a backend's results with what they should be.
#pragma once

#include <string>
#include <vector>

#include "thaw/tensor.h"

namespace thaw::test {

/// Real numbers that a tensor of floats or complex numbers holds (two per complex number).
std::vector<double> real_elements(const Tensor& tensor);

/// What a type's rounding allows for one elementwise result: 5e-6 for float32, 1e-12 for float64,
/// ...
double elementwise_tolerance(DType dtype);

/// Empty if every element of `result` is `expected`'s: floats within `tolerance` times the larger
/// of the element and min(1, the largest finite element), with equal NaNs and infinities; all else
/// exactly. Otherwise the first difference in words. Types must agree.
std::string first_difference(const Tensor& result, const Tensor& expected, double tolerance);

}  // namespace thaw::test
