// libthaw_cuda.so: the door that kernels/cuda_plugin.cc opens.
#include "kernels/plugin.h"

#include <cstdio>

#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/libraries.h"
#include "kernels/cuda/table.h"

namespace thaw::cuda {
namespace {

KernelPtr prepare_conv(const Site& site) {
  constexpr std::int64_t kMostColumnBytes = std::int64_t{256} << 20;
  return prepare_conv_cublaslt(site, kMostColumnBytes);
}

constexpr Row kLibraryRows[] = {{"matmul", prepare_matmul_cublaslt}, {"conv", prepare_conv}};

class CudaBackend final : public DeviceBackend {
 public:
  const char* name() const override { return "cuda"; }
  const Device& device() const override { return device_; }
  std::unique_ptr<DeviceKernel> prepare(const Site& site) const override {
    if (KernelPtr kernel = prepare_from(kLibraryRows, site)) return kernel;
    return prepare_from(table(), site);
  }

 private:
  CudaDevice device_;
};

const DeviceBackend* open(char* why, std::size_t why_bytes) {
  try {
    return new CudaBackend;  // never destroyed
  } catch (const std::exception& error) {
    std::snprintf(why, why_bytes, "%s", error.what());
    return nullptr;
  }
}

}  // namespace
}  // namespace thaw::cuda

extern "C" __attribute__((visibility("default"))) const thaw::CudaPlugin* thaw_cuda_plugin(
    std::uint32_t interface) {
  static const thaw::CudaPlugin plugin{.open = thaw::cuda::open};
  return interface == thaw::kPluginInterface ? &plugin : nullptr;
}
