// Which devices this machine offers, and why the GPU is not used.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "thaw/options.h"

namespace thaw {

struct GpuInfo {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  std::uint64_t memory_bytes = 0;
};

/// One of NVIDIA's libraries that the GPU backend opens when a model needs it.
struct LibraryInfo {
  std::string name;    // "libcudnn.so.9"
  std::string path;    // empty: not found
  std::string origin;  // which place of the search that was
};

struct CudaReport {
  std::string driver;  // the CUDA version that the driver supports ("13.0"); empty: no driver
  std::vector<GpuInfo> gpus;
  std::string plugin;  // path of libthaw_cuda.so; empty: not found
  std::vector<LibraryInfo> libraries;
  std::string why;  // the GPU is not used; empty: it is usable
  std::string fix;  // what to do about it

  bool usable() const { return why.empty(); }
};

/// Looks for driver, GPU, plugin and libraries. Opens the plugin if all is there; the first call
/// may take as long as a CUDA context does.
THAW_API CudaReport cuda_report();

/// cuda if the GPU is usable, else cpu.
THAW_API DeviceKind best_device();

}  // namespace thaw
