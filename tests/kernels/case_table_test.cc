// Every row of the case table on every backend in every element type of the row, against the
// reference backend in float64.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <set>

#include "tests/cases/cases.h"
#include "tests/kernels/compare.h"
#include "tests/kernels/cpu_support.h"

namespace thaw::test {
namespace {

/// Limits of max |y - r| / max |r| by element type: the numeric policy of docs/numerics.md.
double limit(Accuracy accuracy, DType dtype) {
  if (accuracy == Accuracy::exact) return 0;
  switch (dtype) {
    case DType::float16: return 1e-3;
    case DType::bfloat16: return 5e-3;
    case DType::float64:
    case DType::complex128: return 1e-13;
    default: break;
  }
  switch (accuracy) {
    case Accuracy::rounded: return 2e-7;
    case Accuracy::function: return 1e-6;
    default: return 2e-6;
  }
}

DType wide_type(DType dtype) {
  if (is_complex(dtype)) return DType::complex128;
  return is_floating(dtype) || is_integer(dtype) ? DType::float64 : dtype;
}

/// The operands of the row's element type in float64, their values unchanged; others as they are.
std::vector<Tensor> widened_operands(const OpCase& row, const std::vector<Tensor>& operands) {
  std::vector<Tensor> wide;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Tensor& operand = operands[i];
    const DType to = wide_type(operand.dtype());
    const bool keep = row.operands[i].dtype != DType::invalid || operand.dtype() == to;
    wide.push_back(keep ? operand : evaluate(ops::Cast{to}, {operand}, 1)[0]);
  }
  return wide;
}

/// Rounds to what `dtype` can hold: a result that overflows float16 is infinite there.
double rounded_to(DType dtype, double value) {
  switch (dtype) {
    case DType::float16: return to_float(float16_from(static_cast<float>(value)));
    case DType::bfloat16: return to_float(bfloat16_from(static_cast<float>(value)));
    case DType::float32:
    case DType::complex64: return static_cast<float>(value);
    default: return value;
  }
}

/// Empty, or what is wrong. `special`: the error of small elements counts beside large ones, and
/// twice the usual error is allowed.
std::string judge(const Tensor& result, const Tensor& expected, double allowed, bool special) {
  if (result.shape() != expected.shape()) {
    return fmt::format("shape {} instead of {}", result.shape().to_string(),
                       expected.shape().to_string());
  }
  if (result.dtype() == expected.dtype() && wide_type(result.dtype()) == result.dtype() &&
      !is_floating(result.dtype()) && !is_complex(result.dtype())) {
    return first_difference(result, expected, 0);
  }
  if (is_integer(result.dtype())) {
    const Tensor whole = evaluate(ops::Cast{DType::int64}, {expected}, 1)[0];
    return first_difference(result, evaluate(ops::Cast{result.dtype()}, {whole}, 1)[0], 0);
  }
  const std::vector<double> y = real_elements(result);
  std::vector<double> r = real_elements(expected);
  if (y.size() != r.size())
    return "type " + to_string(result.type()) + " for " + to_string(expected.type());
  double scale = 0;
  for (double& value : r) {
    if (const double held = rounded_to(result.dtype(), value); allowed == 0 || std::isinf(held))
      value = held;
    if (std::isfinite(value)) scale = std::max(scale, std::fabs(value));
  }
  for (std::size_t i = 0; i < r.size(); ++i) {
    const double size = special ? 2 * std::max(std::fabs(r[i]), std::min(1.0, scale)) : scale;
    const bool same = std::isfinite(r[i]) ? std::fabs(y[i] - r[i]) <= allowed * size
                                          : y[i] == r[i] || (std::isnan(y[i]) && std::isnan(r[i]));
    if (!same) {
      return fmt::format("number {}: {} instead of {}, error {:.3g} of {:.3g}", i, y[i], r[i],
                         std::fabs(y[i] - r[i]) / size, allowed);
    }
  }
  return "";
}

std::vector<int> constant_operands(const OpCase& row) {
  std::vector<int> constants;
  for (std::size_t i = 0; i < row.operands.size(); ++i) {
    if (row.operands[i].constant) constants.push_back(static_cast<int>(i));
  }
  return constants;
}

/// The reference backend's results in float64; in the operands' own types where there is no such
/// kernel (bitwise functions).
std::vector<Tensor> expected_results(const OpCase& row, const std::vector<Tensor>& operands) {
  try {
    return evaluate(row.op, widened_operands(row, operands), row.results);
  } catch (const Error&) {
    return evaluate(row.op, operands, row.results);
  }
}

void check_row(const Backend& backend, const OpCase& row, DType dtype, ThreadPool* pool) {
  const std::vector<Tensor> operands = make_operands(row, dtype);
  const std::vector<Tensor> expected = expected_results(row, operands);
  const PreparedOp prepared(backend, row.op, operands, row.results, constant_operands(row),
                            pool->threads());
  const std::vector<Tensor> results = prepared.run(pool);
  ASSERT_EQ(results.size(), expected.size());
  const bool special = row.name.find("special") != std::string::npos;
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(judge(results[i], expected[i], limit(row.accuracy, results[i].dtype()), special), "")
        << "result " << i << " by " << prepared.kernel().name();
  }
  if (dtype == DType::string) return;  // the strings themselves allocate
  PreparedOp::Buffers buffers = prepared.buffers();
  const std::size_t before = allocation_count();
  prepared.run(buffers, pool);
  EXPECT_EQ(allocation_count(), before) << prepared.kernel().name() << " allocates";
}

class CaseTable : public testing::TestWithParam<const Backend*> {};

TEST_P(CaseTable, EveryRowAgreesWithReferenceFloat64) {
  ThreadPool pool(2);
  int runs = 0;
  for (const OpCase& row : op_cases()) {
    for (const DType dtype : row.dtypes) {
      SCOPED_TRACE(fmt::format("row '{}' ({}) in {}", row.name, name_of(row.op), name_of(dtype)));
      try {
        check_row(*GetParam(), row, dtype, &pool);
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
      }
      ++runs;
    }
  }
  EXPECT_GT(runs, 3000);
}

INSTANTIATE_TEST_SUITE_P(Backends, CaseTable, testing::Values(&reference_backend(), &cpu_backend()),
                         [](const auto& backend) { return std::string(backend.param->name()); });

TEST(CaseTable, NamesAreUnique) {
  std::set<std::string> names;
  for (const OpCase& row : op_cases()) EXPECT_TRUE(names.insert(row.name).second) << row.name;
}

TEST(CaseTable, HasARowForEveryOpThatHasAKernel) {
  // State, control flow and lists are the interpreter's; where has no kernel; host functions have
  // their own tests.
  const std::set<std::string> without = {
      "input",    "constant",       "variable_read", "variable_assign",  "where",
      "if",       "while",          "list_reserve",  "list_from_tensor", "list_get",
      "list_set", "list_push_back", "list_pop_back", "list_stack",       "list_length",
      "host_call"};
  std::set<std::string> seen;
  for (const OpCase& row : op_cases()) seen.insert(name_of(row.op));
  for (const char* name : {
#define X(name, Struct) #name,
           THAW_OPS(X)
#undef X
       }) {
    EXPECT_EQ(seen.count(name), 1 - without.count(name)) << name;
  }
}

TEST(CaseTable, HasARowForEveryFunction) {
  std::set<UnaryKind> unary;
  std::set<BinaryKind> binary;
  for (const OpCase& row : op_cases()) {
    if (const auto* op = std::get_if<ops::Unary>(&row.op)) unary.insert(op->fn.kind);
    if (const auto* op = std::get_if<ops::Binary>(&row.op)) binary.insert(op->kind);
  }
  EXPECT_EQ(unary.size(), static_cast<std::size_t>(UnaryKind::digamma) + 1);
  EXPECT_EQ(binary.size(), static_cast<std::size_t>(BinaryKind::right_shift) + 1);
}

}  // namespace
}  // namespace thaw::test
