// Element types as the reference kernels compute with them.
#pragma once

#include <complex>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include "runtime/base/half.h"
#include "thaw/tensor.h"

namespace thaw::reference {

using Complex64 = std::complex<float>;
using Complex128 = std::complex<double>;

template <class T>
constexpr bool kIsHalf = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;
template <class T>
constexpr bool kIsFloat = std::is_floating_point_v<T> || kIsHalf<T>;
template <class T>
constexpr bool kIsComplex = std::is_same_v<T, Complex64> || std::is_same_v<T, Complex128>;
template <class T>
constexpr bool kIsInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

/// The type that single operations on T are done in: float for the 16-bit floats, else T.
template <class T>
using Compute = std::conditional_t<kIsHalf<T>, float, T>;

/// The type that long sums and products of T are done in. float32 accumulates in double, so that
/// the reference is better than what it judges; integers wrap, which unsigned arithmetic does
/// without undefined behaviour.
template <class T>
using Accumulator =
    std::conditional_t<kIsFloat<T>, double,
                       std::conditional_t<kIsComplex<T>, Complex128, std::uint64_t>>;

template <class T>
Compute<T> load(const T& value) {
  if constexpr (std::is_same_v<T, float16>) {
    return half_to_float(value.bits);
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    return bfloat_to_float(value.bits);
  } else {
    return value;
  }
}

/// Rounds once. Integers are taken modulo 2^bits.
template <class T, class From>
T store(From value) {
  if constexpr (std::is_same_v<T, float16>) {
    return {float_to_half(static_cast<float>(value))};
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    return {float_to_bfloat(static_cast<float>(value))};
  } else {
    return static_cast<T>(value);
  }
}

template <class T>
Accumulator<T> load_wide(const T& value) {
  return static_cast<Accumulator<T>>(load(value));
}

/// -infinity, or the lowest integer.
template <class T>
Compute<T> lowest() {
  using Limits = std::numeric_limits<Compute<T>>;
  return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
}
template <class T>
Compute<T> highest() {
  using Limits = std::numeric_limits<Compute<T>>;
  return Limits::has_infinity ? Limits::infinity() : Limits::max();
}

}  // namespace thaw::reference
