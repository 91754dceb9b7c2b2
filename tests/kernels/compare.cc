#include "tests/kernels/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace thaw::test {
namespace {

template <class T>
std::vector<double> widened(const Tensor& tensor, std::int64_t count) {
  const T* x = static_cast<const T*>(tensor.data());
  return {x, x + count};
}

template <class Half>
std::vector<double> widened_half(const Tensor& tensor) {
  std::vector<double> wide;
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i) {
    wide.push_back(to_float(tensor.data<Half>()[i]));
  }
  return wide;
}

std::string exact_difference(const Tensor& result, const Tensor& expected) {
  const std::size_t size = size_of(result.dtype());
  const auto* x = static_cast<const char*>(result.data());
  const auto* y = static_cast<const char*>(expected.data());
  for (std::int64_t i = 0; i < result.num_elements(); ++i) {
    if (result.dtype() == DType::string) {
      const auto &a = result.data<std::string>()[i], &b = expected.data<std::string>()[i];
      if (a != b) return fmt::format("element {}: '{}' instead of '{}'", i, a, b);
    } else if (std::memcmp(x + i * size, y + i * size, size) != 0) {
      std::int64_t a = 0, b = 0;
      std::memcpy(&a, x + i * size, std::min(size, sizeof a));
      std::memcpy(&b, y + i * size, std::min(size, sizeof b));
      return fmt::format("element {}: bits {:#x} instead of {:#x}", i, a, b);
    }
  }
  return "";
}

}  // namespace

std::vector<double> real_elements(const Tensor& tensor) {
  const std::int64_t count = tensor.num_elements();
  switch (tensor.dtype()) {
    case DType::float16: return widened_half<float16>(tensor);
    case DType::bfloat16: return widened_half<bfloat16>(tensor);
    case DType::float32: return widened<float>(tensor, count);
    case DType::float64: return widened<double>(tensor, count);
    case DType::complex64: return widened<float>(tensor, 2 * count);
    case DType::complex128: return widened<double>(tensor, 2 * count);
    default: return {};
  }
}

double elementwise_tolerance(DType dtype) {
  switch (dtype) {
    case DType::float16: return 2e-3;
    case DType::bfloat16: return 1e-2;
    case DType::float64:
    case DType::complex128: return 1e-12;
    default: return 5e-6;
  }
}

std::string first_difference(const Tensor& result, const Tensor& expected, double tolerance) {
  if (result.type() != expected.type()) {
    return fmt::format("type {} instead of {}", to_string(result.type()),
                       to_string(expected.type()));
  }
  if (!is_floating(result.dtype()) && !is_complex(result.dtype())) {
    return exact_difference(result, expected);
  }
  const std::vector<double> x = real_elements(result), y = real_elements(expected);
  double largest = 0;
  for (const double value : y) {
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  }
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double allowed = tolerance * std::max(std::fabs(y[i]), std::min(1.0, largest));
    const bool same = std::isfinite(y[i]) ? std::fabs(x[i] - y[i]) <= allowed
                                          : x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]));
    if (!same) return fmt::format("number {}: {} instead of {}", i, x[i], y[i]);
  }
  return "";
}

}  // namespace thaw::test
