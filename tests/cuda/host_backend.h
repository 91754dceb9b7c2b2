// The kernels of kernels/cuda as the host's compiler makes them, on a device that is the host.
#pragma once

#include "kernels/cuda/table.h"
#include "tests/support/fake_device.h"

namespace thaw::test {

class HostCudaBackend final : public DeviceBackend {
 public:
  const char* name() const override { return "cuda"; }
  const FakeDevice& device() const override { return device_; }
  std::unique_ptr<DeviceKernel> prepare(const Site& site) const override {
    return cuda::prepare_from(cuda::table(), site, device_);
  }

 private:
  FakeDevice device_;
};

}  // namespace thaw::test
