// Tensors in memory that the GPU reaches: what Session::enqueue reads and writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "thaw/tensor.h"

namespace thaw {

/// gpu: the GPU's own memory, which the host must not touch. pinned: host memory that the GPU
/// copies to and from by itself; the host may read and write it while no run uses it.
enum class MemoryPlace : std::uint8_t { gpu, pinned };

/// Dense row-major elements in memory of GPU 0, or pinned. A plain struct: copying it shares the
/// memory, which goes with its last owner. Elements lie at any alignment. Threads as for Tensor.
struct DeviceTensor {
  TensorType type;
  MemoryPlace place = MemoryPlace::gpu;
  std::shared_ptr<void> data;  // null: no tensor

  bool empty() const { return type.dtype == DType::invalid; }
  std::size_t size_bytes() const {
    return static_cast<std::size_t>(type.shape.num_elements()) * size_of(type.dtype);
  }
};

// All of these throw Error(device), saying why, where no GPU is usable (cuda_report() tells more),
// and Error(invalid_argument) for strings, types that are no tensors, and shapes with unknown
// dimensions. Any thread may call them.

/// New memory; its contents are undefined. Throws Error(resource_exhausted).
THAW_API DeviceTensor make_device_tensor(DType dtype, Shape shape,
                                         MemoryPlace place = MemoryPlace::gpu);
/// Memory of the caller's (of the CUDA runtime, of another library) that `owner` keeps alive; with
/// a null owner the caller does. Throws Error(invalid_argument) if `data` is not memory that GPU 0
/// reaches: ordinary host memory, memory of another GPU, null.
THAW_API DeviceTensor borrow_device(DType dtype, Shape shape, void* data,
                                    std::shared_ptr<void> owner,
                                    MemoryPlace place = MemoryPlace::gpu);
/// A copy in new memory; complete on return.
THAW_API DeviceTensor to_device(const Tensor& tensor, MemoryPlace place = MemoryPlace::gpu);
/// A copy in host memory; complete on return. Waits for nothing else: first wait for whoever writes
/// the elements (Session::wait(), or the stream that the run was enqueued with).
THAW_API Tensor to_host(const DeviceTensor& tensor);

}  // namespace thaw
