// Runs on the host whose tensors lie in a device's memory.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "kernels/device.h"
#include "thaw/device_tensor.h"

namespace thaw {

/// Carries tensors between a device's memory and the host, complete on return. One thread at a
/// time. Throws Error(device).
class Ferry {
 public:
  explicit Ferry(const Device& device);

  /// The elements that `tensors` have when all that `stream`, of the device's runtime, holds now
  /// has run.
  std::vector<Tensor> fetch(std::span<const DeviceTensor> tensors, void* stream);
  /// Writes `from` over `to`, of the same types; behind what the last fetch() waited for.
  void bring(std::span<const Tensor> from, std::span<const DeviceTensor> to);

 private:
  std::unique_ptr<Stream> stream_;
};

}  // namespace thaw
