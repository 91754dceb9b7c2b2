// The case table: one op on one set of operands per row. Every row runs on every backend in every
// element type it lists (tests/kernels/case_table_test.cc), and is timed by the benchmarks.
#pragma once

#include <string>
#include <vector>

#include "runtime/ir/ops.h"
#include "thaw/tensor.h"

namespace thaw::test {

/// How an operand's elements are made.
enum class Fill {
  uniform,  // random in [low, high); whole numbers for integer types
  whole,    // random whole numbers in [low, high), also for floats: sums of few are exact
  special,  // NaN, infinities, both zeros, extremes and ordinary numbers in turn
  values,   // `values` in turn
  text,     // short random strings
};

struct OperandCase {
  Shape shape;
  Fill fill = Fill::uniform;
  double low = -1, high = 1;
  std::vector<double> values;
  DType dtype = DType::invalid;  // invalid: the row's element type
  bool constant = false;         // a weight: known when the kernel is prepared
};

/// What bounds the error of a floating-point result; the limits are in case_table_test.cc.
enum class Accuracy {
  exact,      // moves or compares elements, or is exact by construction
  rounded,    // one or a few correctly rounded operations
  function,   // exp, tanh, ...: a few units in the last place
  sum,        // long sums: products, convolutions, reductions
  recurrent,  // many steps
};

struct OpCase {
  std::string name;
  Op op;
  std::vector<OperandCase> operands;
  std::vector<DType> dtypes;
  Accuracy accuracy = Accuracy::exact;
  int results = 1;
};

/// All rows. Built on first use; names are unique.
const std::vector<OpCase>& op_cases();

/// The operands of a row in one element type; the same for every call.
std::vector<Tensor> make_operands(const OpCase& row, DType dtype);

}  // namespace thaw::test
