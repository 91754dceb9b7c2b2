#include "thaw/types.h"

#include <array>
#include <utility>

#include "runtime/base/check.h"

namespace thaw {
namespace {

struct DTypeRow {
  DType dtype;
  const char* name;
  std::size_t size;
};

constexpr std::array kDTypes = {
    DTypeRow{DType::invalid, "invalid", 0},
    DTypeRow{DType::float16, "float16", 2},
    DTypeRow{DType::bfloat16, "bfloat16", 2},
    DTypeRow{DType::float32, "float32", 4},
    DTypeRow{DType::float64, "float64", 8},
    DTypeRow{DType::int8, "int8", 1},
    DTypeRow{DType::int16, "int16", 2},
    DTypeRow{DType::int32, "int32", 4},
    DTypeRow{DType::int64, "int64", 8},
    DTypeRow{DType::uint8, "uint8", 1},
    DTypeRow{DType::uint16, "uint16", 2},
    DTypeRow{DType::uint32, "uint32", 4},
    DTypeRow{DType::uint64, "uint64", 8},
    DTypeRow{DType::boolean, "bool", 1},
    DTypeRow{DType::string, "string", sizeof(std::string)},
    DTypeRow{DType::complex64, "complex64", 8},
    DTypeRow{DType::complex128, "complex128", 16},
    DTypeRow{DType::tensor_list, "tensor_list", 0},
    DTypeRow{DType::table, "table", 0},
};

const DTypeRow& row(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::size_t size_of(DType dtype) { return row(dtype).size; }
const char* name_of(DType dtype) { return row(dtype).name; }

DType dtype_from_name(const std::string& name) {
  for (const DTypeRow& entry : kDTypes) {
    if (name == entry.name) return entry.dtype;
  }
  return DType::invalid;
}

bool is_floating(DType dtype) { return dtype >= DType::float16 && dtype <= DType::float64; }
bool is_integer(DType dtype) { return dtype >= DType::int8 && dtype <= DType::uint64; }
bool is_complex(DType dtype) { return dtype == DType::complex64 || dtype == DType::complex128; }

Shape Shape::unknown_rank() {
  Shape shape;
  shape.has_rank_ = false;
  return shape;
}

bool Shape::is_static() const {
  for (std::int64_t dim : dims_) {
    if (dim < 0) return false;
  }
  return has_rank_;
}

std::int64_t Shape::num_elements() const {
  if (!is_static()) {
    fail(ErrorCode::invalid_argument, "shape {} is not fully known", to_string());
  }
  std::int64_t count = 1;
  bool zero = false;
  for (std::int64_t dim : dims_) {
    if (dim == 0) {
      zero = true;
    } else if (__builtin_mul_overflow(count, dim, &count)) {
      fail(ErrorCode::invalid_argument, "shape {} has more than 2^63 elements", to_string());
    }
  }
  return zero ? 0 : count;
}

std::string Shape::to_string() const {
  if (!has_rank_) return "[...]";
  std::string text = "[";
  for (std::size_t i = 0; i < dims_.size(); ++i) {
    if (i > 0) text += ", ";
    text += dims_[i] < 0 ? "?" : std::to_string(dims_[i]);
  }
  return text + "]";
}

std::string to_string(const TensorType& type) {
  return name_of(type.dtype) + type.shape.to_string();
}

}  // namespace thaw
