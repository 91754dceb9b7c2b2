// Short forms for writing rows.
#pragma once

#include <cstdint>
#include <utility>

#include "tests/cases/cases.h"

namespace thaw::test {

using Rows = std::vector<OpCase>;

inline const std::vector<DType> kFloats = {DType::float32, DType::float64, DType::float16,
                                           DType::bfloat16};
inline const std::vector<DType> kInts = {DType::int8,  DType::int16,  DType::int32,  DType::int64,
                                         DType::uint8, DType::uint16, DType::uint32, DType::uint64};
inline const std::vector<DType> kSignedInts = {DType::int8, DType::int16, DType::int32,
                                               DType::int64};

inline std::vector<DType> operator+(std::vector<DType> a, const std::vector<DType>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
inline const std::vector<DType> kReals = kFloats + kInts;
inline const std::vector<DType> kNumbers =
    kReals + std::vector{DType::complex64, DType::complex128};
inline const std::vector<DType> kAll = kNumbers + std::vector{DType::boolean, DType::string};

/// Random elements of the row's type.
inline OperandCase x(Shape shape, double low = -1, double high = 1) {
  return {std::move(shape), Fill::uniform, low, high, {}};
}
inline OperandCase whole(Shape shape, double low = -9, double high = 10) {
  return {std::move(shape), Fill::whole, low, high, {}};
}
inline OperandCase special(Shape shape) { return {std::move(shape), Fill::special, 0, 0, {}}; }
inline OperandCase given(Shape shape, std::vector<double> values) {
  return {std::move(shape), Fill::values, 0, 0, std::move(values)};
}
/// A constant operand of the row's type.
inline OperandCase weight(Shape shape, double low = -1, double high = 1) {
  OperandCase operand = x(std::move(shape), low, high);
  operand.constant = true;
  return operand;
}
/// A vector of given int64.
inline OperandCase ints(const std::vector<std::int64_t>& values) {
  OperandCase operand =
      given({static_cast<std::int64_t>(values.size())}, {values.begin(), values.end()});
  operand.dtype = DType::int64;
  return operand;
}
inline OperandCase typed(OperandCase operand, DType dtype) {
  operand.dtype = dtype;
  return operand;
}
/// Random indices in [0, size).
inline OperandCase indices(Shape shape, std::int64_t size, DType dtype = DType::int32) {
  return typed(whole(std::move(shape), 0, static_cast<double>(size)), dtype);
}
inline OperandCase bools(Shape shape) {
  return typed(whole(std::move(shape), 0, 2), DType::boolean);
}

Rows elementwise_rows();
Rows product_rows();
Rows window_rows();
Rows reduction_rows();
Rows layout_rows();
Rows indexing_rows();
Rows attention_rows();
Rows recurrent_rows();

}  // namespace thaw::test
