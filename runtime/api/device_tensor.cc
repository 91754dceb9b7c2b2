#include "thaw/device_tensor.h"

#include "runtime/api/model_impl.h"
#include "runtime/base/check.h"

namespace thaw {
namespace {

void check_elements(const TensorType& type) {
  if (size_of(type.dtype) == 0 || type.dtype == DType::string || !type.shape.is_static()) {
    fail(ErrorCode::invalid_argument, "a tensor on the GPU cannot be {}", to_string(type));
  }
  std::size_t bytes = 0;
  const auto count = static_cast<std::size_t>(type.shape.num_elements());
  if (__builtin_mul_overflow(count, size_of(type.dtype), &bytes)) {
    fail(ErrorCode::invalid_argument, "a tensor on the GPU cannot be {}: too large",
         to_string(type));
  }
}

}  // namespace

DeviceTensor make_device_tensor(DType dtype, Shape shape, MemoryPlace place) {
  const Device& device = usable_cuda().device();
  DeviceTensor tensor{{dtype, std::move(shape)}, place, nullptr};
  check_elements(tensor.type);
  const bool pinned = place == MemoryPlace::pinned;
  tensor.data =
      device.allocate(tensor.size_bytes(), pinned ? MemoryKind::pinned : MemoryKind::device);
  return tensor;
}

DeviceTensor borrow_device(DType dtype, Shape shape, void* data, std::shared_ptr<void> owner,
                           MemoryPlace place) {
  const Device& device = usable_cuda().device();
  DeviceTensor tensor{{dtype, std::move(shape)}, place, nullptr};
  check_elements(tensor.type);
  if (data == nullptr || !device.reaches(data)) {
    fail(ErrorCode::invalid_argument, "{} at {}: not in memory that GPU 0 reaches",
         to_string(tensor.type), fmt::ptr(data));
  }
  // The memory is the owner's; without one nobody lets go of it here.
  tensor.data = owner == nullptr ? std::shared_ptr<void>(data, [](void*) {})
                                 : std::shared_ptr<void>(std::move(owner), data);
  return tensor;
}

DeviceTensor to_device(const Tensor& tensor, MemoryPlace place) {
  DeviceTensor made = make_device_tensor(tensor.dtype(), tensor.shape(), place);
  if (tensor.size_bytes() == 0) return made;
  const std::unique_ptr<Stream> stream = usable_cuda().device().make_stream();
  stream->copy(made.data.get(), tensor.data(), tensor.size_bytes());
  stream->wait();
  return made;
}

Tensor to_host(const DeviceTensor& tensor) {
  const Device& device = usable_cuda().device();
  check_elements(tensor.type);
  Tensor made(tensor.type.dtype, tensor.type.shape);
  if (made.size_bytes() == 0) return made;
  if (tensor.data == nullptr || !device.reaches(tensor.data.get())) {
    fail(ErrorCode::invalid_argument, "{}: not in memory that GPU 0 reaches",
         to_string(tensor.type));
  }
  const std::unique_ptr<Stream> stream = device.make_stream();
  stream->copy(made.mutable_data(), tensor.data.get(), made.size_bytes());
  stream->wait();
  return made;
}

}  // namespace thaw
