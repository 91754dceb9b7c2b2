// thaw doctor: what this machine offers, and why the GPU is not used.
#include <fmt/format.h>

#include <thread>

#include "runtime/base/check.h"
#include "thaw/device.h"
#include "tools/commands.h"

namespace thaw::tools {
namespace {

void print_human(const CudaReport& report) {
  fmt::print("thaw        {}\n", version());
  fmt::print("cpu         {} threads\n", std::thread::hardware_concurrency());
  fmt::print("driver      {}\n",
             report.driver.empty() ? "none" : fmt::format("CUDA {}", report.driver));
  for (const GpuInfo& gpu : report.gpus) {
    fmt::print("gpu         {}, compute capability {}.{}, {:.1f} GiB\n", gpu.name, gpu.major,
               gpu.minor, static_cast<double>(gpu.memory_bytes) / (1 << 30));
  }
  if (report.gpus.empty()) fmt::print("gpu         none\n");
  fmt::print("plugin      {}\n",
             report.plugin.empty() ? "libthaw_cuda.so not found" : printable(report.plugin, 1024));
  for (const LibraryInfo& library : report.libraries) {
    fmt::print("library     {}\n",
               library.path.empty()
                   ? library.name + " not found"
                   : fmt::format("{} ({})", printable(library.path, 1024), library.origin));
  }
  if (report.usable()) {
    fmt::print("\nThe GPU is used with --device cuda or auto.\n");
  } else {
    fmt::print("\nThe GPU is not used: {}.\nTo use it: {}.\n", report.why, report.fix);
  }
}

}  // namespace

int doctor() {
  print_human(cuda_report());
  return kMatch;
}

}  // namespace thaw::tools
