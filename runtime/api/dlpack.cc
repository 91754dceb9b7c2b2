#include "thaw/dlpack.h"

#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/base/check.h"

namespace thaw {
namespace {

constexpr std::int32_t kHost = 1, kCuda = 2, kPinned = 3, kManaged = 13, kMostDimensions = 64;

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
  std::shared_ptr<const void> owner;
  std::vector<std::int64_t> shape, strides;
};

/// `owner` keeps `data` alive.
dlpack::ManagedTensor* exported(const TensorType& of, void* data, dlpack::Device device,
                                std::shared_ptr<const void> owner) {
  std::optional<TypeRow> type;
  for (const TypeRow& row : kTypes) {
    if (row.dtype == of.dtype) type = row;
  }
  if (!type) {
    fail(ErrorCode::invalid_argument, "DLPack has no elements of type {}",
         of.dtype == DType::invalid ? "nothing" : name_of(of.dtype));
  }
  auto made = std::make_unique<Export>();
  made->owner = std::move(owner);
  made->shape = of.shape.dims();
  made->strides.assign(made->shape.size(), 1);
  for (std::size_t axis = made->shape.size(); axis-- > 1;) {
    made->strides[axis - 1] = made->strides[axis] * made->shape[axis];
  }
  dlpack::DenseTensor& to = made->managed.tensor;
  to.data = data;
  to.device = device;
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

/// Calls the deleter when the last owner goes.
std::shared_ptr<void> take_over(dlpack::ManagedTensor* managed) {
  return {managed, [](void* gone) {
            auto* self = static_cast<dlpack::ManagedTensor*>(gone);
            if (self->deleter != nullptr) self->deleter(self);
          }};
}

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
  const bool held = !tensor.empty() && tensor.dtype() != DType::string;
  return exported(tensor.type(), held ? const_cast<void*>(tensor.data()) : nullptr, {kHost, 0},
                  std::make_shared<Tensor>(tensor));
}

dlpack::ManagedTensor* to_dlpack(const DeviceTensor& tensor) {
  const std::int32_t place = tensor.place == MemoryPlace::pinned ? kPinned : kCuda;
  return exported(tensor.type, tensor.data.get(), {place, 0}, tensor.data);
}

DeviceTensor device_from_dlpack(dlpack::ManagedTensor* managed) {
  if (managed == nullptr) fail(ErrorCode::invalid_argument, "DLPack: no tensor");
  const dlpack::DenseTensor& from = managed->tensor;
  const bool pinned = from.device.type == kPinned;
  if (!pinned && from.device.type != kCuda && from.device.type != kManaged) {
    fail(ErrorCode::invalid_argument, "DLPack: the tensor is not on a GPU (device type {})",
         from.device.type);
  }
  if (!pinned && from.device.id != 0) {
    fail(ErrorCode::invalid_argument, "DLPack: the tensor is on GPU {}, Thaw runs on GPU 0",
         from.device.id);
  }
  const DType dtype = dtype_from(from.dtype);
  const Shape shape = shape_from(from);
  if (!is_row_major(from)) {
    fail(ErrorCode::invalid_argument, "DLPack: the elements of {} on the GPU are not row-major",
         to_string(TensorType{dtype, shape}));
  }
  const MemoryPlace place = pinned ? MemoryPlace::pinned : MemoryPlace::gpu;
  if (shape.num_elements() == 0) {
    const DeviceTensor none = make_device_tensor(dtype, shape, place);
    take_over(managed);
    return none;
  }
  auto* data = static_cast<std::byte*>(from.data);
  if (data != nullptr) data += from.byte_offset;
  DeviceTensor tensor = borrow_device(dtype, shape, data, nullptr, place);  // checks the address
  tensor.data = {take_over(managed), data};
  return tensor;
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
  const bool aligned = reinterpret_cast<std::uintptr_t>(data) % alignment == 0;
  if (is_row_major(from) && aligned && from.data != nullptr) {
    return Tensor::borrow(dtype, shape, data, take_over(managed));
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
  take_over(managed);
  return copy;
}

}  // namespace thaw
