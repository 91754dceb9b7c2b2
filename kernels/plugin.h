// What libthaw_cuda.so and the core agree on. The plugin is opened at run time and made of the same
// sources as the core: the entry is C, behind it both speak device.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>

#include "kernels/device.h"
#include "runtime/ir/ops.h"

namespace thaw {

/// Counts up with every change of device.h, kernel.h, plugin.h or the ops.
constexpr std::uint32_t kPluginInterface = 5;

struct CudaPlugin {
  std::uint32_t interface = kPluginInterface;
  // Guards against a plugin of other sources under the same number.
  std::uint32_t ops = std::variant_size_v<Op>;
  std::uint32_t op_bytes = sizeof(Op);
  std::uint32_t site_bytes = sizeof(Site);
  /// The backend of GPU 0, never destroyed; null, with the reason in `why`, if it cannot be used.
  const DeviceBackend* (*open)(char* why, std::size_t why_bytes) = nullptr;
};

/// The plugin's one symbol: null if it does not know the interface.
using CudaPluginEntry = const CudaPlugin* (*)(std::uint32_t interface);
constexpr const char* kCudaPluginEntry = "thaw_cuda_plugin";
constexpr const char* kCudaPluginFile = "libthaw_cuda.so";

}  // namespace thaw
