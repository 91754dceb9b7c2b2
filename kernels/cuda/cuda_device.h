// The first GPU of the machine by the CUDA runtime.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "kernels/cuda/cuda_stream.h"
#include "kernels/cuda/rnn_persistent.h"
#include "kernels/device.h"

namespace thaw::cuda {

/// Some errors (a bad address in a kernel) leave the context useless: from then on every call
/// throws Error(device), instead of giving what may be wrong.
struct DeviceState {
  std::atomic<bool> dead{false};
  std::mutex recording;  // of the stream that records: one at a time
};

class CudaDevice final : public Device {
 public:
  /// Creates the context. Throws Error(device) saying why there is none.
  CudaDevice();

  std::string name() const override { return name_; }
  std::shared_ptr<std::byte> allocate(std::size_t bytes, MemoryKind kind) const override;
  std::unique_ptr<Stream> make_stream() const override;
  bool reaches(const void* address) const override;
  int enter() const override;
  void leave(int before) const override;
  const TeamLimits& team_limits() const { return team_limits_; }

 private:
  std::string name_;
  TeamLimits team_limits_;
  std::shared_ptr<DeviceState> state_ = std::make_shared<DeviceState>();
};

}  // namespace thaw::cuda
