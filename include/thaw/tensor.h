// A dense host tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "thaw/error.h"
#include "thaw/types.h"

namespace thaw {

class StoredElements;  // runtime/base/stored.h

/// 16-bit floats are stored as their bits; convert with to_float / from_float.
struct float16 {
  std::uint16_t bits;
};
struct bfloat16 {
  std::uint16_t bits;
};
THAW_API float to_float(float16 value);
THAW_API float to_float(bfloat16 value);
THAW_API float16 float16_from(float value);    // round to nearest even
THAW_API bfloat16 bfloat16_from(float value);  // round to nearest even

/// Dense row-major tensor in host memory: a type and a reference-counted buffer, 64-byte aligned
/// unless it was borrowed. Copying a Tensor shares the buffer; clone() copies the elements.
/// Different threads may read one buffer; writing is the writer's responsibility. Large weights of
/// a model lie in its file until data() is first asked for (Limits::map_files).
class THAW_API Tensor {
 public:
  Tensor() = default;
  /// Allocates zero-filled elements (empty strings). `shape` must be static.
  /// Throws Error(invalid_argument) for a non-tensor dtype or an overflowing size.
  Tensor(DType dtype, Shape shape);
  /// Copies `values` (as many as the shape holds).
  template <class T>
  static Tensor from(Shape shape, const std::vector<T>& values);
  /// Refers to memory that `owner` keeps alive (may be null: the caller guarantees the life time).
  /// The memory is not written unless the caller asks for mutable_data().
  static Tensor borrow(DType dtype, Shape shape, const void* data,
                       std::shared_ptr<const void> owner);
  /// Elements that stay where they are until data() is first asked for. `shape` must be static,
  /// `dtype` of fixed size.
  static Tensor stored(DType dtype, Shape shape, std::shared_ptr<const StoredElements> elements);

  DType dtype() const { return type_.dtype; }
  const Shape& shape() const { return type_.shape; }
  const TensorType& type() const { return type_; }
  std::int64_t num_elements() const { return count_; }
  /// Bytes of the elements (for strings: of the std::string objects).
  std::size_t size_bytes() const { return static_cast<std::size_t>(count_) * size_of(type_.dtype); }
  bool empty() const { return type_.dtype == DType::invalid; }

  const void* data() const { return stored_ ? stored_data() : data_; }
  /// Of a stored tensor: of a copy of its own, which this tensor refers to from now on.
  void* mutable_data() {
    if (stored_) *this = clone();
    return const_cast<void*>(data_);
  }
  /// Elements as T. Throws Error(invalid_argument) when T is not this tensor's element type.
  template <class T>
  const T* data() const {
    check_type(dtype_of<T>());
    return static_cast<const T*>(data());
  }
  template <class T>
  T* mutable_data() {
    check_type(dtype_of<T>());
    return static_cast<T*>(mutable_data());
  }

  Tensor clone() const;
  /// The same elements under another shape with as many elements.
  Tensor reshaped(Shape shape) const;
  /// Null unless made by stored().
  const StoredElements* stored() const {
    return stored_ ? static_cast<const StoredElements*>(data_) : nullptr;
  }
  /// One address per buffer, whether its elements are in memory or not.
  const void* identity() const { return data_; }

  template <class T>
  static constexpr DType dtype_of();

 private:
  void check_type(DType asked) const;
  const void* stored_data() const;

  TensorType type_;
  std::int64_t count_ = 0;
  const void* data_ = nullptr;  // the elements, or the StoredElements
  bool stored_ = false;
  std::shared_ptr<const void> owner_;
};

// clang-format off
template <> constexpr DType Tensor::dtype_of<float16>() { return DType::float16; }
template <> constexpr DType Tensor::dtype_of<bfloat16>() { return DType::bfloat16; }
template <> constexpr DType Tensor::dtype_of<float>() { return DType::float32; }
template <> constexpr DType Tensor::dtype_of<double>() { return DType::float64; }
template <> constexpr DType Tensor::dtype_of<std::int8_t>() { return DType::int8; }
template <> constexpr DType Tensor::dtype_of<std::int16_t>() { return DType::int16; }
template <> constexpr DType Tensor::dtype_of<std::int32_t>() { return DType::int32; }
template <> constexpr DType Tensor::dtype_of<std::int64_t>() { return DType::int64; }
template <> constexpr DType Tensor::dtype_of<std::uint8_t>() { return DType::uint8; }
template <> constexpr DType Tensor::dtype_of<std::uint16_t>() { return DType::uint16; }
template <> constexpr DType Tensor::dtype_of<std::uint32_t>() { return DType::uint32; }
template <> constexpr DType Tensor::dtype_of<std::uint64_t>() { return DType::uint64; }
template <> constexpr DType Tensor::dtype_of<bool>() { return DType::boolean; }
template <> constexpr DType Tensor::dtype_of<std::string>() { return DType::string; }
// clang-format on

template <class T>
Tensor Tensor::from(Shape shape, const std::vector<T>& values) {
  Tensor tensor(dtype_of<T>(), std::move(shape));
  if (static_cast<std::size_t>(tensor.num_elements()) != values.size()) {
    throw Error(ErrorCode::invalid_argument, "Tensor::from: shape " + tensor.shape().to_string() +
                                                 " holds " + std::to_string(tensor.num_elements()) +
                                                 " elements, got " + std::to_string(values.size()));
  }
  T* out = tensor.mutable_data<T>();
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = values[i];
  return tensor;
}

}  // namespace thaw
