// Elements as numbers, for host functions that take many element types.
#pragma once

#include <algorithm>
#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/host/by_type.h"

namespace thaw::host {

using Complex64 = std::complex<float>;
using Complex128 = std::complex<double>;

inline double to_number(float16 x) { return half_to_float(x.bits); }
inline double to_number(bfloat16 x) { return bfloat_to_float(x.bits); }
template <class T>
requires std::is_arithmetic_v<T>
double to_number(T x) { return static_cast<double>(x); }

/// float32, float64, complex64, complex128.
template <class Visit>
auto visit_linear(DType dtype, Visit&& visit) {
  switch (dtype) {
    case DType::float32: return visit(Tag<float>{});
    case DType::float64: return visit(Tag<double>{});
    case DType::complex64: return visit(Tag<Complex64>{});
    case DType::complex128: return visit(Tag<Complex128>{});
    default: wrong_type(dtype);
  }
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
