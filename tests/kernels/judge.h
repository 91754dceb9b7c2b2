// What a row of the case table must give, and whether it does.
#pragma once

#include <string>
#include <vector>

#include "tests/cases/cases.h"

namespace thaw::test {

/// Limits of max |y - r| / max |r| by element type: the numeric policy of docs/numerics.md.
double limit(Accuracy accuracy, DType dtype);

/// Positions of the row's constant operands.
std::vector<int> constant_operands(const OpCase& row);

/// The reference backend's results in float64; in the operands' own types where there is no such
/// kernel (bitwise functions).
std::vector<Tensor> expected_results(const OpCase& row, const std::vector<Tensor>& operands);

/// Empty, or what is wrong. `special`: the error of small elements counts beside large ones, and
/// twice the usual error is allowed.
std::string judge(const Tensor& result, const Tensor& expected, double allowed, bool special);

}  // namespace thaw::test
