#include "thaw/dlpack.h"

#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/base/check.h"

namespace thaw {
namespace {

constexpr std::int32_t kHost = 1, kPinned = 3, kMostDimensions = 64;

struct TypeRow {
  DType dtype;
  std::uint8_t code, bits;
};
constexpr TypeRow kTypes[] = {
    {DType::boolean, 6, 8},   {DType::int8, 0, 8},       {DType::int16, 0, 16},
    {DType::int32, 0, 32},    {DType::int64, 0, 64},     {DType::uint8, 1, 8},
    {DType::uint16, 1, 16},   {DType::uint32, 1, 32},    {DType::uint64, 1, 64},
    {DType::float16, 2, 16},  {DType::float32, 2, 32},   {DType::float64, 2, 64},
    {DType::bfloat16, 4, 16}, {DType::complex64, 5, 64}, {DType::complex128, 5, 128},
};

/// What an exported tensor points to.
struct Export {
  dlpack::ManagedTensor managed;
  Tensor tensor;
  std::vector<std::int64_t> shape, strides;
};

DType dtype_from(const dlpack::ElementType& type) {
  for (const TypeRow& row : kTypes) {
    if (row.code == type.code && row.bits == type.bits && type.lanes == 1) return row.dtype;
  }
  fail(ErrorCode::invalid_argument, "DLPack: no element type of code {} with {} bits, {} lanes",
       type.code, type.bits, type.lanes);
}

Shape shape_from(const dlpack::DenseTensor& tensor) {
  const bool sound = tensor.rank >= 0 && tensor.rank <= kMostDimensions &&
                     (tensor.rank == 0 || tensor.shape != nullptr);
  if (!sound) fail(ErrorCode::invalid_argument, "DLPack: {} dimensions", tensor.rank);
  std::vector<std::int64_t> dims;
  for (std::int32_t axis = 0; axis < tensor.rank; ++axis) {
    dims.push_back(tensor.shape[axis]);
    if (dims.back() < 0) {
      fail(ErrorCode::invalid_argument, "DLPack: dimension {} is {}", axis, dims.back());
    }
  }
  return Shape(std::move(dims));
}

bool is_row_major(const dlpack::DenseTensor& tensor) {
  if (tensor.strides == nullptr) return true;
  std::int64_t dense = 1;
  for (std::int32_t axis = tensor.rank - 1; axis >= 0; --axis) {
    if (tensor.shape[axis] > 1 && tensor.strides[axis] != dense) return false;
    dense *= tensor.shape[axis];
  }
  return true;
}

/// The elements in row-major order, one by one.
void gather(const dlpack::DenseTensor& from, const std::byte* data, std::size_t element,
            Tensor& to) {
  std::vector<std::int64_t> index(static_cast<std::size_t>(from.rank), 0);
  auto* out = static_cast<std::byte*>(to.mutable_data());
  for (std::int64_t i = 0; i < to.num_elements(); ++i) {
    std::int64_t offset = 0;
    for (std::size_t axis = 0; axis < index.size(); ++axis) {
      offset += index[axis] * from.strides[axis];
    }
    std::memcpy(out + static_cast<std::size_t>(i) * element,
                data + offset * static_cast<std::int64_t>(element), element);
    for (std::size_t axis = index.size(); axis-- > 0;) {
      if (++index[axis] < from.shape[axis]) break;
      index[axis] = 0;
    }
  }
}

}  // namespace

dlpack::ManagedTensor* to_dlpack(const Tensor& tensor) {
  std::optional<TypeRow> type;
  for (const TypeRow& row : kTypes) {
    if (row.dtype == tensor.dtype()) type = row;
  }
  if (!type) {
    fail(ErrorCode::invalid_argument, "DLPack has no elements of type {}",
         tensor.empty() ? "nothing" : name_of(tensor.dtype()));
  }
  auto made = std::make_unique<Export>();
  made->tensor = tensor;
  made->shape = tensor.shape().dims();
  made->strides.assign(made->shape.size(), 1);
  for (std::size_t axis = made->shape.size(); axis-- > 1;) {
    made->strides[axis - 1] = made->strides[axis] * made->shape[axis];
  }
  dlpack::DenseTensor& to = made->managed.tensor;
  to.data = const_cast<void*>(tensor.data());
  to.rank = static_cast<std::int32_t>(made->shape.size());
  to.dtype = {type->code, type->bits, 1};
  to.shape = made->shape.data();
  to.strides = made->strides.data();
  made->managed.context = made.get();
  made->managed.deleter = [](dlpack::ManagedTensor* self) {
    delete static_cast<Export*>(self->context);
  };
  return &made.release()->managed;
}

Tensor from_dlpack(dlpack::ManagedTensor* managed) {
  if (managed == nullptr) fail(ErrorCode::invalid_argument, "DLPack: no tensor");
  const dlpack::DenseTensor& from = managed->tensor;
  if (from.device.type != kHost && from.device.type != kPinned) {
    fail(ErrorCode::invalid_argument, "DLPack: the tensor is not in host memory (device type {})",
         from.device.type);
  }
  const DType dtype = dtype_from(from.dtype);
  const Shape shape = shape_from(from);
  const auto* data = static_cast<const std::byte*>(from.data) + from.byte_offset;
  const std::size_t element = size_of(dtype);
  const std::size_t alignment = is_complex(dtype) ? element / 2 : element;
  const auto release = [](dlpack::ManagedTensor* gone) {
    if (gone->deleter != nullptr) gone->deleter(gone);
  };
  const bool aligned = reinterpret_cast<std::uintptr_t>(data) % alignment == 0;
  if (is_row_major(from) && aligned && from.data != nullptr) {
    return Tensor::borrow(dtype, shape, data,
                          std::shared_ptr<const void>(managed, [release](const void* gone) {
                            release(static_cast<dlpack::ManagedTensor*>(const_cast<void*>(gone)));
                          }));
  }
  Tensor copy(dtype, shape);
  if (copy.num_elements() > 0 && from.data == nullptr) {
    fail(ErrorCode::invalid_argument, "DLPack: {} elements nowhere", copy.num_elements());
  }
  if (is_row_major(from)) {
    if (copy.size_bytes() > 0) std::memcpy(copy.mutable_data(), data, copy.size_bytes());
  } else {
    gather(from, data, element, copy);
  }
  release(managed);
  return copy;
}

}  // namespace thaw
