// Elements as numbers, for host functions that take many element types.
#pragma once

#include <algorithm>
#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/host_call.h"
#include "runtime/base/check.h"
#include "runtime/base/half.h"

namespace thaw::host {

using Complex64 = std::complex<float>;
using Complex128 = std::complex<double>;

template <class T>
struct ElementTag {
  using type = T;
};

template <class T>
const T* elements(const Tensor& tensor) {
  return static_cast<const T*>(tensor.data());
}
template <class T>
T* mutable_elements(Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data());
}

inline double to_number(float16 x) { return half_to_float(x.bits); }
inline double to_number(bfloat16 x) { return bfloat_to_float(x.bits); }
template <class T>
requires std::is_arithmetic_v<T>
double to_number(T x) { return static_cast<double>(x); }

/// Rounds once.
template <class T>
T from_number(double x) {
  if constexpr (std::is_same_v<T, float16>) {
    return {float_to_half(static_cast<float>(x))};
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    return {float_to_bfloat(static_cast<float>(x))};
  } else {
    return static_cast<T>(x);
  }
}

[[noreturn]] inline void no_code_for(DType dtype) {
  fail(ErrorCode::unimplemented, "elements of {}", name_of(dtype));
}

/// Calls visit(ElementTag<T>) for the floating element types.
template <class Visit>
auto visit_float(DType dtype, Visit&& visit) {
  switch (dtype) {
    case DType::float16: return visit(ElementTag<float16>{});
    case DType::bfloat16: return visit(ElementTag<bfloat16>{});
    case DType::float32: return visit(ElementTag<float>{});
    case DType::float64: return visit(ElementTag<double>{});
    default: no_code_for(dtype);
  }
}

/// float32, float64, complex64, complex128.
template <class Visit>
auto visit_linear(DType dtype, Visit&& visit) {
  switch (dtype) {
    case DType::float32: return visit(ElementTag<float>{});
    case DType::float64: return visit(ElementTag<double>{});
    case DType::complex64: return visit(ElementTag<Complex64>{});
    case DType::complex128: return visit(ElementTag<Complex128>{});
    default: no_code_for(dtype);
  }
}

template <class Visit>
auto visit_integer(DType dtype, Visit&& visit) {
  switch (dtype) {
    case DType::int8: return visit(ElementTag<std::int8_t>{});
    case DType::int16: return visit(ElementTag<std::int16_t>{});
    case DType::int32: return visit(ElementTag<std::int32_t>{});
    case DType::int64: return visit(ElementTag<std::int64_t>{});
    case DType::uint8: return visit(ElementTag<std::uint8_t>{});
    case DType::uint16: return visit(ElementTag<std::uint16_t>{});
    case DType::uint32: return visit(ElementTag<std::uint32_t>{});
    case DType::uint64: return visit(ElementTag<std::uint64_t>{});
    default: no_code_for(dtype);
  }
}

/// Elements of an int32 or int64 tensor.
inline std::vector<std::int64_t> integers(const Tensor& tensor) { return to_ints(tensor); }
/// One number from an int32 or int64 tensor of one element.
inline std::int64_t one_integer(const Tensor& tensor, const char* what) {
  if (tensor.num_elements() != 1) {
    fail(ErrorCode::invalid_argument, "{}: expected one number, found shape {}", what,
         tensor.shape().to_string());
  }
  return to_ints(tensor)[0];
}

/// A shape that a function is asked for at run time. Throws for negative dimensions and sizes that
/// overflow.
inline Shape shape_from(const std::vector<std::int64_t>& dims) {
  for (const std::int64_t dim : dims) {
    if (dim < 0) fail(ErrorCode::invalid_argument, "shape with dimension {}", dim);
  }
  Shape shape(dims);
  shape.num_elements();
  return shape;
}

/// Product of dimensions [begin, end).
inline std::int64_t count_of(const Shape& shape, int begin, int end) {
  std::int64_t count = 1;
  for (int i = begin; i < end; ++i) count *= shape[i];
  return count;
}

/// Where the elements of operands stand that broadcast to one shape as numpy does.
class Broadcast {
 public:
  /// `shape`: what all of `operands` broadcast to.
  Broadcast(Shape shape, const std::vector<Shape>& operands) : shape_(std::move(shape)) {
    for (const Shape& operand : operands) {
      std::vector<std::int64_t> strides(static_cast<std::size_t>(shape_.rank()), 0);
      std::int64_t stride = 1;
      for (int i = operand.rank() - 1, at = shape_.rank() - 1; i >= 0; --i, --at) {
        if (operand[i] != 1) strides[static_cast<std::size_t>(at)] = stride;
        stride *= operand[i];
      }
      strides_.push_back(std::move(strides));
    }
  }

  /// visit(i, positions): element i of the result, and the element of each operand.
  template <class Visit>
  void each(Visit&& visit) const {
    const std::int64_t count = shape_.num_elements();
    std::vector<std::int64_t> at(strides_.size(), 0), index(strides_.empty() ? 0 : rank(), 0);
    for (std::int64_t i = 0; i < count; ++i) {
      visit(i, static_cast<const std::vector<std::int64_t>&>(at));
      for (std::size_t axis = rank(); axis-- > 0;) {
        if (++index[axis] < shape_[static_cast<int>(axis)]) {
          for (std::size_t k = 0; k < at.size(); ++k) at[k] += strides_[k][axis];
          break;
        }
        for (std::size_t k = 0; k < at.size(); ++k) at[k] -= strides_[k][axis] * (index[axis] - 1);
        index[axis] = 0;
      }
    }
  }

 private:
  std::size_t rank() const { return static_cast<std::size_t>(shape_.rank()); }

  Shape shape_;
  std::vector<std::vector<std::int64_t>> strides_;
};

}  // namespace thaw::host
