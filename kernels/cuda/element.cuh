// Element types on the device: what they compute in, how they are read and written. Every function
// of this room's .cuh files runs on both sides.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "thaw/tensor.h"

#ifdef __CUDACC__
#define THAW_HOST_DEVICE __host__ __device__
#define THAW_DEVICE __device__
#define THAW_NOINLINE __attribute__((noinline))
// Loops over registers: every index must be known to the compiler.
#define THAW_UNROLL _Pragma("unroll")
#else
#define THAW_HOST_DEVICE
#define THAW_DEVICE
#define THAW_NOINLINE
#define THAW_UNROLL
#endif

namespace thaw::cuda {

template <class T>
constexpr bool kIsHalf = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;
template <class T>
constexpr bool kIsFloat = std::is_floating_point_v<T> || kIsHalf<T>;

/// Stands for the element type of integers whose type is known at run time only: one kernel for all
/// of them. They are computed in int64, which holds all but uint64's, and wrap where they are
/// written.
struct AnyInteger {};

/// The type that T is computed in.
template <class T>
using Compute =
    std::conditional_t<kIsHalf<T>, float,
                       std::conditional_t<std::is_same_v<T, AnyInteger>, std::int64_t, T>>;

/// The type that sums of T are held in; integers wrap.
template <class T>
using Sum = std::conditional_t<kIsFloat<T>, Compute<T>, std::uint64_t>;

template <class To, class From>
THAW_HOST_DEVICE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

THAW_HOST_DEVICE inline float to_compute(float16 value) {
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000u) << 16;
  const std::uint32_t exponent = (value.bits >> 10) & 0x1fu, mantissa = value.bits & 0x3ffu;
  if (exponent == 31) return bits_as<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {
    const float subnormal = static_cast<float>(mantissa) * 5.9604644775390625e-8f;  // 2^-24
    return bits_as<float>(bits_as<std::uint32_t>(subnormal) | sign);
  }
  return bits_as<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

THAW_HOST_DEVICE inline float to_compute(bfloat16 value) {
  return bits_as<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

template <class T>
THAW_HOST_DEVICE T to_compute(T value) {
  return value;
}

THAW_HOST_DEVICE inline std::uint16_t half_bits(float value) {
  const std::uint32_t bits = bits_as<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);   // NaN
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // infinity
  if (magnitude < 0x38800000u) {
    // Subnormal or zero: adding 0.5 aligns the last bits, so that the addition rounds to even.
    const float shifted = bits_as<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (bits_as<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

THAW_HOST_DEVICE inline std::uint16_t bfloat_bits(float value) {
  const std::uint32_t bits = bits_as<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// Rounds once; integers are taken modulo 2^bits.
template <class T, class From>
THAW_HOST_DEVICE T from_compute(From value) {
  if constexpr (std::is_same_v<T, float16>) {
    return T{half_bits(static_cast<float>(value))};
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    return T{bfloat_bits(static_cast<float>(value))};
  } else {
    return static_cast<T>(value);
  }
}

/// -infinity, or the lowest integer; infinity, or the highest.
template <class C>
THAW_HOST_DEVICE constexpr C lowest() {
  using Limits = std::numeric_limits<C>;
  return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
}
template <class C>
THAW_HOST_DEVICE constexpr C highest() {
  using Limits = std::numeric_limits<C>;
  return Limits::has_infinity ? Limits::infinity() : Limits::max();
}

inline bool is_unsigned(DType dtype) {
  return dtype == DType::uint8 || dtype == DType::uint16 || dtype == DType::uint32 ||
         dtype == DType::uint64;
}

/// -infinity, or the lowest number of the integer type `dtype`; infinity, or the highest. C: the
/// type that they are computed in.
template <class C>
C lowest_of(DType dtype) {
  if constexpr (std::is_floating_point_v<C>) {
    return lowest<C>();
  } else {
    return is_unsigned(dtype) ? C{0} : static_cast<C>(INT64_MIN >> (64 - 8 * size_of(dtype)));
  }
}
template <class C>
C highest_of(DType dtype) {
  if constexpr (std::is_floating_point_v<C>) {
    return highest<C>();
  } else {
    const std::uint64_t all = UINT64_MAX >> (64 - 8 * size_of(dtype));
    return static_cast<C>(is_unsigned(dtype) ? all : all >> 1);
  }
}

/// Element `i` of integers or bools of a type known at run time; beyond int64 its largest number.
THAW_HOST_DEVICE inline std::int64_t integer_at(const void* data, DType dtype, std::int64_t i) {
  switch (dtype) {
    case DType::int8: return static_cast<const std::int8_t*>(data)[i];
    case DType::int16: return static_cast<const std::int16_t*>(data)[i];
    case DType::int32: return static_cast<const std::int32_t*>(data)[i];
    case DType::int64: return static_cast<const std::int64_t*>(data)[i];
    case DType::boolean:
    case DType::uint8: return static_cast<const std::uint8_t*>(data)[i];
    case DType::uint16: return static_cast<const std::uint16_t*>(data)[i];
    case DType::uint32: return static_cast<const std::uint32_t*>(data)[i];
    case DType::uint64: {
      const std::uint64_t value = static_cast<const std::uint64_t*>(data)[i];
      return value > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(value);
    }
    default: return -1;
  }
}

/// Writes an integer modulo 2^bits.
THAW_HOST_DEVICE inline void set_integer(void* data, DType dtype, std::int64_t i,
                                         std::int64_t value) {
  switch (dtype) {
    case DType::int8:
    case DType::uint8:
      static_cast<std::uint8_t*>(data)[i] = static_cast<std::uint8_t>(value);
      break;
    case DType::int16:
    case DType::uint16:
      static_cast<std::uint16_t*>(data)[i] = static_cast<std::uint16_t>(value);
      break;
    case DType::int32:
    case DType::uint32:
      static_cast<std::uint32_t*>(data)[i] = static_cast<std::uint32_t>(value);
      break;
    default: static_cast<std::uint64_t*>(data)[i] = static_cast<std::uint64_t>(value); break;
  }
}

/// Elements in the type that they are computed in.
template <class T>
struct Reader {
  const T* data = nullptr;
  Reader() = default;
  Reader(const void* elements, DType) : data(static_cast<const T*>(elements)) {}
  THAW_HOST_DEVICE Compute<T> operator[](std::int64_t i) const { return to_compute(data[i]); }
};
template <>
struct Reader<AnyInteger> {
  const void* data = nullptr;
  DType dtype = DType::invalid;
  Reader() = default;
  Reader(const void* elements, DType type) : data(elements), dtype(type) {}
  THAW_HOST_DEVICE std::int64_t operator[](std::int64_t i) const {
    return integer_at(data, dtype, i);
  }
};

/// Rounds once; integers are taken modulo 2^bits.
template <class T>
struct Writer {
  T* data = nullptr;
  Writer() = default;
  Writer(void* elements, DType) : data(static_cast<T*>(elements)) {}
  template <class C>
  THAW_HOST_DEVICE void put(std::int64_t i, C value) const {
    data[i] = from_compute<T>(value);
  }
};
template <>
struct Writer<AnyInteger> {
  void* data = nullptr;
  DType dtype = DType::invalid;
  Writer() = default;
  Writer(void* elements, DType type) : data(elements), dtype(type) {}
  template <class C>
  THAW_HOST_DEVICE void put(std::int64_t i, C value) const {
    set_integer(data, dtype, i, static_cast<std::int64_t>(value));
  }
};

}  // namespace thaw::cuda
