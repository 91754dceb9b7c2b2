#include "thaw/tensor.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/check.h"
#include "runtime/base/half.h"
#include "runtime/base/memory.h"
#include "runtime/base/stored.h"

namespace thaw {

float to_float(float16 value) { return half_to_float(value.bits); }
float to_float(bfloat16 value) { return bfloat_to_float(value.bits); }
float16 float16_from(float value) { return {float_to_half(value)}; }
bfloat16 bfloat16_from(float value) { return {float_to_bfloat(value)}; }

Tensor::Tensor(DType dtype, Shape shape) : type_{dtype, std::move(shape)} {
  const std::size_t element = size_of(dtype);
  if (element == 0) fail(ErrorCode::invalid_argument, "a tensor cannot hold {}", name_of(dtype));
  count_ = type_.shape.num_elements();
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<std::size_t>(count_), element, &bytes)) {
    fail(ErrorCode::invalid_argument, "tensor {} is too large", to_string(type_));
  }
  if (dtype == DType::string) {
    std::shared_ptr<std::string[]> strings(new std::string[static_cast<std::size_t>(count_)]);
    data_ = strings.get();
    owner_ = std::shared_ptr<const void>(strings, strings.get());
    return;
  }
  AlignedBytes memory = allocate_aligned(bytes);
  std::memset(memory.get(), 0, bytes);
  data_ = memory.get();
  owner_ = std::shared_ptr<const void>(memory.release(), [](const void* address) {
    AlignedFree()(static_cast<std::byte*>(const_cast<void*>(address)));
  });
}

Tensor Tensor::borrow(DType dtype, Shape shape, const void* data,
                      std::shared_ptr<const void> owner) {
  Tensor tensor;
  tensor.count_ = shape.num_elements();
  tensor.type_ = {dtype, std::move(shape)};
  tensor.data_ = data;
  tensor.owner_ = std::move(owner);
  return tensor;
}

Tensor Tensor::stored(DType dtype, Shape shape, std::shared_ptr<const StoredElements> elements) {
  THAW_CHECK(dtype != DType::string && size_of(dtype) != 0, "stored elements of {}",
             name_of(dtype));
  const StoredElements* address = elements.get();
  Tensor tensor = borrow(dtype, std::move(shape), address, std::move(elements));
  tensor.stored_ = true;
  return tensor;
}

const void* Tensor::stored_data() const { return stored()->data(size_bytes(), size_of(dtype())); }

Tensor Tensor::clone() const {
  if (empty()) return {};
  Tensor copy(dtype(), shape());
  if (stored_) {
    stored()->read(copy.mutable_data());
  } else if (dtype() == DType::string) {
    std::copy_n(static_cast<const std::string*>(data_), count_, copy.mutable_data<std::string>());
  } else if (count_ > 0) {
    std::memcpy(copy.mutable_data(), data_, size_bytes());
  }
  return copy;
}

Tensor Tensor::reshaped(Shape shape) const {
  if (shape.num_elements() != count_) {
    fail(ErrorCode::invalid_argument, "cannot reshape {} to {}", to_string(type_),
         shape.to_string());
  }
  Tensor view = *this;
  view.type_.shape = std::move(shape);
  return view;
}

void Tensor::check_type(DType asked) const {
  if (asked != dtype()) {
    fail(ErrorCode::invalid_argument, "tensor holds {}, asked for {}", name_of(dtype()),
         name_of(asked));
  }
}

}  // namespace thaw
