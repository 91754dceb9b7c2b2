#include "tests/kernels/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/backend.h"
#include "tests/kernels/compare.h"

namespace thaw::test {
namespace {

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

}  // namespace

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

std::vector<Tensor> expected_results(const OpCase& row, const std::vector<Tensor>& operands) {
  try {
    return evaluate(row.op, widened_operands(row, operands), row.results);
  } catch (const Error&) {
    return evaluate(row.op, operands, row.results);
  }
}

}  // namespace thaw::test
