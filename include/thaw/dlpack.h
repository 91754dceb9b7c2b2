// Tensors of other libraries without a copy, by DLPack (https://dmlc.github.io/dlpack).
#pragma once

#include <cstdint>

#include "thaw/device_tensor.h"
#include "thaw/tensor.h"

namespace thaw {

/// The structures of DLPack 1.0 (unversioned), laid out as its specification says: a pointer to one
/// may be cast to and from DLManagedTensor*.
namespace dlpack {

struct Device {
  std::int32_t type = 1;  // 1: host, 2: CUDA, 3: host memory that CUDA has pinned, 13: CUDA managed
  std::int32_t id = 0;
};
struct ElementType {
  std::uint8_t code = 0;  // 0 int, 1 unsigned, 2 float, 4 bfloat, 5 complex, 6 bool
  std::uint8_t bits = 0;
  std::uint16_t lanes = 1;
};
struct DenseTensor {
  void* data = nullptr;
  Device device;
  std::int32_t rank = 0;
  ElementType dtype;
  std::int64_t* shape = nullptr;
  std::int64_t* strides = nullptr;  // in elements; null: row-major
  std::uint64_t byte_offset = 0;
};
struct ManagedTensor {
  DenseTensor tensor;
  void* context = nullptr;
  void (*deleter)(ManagedTensor* self) = nullptr;  // may be null
};

}  // namespace dlpack

/// Shares the elements of `tensor`: writing through one shows in the other. Whoever takes the
/// result calls its deleter once. Throws Error(invalid_argument) for strings and empty tensors.
THAW_API dlpack::ManagedTensor* to_dlpack(const Tensor& tensor);

/// Shares the elements of `managed` where they lie row-major and aligned in host memory, else
/// copies them. Takes `managed` over: its deleter is called with the last use. When it throws,
/// Error(invalid_argument), the caller still owns `managed`: other devices, element types that Thaw
/// has not, negative sizes, several lanes.
THAW_API Tensor from_dlpack(dlpack::ManagedTensor* managed);

/// The same for tensors on the GPU. Nothing waits: the elements are there when the work that writes
/// them has run, so give Session::enqueue the stream that the other library works on.
THAW_API dlpack::ManagedTensor* to_dlpack(const DeviceTensor& tensor);

/// Shares the elements of `managed`, which lie on GPU 0, in pinned or in managed memory, row-major;
/// never copies. Takes `managed` over as from_dlpack does. Throws Error(invalid_argument), naming
/// what it found: host memory, other GPUs, strides that are not row-major, addresses that GPU 0
/// does not reach. Throws Error(device) where no GPU is usable.
THAW_API DeviceTensor device_from_dlpack(dlpack::ManagedTensor* managed);

}  // namespace thaw
