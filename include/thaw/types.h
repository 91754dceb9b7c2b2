// Element types and shapes. C++17, standard headers only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#if defined(__GNUC__)
#define THAW_API __attribute__((visibility("default")))
#else
#define THAW_API
#endif

namespace thaw {

/// Element type of a tensor. The numeric values are private to Thaw; files are translated.
/// `tensor_list` and `table` mark values that are not tensors (TensorFlow variants and resources);
/// they occur inside graphs only, never at a model's inputs or outputs.
enum class DType : std::uint8_t {
  invalid,
  float16,
  bfloat16,
  float32,
  float64,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  boolean,
  string,
  complex64,
  complex128,
  tensor_list,
  table,
};

/// Bytes of one element; sizeof(std::string) for `string`; 0 for what is not a tensor.
THAW_API std::size_t size_of(DType dtype);
/// "float32", "bool", ... (numpy's names).
THAW_API const char* name_of(DType dtype);
/// The inverse of name_of; DType::invalid for an unknown name.
THAW_API DType dtype_from_name(const std::string& name);
THAW_API bool is_floating(DType dtype);  // float16, bfloat16, float32, float64
THAW_API bool is_integer(DType dtype);   // signed and unsigned, without bool
THAW_API bool is_complex(DType dtype);

/// An unknown dimension.
constexpr std::int64_t kUnknownDim = -1;

/// A tensor's shape: dimensions, each >= 0 or unknown (-1); or not even the rank is known.
class THAW_API Shape {
 public:
  Shape() = default;  // rank 0, a scalar
  Shape(std::initializer_list<std::int64_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<std::int64_t> dims) : dims_(std::move(dims)) {}
  static Shape unknown_rank();

  bool has_rank() const { return has_rank_; }
  /// Number of dimensions; 0 when the rank is unknown (ask has_rank first).
  int rank() const { return static_cast<int>(dims_.size()); }
  std::int64_t operator[](int axis) const { return dims_[static_cast<std::size_t>(axis)]; }
  std::int64_t& operator[](int axis) { return dims_[static_cast<std::size_t>(axis)]; }
  const std::vector<std::int64_t>& dims() const { return dims_; }
  /// True when rank and all dimensions are known.
  bool is_static() const;
  /// Product of the dimensions. Throws Error(invalid_argument) if not static or if it overflows.
  std::int64_t num_elements() const;
  /// "[2, ?, 10]", "[]" for a scalar, "[...]" for an unknown rank.
  std::string to_string() const;

  friend bool operator==(const Shape& a, const Shape& b) {
    return a.has_rank_ == b.has_rank_ && a.dims_ == b.dims_;
  }
  friend bool operator!=(const Shape& a, const Shape& b) { return !(a == b); }

 private:
  std::vector<std::int64_t> dims_;
  bool has_rank_ = true;
};

/// Element type and shape of a value.
struct TensorType {
  DType dtype = DType::invalid;
  Shape shape;
  friend bool operator==(const TensorType& a, const TensorType& b) {
    return a.dtype == b.dtype && a.shape == b.shape;
  }
  friend bool operator!=(const TensorType& a, const TensorType& b) { return !(a == b); }
};

/// "float32[2, ?, 10]".
THAW_API std::string to_string(const TensorType& type);

/// A named input or output of a model.
struct TensorSpec {
  std::string name;
  TensorType type;
};

}  // namespace thaw
