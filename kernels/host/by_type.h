// From an element type known at run time to code compiled for it, and small helpers that host
// functions share.
#pragma once

#include <complex>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/host_call.h"
#include "runtime/base/check.h"
#include "runtime/base/half.h"

namespace thaw::host {

template <class T>
struct Tag {
  using type = T;
};
template <class T>
using TypeOf = typename T::type;

template <class T>
constexpr bool kIsHalf = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;
template <class T>
constexpr bool kIsComplex =
    std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>;
template <class T>
constexpr bool kIsFloat = std::is_floating_point_v<T> || kIsHalf<T>;

/// What single operations on T are done in.
template <class T>
using Compute = std::conditional_t<kIsHalf<T>, float, T>;

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

/// Rounds once.
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

/// Elements without the check of the element type, which dispatch has made (complex numbers have no
/// accessor of their own).
template <class T>
const T* elements(const Tensor& tensor) {
  return static_cast<const T*>(tensor.data());
}
template <class T>
T* mutable_elements(Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data());
}

[[noreturn]] inline void wrong_type(DType dtype) {
  fail(ErrorCode::unimplemented, "not defined for {}", name_of(dtype));
}

// Each calls make(Tag<T>{}) for the element type and throws for dtypes outside its class.

template <class Make>
auto for_floats(DType dtype, const Make& make) {
  switch (dtype) {
    case DType::float16: return make(Tag<float16>{});
    case DType::bfloat16: return make(Tag<bfloat16>{});
    case DType::float32: return make(Tag<float>{});
    case DType::float64: return make(Tag<double>{});
    default: wrong_type(dtype);
  }
}

template <class Make>
auto for_integers(DType dtype, const Make& make) {
  switch (dtype) {
    case DType::int8: return make(Tag<std::int8_t>{});
    case DType::int16: return make(Tag<std::int16_t>{});
    case DType::int32: return make(Tag<std::int32_t>{});
    case DType::int64: return make(Tag<std::int64_t>{});
    case DType::uint8: return make(Tag<std::uint8_t>{});
    case DType::uint16: return make(Tag<std::uint16_t>{});
    case DType::uint32: return make(Tag<std::uint32_t>{});
    case DType::uint64: return make(Tag<std::uint64_t>{});
    default: wrong_type(dtype);
  }
}

template <class Make>
auto for_reals(DType dtype, const Make& make) {
  return is_floating(dtype) ? for_floats(dtype, make) : for_integers(dtype, make);
}

template <class Make>
auto for_numbers(DType dtype, const Make& make) {
  if (dtype == DType::complex64) return make(Tag<std::complex<float>>{});
  if (dtype == DType::complex128) return make(Tag<std::complex<double>>{});
  return for_reals(dtype, make);
}

/// For functions that only move elements: an unsigned type of the element's size, or std::string.
template <class Make>
auto for_storage(DType dtype, const Make& make) {
  struct Bytes16 {
    std::uint64_t low = 0, high = 0;
  };
  if (dtype == DType::string) return make(Tag<std::string>{});
  switch (size_of(dtype)) {
    case 1: return make(Tag<std::uint8_t>{});
    case 2: return make(Tag<std::uint16_t>{});
    case 4: return make(Tag<std::uint32_t>{});
    case 8: return make(Tag<std::uint64_t>{});
    case 16: return make(Tag<Bytes16>{});
    default: wrong_type(dtype);
  }
}

template <class... Args>
[[noreturn]] void invalid(fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorCode::invalid_argument, format, std::forward<Args>(args)...);
}

/// A result of a size that the operands' elements decide; what is absurd throws
/// Error(resource_exhausted).
inline Tensor allocate(DType dtype, std::vector<std::int64_t> dims) {
  constexpr std::int64_t kMaxBytes = std::int64_t{1} << 36;
  std::int64_t bytes = static_cast<std::int64_t>(size_of(dtype));
  for (const std::int64_t dim : dims) {
    if (dim < 0) invalid("a result of {} elements along one axis", dim);
    if (__builtin_mul_overflow(bytes, dim, &bytes)) bytes = INT64_MAX;
    if (dim == 0) bytes = 0;
    if (bytes == 0) break;
  }
  Shape shape(std::move(dims));
  if (bytes > kMaxBytes) {
    fail(ErrorCode::resource_exhausted, "a result of shape {}", shape.to_string());
  }
  try {
    return Tensor(dtype, std::move(shape));
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::resource_exhausted, "no memory for a result of {} bytes", bytes);
  }
}

/// Product of the dimensions [begin, end).
inline std::int64_t product(const Shape& shape, int begin, int end) {
  std::int64_t total = 1;
  for (int i = begin; i < end; ++i) total *= shape[i];
  return total;
}

/// Elements of an integer tensor of any type, as int64.
inline std::vector<std::int64_t> integers(const Tensor& tensor) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(tensor.num_elements()));
  for_integers(tensor.dtype(), [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const T* from = elements<T>(tensor);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<std::int64_t>(from[i]);
    }
  });
  return values;
}

/// The only element of an integer tensor.
inline std::int64_t integer(const Tensor& tensor, std::string_view what) {
  if (tensor.num_elements() != 1) {
    invalid("{}: expected a scalar, found shape {}", what, tensor.shape().to_string());
  }
  return integers(tensor)[0];
}

/// The only element of a real tensor.
inline double real(const Tensor& tensor, std::string_view what) {
  if (tensor.num_elements() != 1) {
    invalid("{}: expected a scalar, found shape {}", what, tensor.shape().to_string());
  }
  return for_reals(tensor.dtype(), [&](auto tag) {
    return static_cast<double>(load(elements<TypeOf<decltype(tag)>>(tensor)[0]));
  });
}

/// An integer tensor of `dtype` with these elements.
inline Tensor integer_tensor(DType dtype, std::vector<std::int64_t> dims,
                             const std::vector<std::int64_t>& values) {
  Tensor tensor = allocate(dtype, std::move(dims));
  THAW_CHECK(static_cast<std::size_t>(tensor.num_elements()) == values.size(), "{} elements",
             values.size());
  for_integers(dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    T* to = mutable_elements<T>(tensor);
    for (std::size_t i = 0; i < values.size(); ++i) to[i] = static_cast<T>(values[i]);
  });
  return tensor;
}

/// The dimensions of `shape` from `begin` on, with `first` in front.
inline std::vector<std::int64_t> dims_after(std::int64_t first, const Shape& shape, int begin) {
  std::vector<std::int64_t> dims{first};
  for (int i = begin; i < shape.rank(); ++i) dims.push_back(shape[i]);
  return dims;
}

}  // namespace thaw::host
