// libthaw_cuda.so whose GPU is the host: the CUDA kernels as the host's compiler makes them, behind
// the door that a real plugin has.
#include "kernels/plugin.h"
#include "tests/cuda/host_backend.h"

extern "C" __attribute__((visibility("default"))) const thaw::CudaPlugin* thaw_cuda_plugin(
    std::uint32_t interface) {
  static const thaw::CudaPlugin plugin{
      .open = [](char*, std::size_t) -> const thaw::DeviceBackend* {
        return new thaw::test::HostCudaBackend;  // never destroyed, as the real one
      }};
  return interface == thaw::kPluginInterface ? &plugin : nullptr;
}
