#include "runtime/verify/compare.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <functional>
#include <limits>

#include "runtime/base/check.h"
#include "runtime/base/half.h"

namespace thaw {
namespace {

using Complex = std::complex<double>;
using Reader = Complex (*)(const void* data, std::int64_t i);

template <class T>
Complex read_as(const void* data, std::int64_t i) {
  return static_cast<double>(static_cast<const T*>(data)[i]);
}

// Null for element types that are not numbers.
Reader reader_for(DType dtype) {
  switch (dtype) {
    case DType::float32: return read_as<float>;
    case DType::float64: return read_as<double>;
    case DType::int8: return read_as<std::int8_t>;
    case DType::int16: return read_as<std::int16_t>;
    case DType::int32: return read_as<std::int32_t>;
    case DType::int64: return read_as<std::int64_t>;
    case DType::uint8: return read_as<std::uint8_t>;
    case DType::uint16: return read_as<std::uint16_t>;
    case DType::uint32: return read_as<std::uint32_t>;
    case DType::uint64: return read_as<std::uint64_t>;
    case DType::boolean: return read_as<std::uint8_t>;
    case DType::float16:
      return [](const void* data, std::int64_t i) -> Complex {
        return half_to_float(static_cast<const std::uint16_t*>(data)[i]);
      };
    case DType::bfloat16:
      return [](const void* data, std::int64_t i) -> Complex {
        return bfloat_to_float(static_cast<const std::uint16_t*>(data)[i]);
      };
    case DType::complex64:
      return [](const void* data, std::int64_t i) -> Complex {
        return Complex(static_cast<const std::complex<float>*>(data)[i]);
      };
    case DType::complex128:
      return [](const void* data, std::int64_t i) -> Complex {
        return static_cast<const Complex*>(data)[i];
      };
    default: return nullptr;
  }
}

bool same(double got, double expected, const Tolerance& tolerance) {
  if (std::isnan(expected) || std::isnan(got)) return std::isnan(expected) && std::isnan(got);
  if (std::isinf(expected) || std::isinf(got)) return got == expected;
  return std::abs(got - expected) <= tolerance.atol + tolerance.rtol * std::abs(expected);
}

bool same(Complex got, Complex expected, const Tolerance& tolerance) {
  if (expected.imag() == 0 && got.imag() == 0) return same(got.real(), expected.real(), tolerance);
  if (!std::isfinite(std::abs(expected)) || !std::isfinite(std::abs(got))) {
    return same(got.real(), expected.real(), tolerance) &&
           same(got.imag(), expected.imag(), tolerance);
  }
  return std::abs(got - expected) <= tolerance.atol + tolerance.rtol * std::abs(expected);
}

std::vector<std::int64_t> unravel(const Shape& shape, std::int64_t position) {
  std::vector<std::int64_t> index(static_cast<std::size_t>(shape.rank()));
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[static_cast<std::size_t>(axis)] = position % shape[axis];
    position /= shape[axis];
  }
  return index;
}

void note_mismatch(Comparison& result, const Tensor& got, const Tensor& expected, std::int64_t i) {
  if (result.mismatches++ > 0) return;
  result.first_bad = i;
  result.first_index = unravel(got.shape(), i);
  result.first_got = element_text(got, i);
  result.first_expected = element_text(expected, i);
}

void compare_strings(Comparison& result, const Tensor& got, const Tensor& expected) {
  for (std::int64_t i = 0; i < result.elements; ++i) {
    if (got.data<std::string>()[i] != expected.data<std::string>()[i]) {
      note_mismatch(result, got, expected, i);
    }
  }
}

void compare_numbers(Comparison& result, const Tensor& got, const Tensor& expected,
                     const Tolerance& tolerance) {
  const Reader read_got = reader_for(got.dtype()), read_expected = reader_for(expected.dtype());
  // 64-bit integers do not fit a double: compared as they are when the types agree and must be
  // exact.
  const bool exact = got.dtype() == expected.dtype() && !is_floating(got.dtype()) &&
                     !is_complex(got.dtype()) && tolerance.rtol == 0 && tolerance.atol == 0;
  const std::size_t size = size_of(got.dtype());
  double largest = 0;
  for (std::int64_t i = 0; i < result.elements; ++i) {
    const Complex g = read_got(got.data(), i), e = read_expected(expected.data(), i);
    const double difference = std::abs(g - e), magnitude = std::abs(e);
    if (std::isfinite(difference)) {
      result.max_abs = std::max(result.max_abs, difference);
      if (magnitude > 0) result.max_rel = std::max(result.max_rel, difference / magnitude);
      largest = std::max(largest, magnitude);
    }
    const auto* a = static_cast<const std::byte*>(got.data());
    const auto* b = static_cast<const std::byte*>(expected.data());
    const std::size_t offset = static_cast<std::size_t>(i) * size;
    const bool equal =
        exact ? std::memcmp(a + offset, b + offset, size) == 0 : same(g, e, tolerance);
    if (!equal) note_mismatch(result, got, expected, i);
  }
  result.norm_wise = largest > 0 ? result.max_abs / largest : result.max_abs;
}

}  // namespace

std::string element_text(const Tensor& tensor, std::int64_t i) {
  if (tensor.dtype() == DType::string)
    return "\"" + printable(tensor.data<std::string>()[i]) + "\"";
  switch (tensor.dtype()) {
    case DType::boolean:
      return static_cast<const std::uint8_t*>(tensor.data())[i] ? "true" : "false";
    case DType::int64: return std::to_string(tensor.data<std::int64_t>()[i]);
    case DType::uint64: return std::to_string(tensor.data<std::uint64_t>()[i]);
    default: break;
  }
  const Reader read = reader_for(tensor.dtype());
  if (read == nullptr) return "?";
  const Complex value = read(tensor.data(), i);
  if (is_complex(tensor.dtype())) return fmt::format("{:.9g}{:+.9g}j", value.real(), value.imag());
  return fmt::format("{:.9g}", value.real());
}

Comparison compare(const Tensor& got, const Tensor& expected, const Tolerance& tolerance) {
  Comparison result;
  if (got.shape() != expected.shape()) {
    result.problem =
        fmt::format("shape {}, expected {}", got.shape().to_string(), expected.shape().to_string());
    return result;
  }
  const bool strings = expected.dtype() == DType::string,
             got_strings = got.dtype() == DType::string;
  const bool bools = expected.dtype() == DType::boolean, got_bools = got.dtype() == DType::boolean;
  if (strings != got_strings || bools != got_bools ||
      is_complex(got.dtype()) != is_complex(expected.dtype())) {
    result.problem =
        fmt::format("type {}, expected {}", name_of(got.dtype()), name_of(expected.dtype()));
    return result;
  }
  result.elements = got.num_elements();
  if (strings) {
    compare_strings(result, got, expected);
  } else {
    compare_numbers(result, got, expected, tolerance);
  }
  result.match = result.mismatches == 0;
  return result;
}

}  // namespace thaw
