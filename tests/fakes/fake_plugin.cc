// Poses as libthaw_cuda.so. FAKE_PLUGIN is "old" (another interface), "other" (other sources), or
// anything else: a plugin whose GPU does not start.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "kernels/plugin.h"

extern "C" __attribute__((visibility("default"))) const thaw::CudaPlugin* thaw_cuda_plugin(
    std::uint32_t interface) {
  static thaw::CudaPlugin plugin;
  const char* text = std::getenv("FAKE_PLUGIN");
  const std::string pose = text == nullptr ? "" : text;
  if (pose == "old" || interface != thaw::kPluginInterface) return nullptr;
  if (pose == "other") ++plugin.op_bytes;
  plugin.open = [](char* why, std::size_t bytes) -> const thaw::DeviceBackend* {
    std::snprintf(why, bytes, "the fake has no GPU");
    return nullptr;
  };
  return &plugin;
}
