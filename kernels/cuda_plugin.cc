#include "kernels/cuda_plugin.h"

#include <dlfcn.h>

#include "kernels/cuda_libraries.h"
#include "kernels/plugin.h"
#include "runtime/base/check.h"

namespace thaw {
namespace {

constexpr const char* kDriverFile = "libcuda.so.1";
constexpr int kOldestDriver = 13000;  // CUDA 13: the toolkit the plugin is built with
constexpr int kOldestMajor = 7, kOldestMinor = 5;

// The few functions of the driver that a look around needs; CUDA's headers are not here.
struct Driver {
  int (*init)(unsigned) = nullptr;
  int (*version)(int*) = nullptr;
  int (*count)(int*) = nullptr;
  int (*device)(int*, int) = nullptr;
  int (*name)(char*, int, int) = nullptr;
  int (*memory)(std::size_t*, int) = nullptr;
  int (*attribute)(int*, int, int) = nullptr;
  int (*error_text)(int, const char**) = nullptr;
};
constexpr int kMajorAttribute = 75, kMinorAttribute = 76;

template <class Function>
bool resolve(void* library, const char* symbol, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, symbol));
  return function != nullptr;
}

std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string last_dl_error() {
  const char* text = dlerror();
  return text == nullptr ? "unknown error" : printable(text, 512);
}

/// Looks around step by step; each step says what it lacks.
class Search {
 public:
  const DeviceBackend* run(CudaReport& report);

 private:
  bool open_driver();
  bool start_driver();
  bool list_gpus();
  bool open_plugin();
  bool give_up(std::string why, std::string fix) {
    report_->why = std::move(why);
    report_->fix = std::move(fix);
    return false;
  }
  std::string driver_error(int code) const;

  CudaReport* report_ = nullptr;
  Driver driver_;
  const DeviceBackend* backend_ = nullptr;
};

std::string Search::driver_error(int code) const {
  const char* text = nullptr;
  if (driver_.error_text != nullptr && driver_.error_text(code, &text) == 0 && text != nullptr) {
    return fmt::format("error {}: {}", code, printable(text));
  }
  return fmt::format("error {}", code);
}

bool Search::open_driver() {
  void* library = dlopen(kDriverFile, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return give_up(fmt::format("no NVIDIA driver: {}", last_dl_error()),
                   "install NVIDIA's driver (R580 or later)");
  }
  const bool whole = resolve(library, "cuInit", driver_.init) &&
                     resolve(library, "cuDriverGetVersion", driver_.version) &&
                     resolve(library, "cuDeviceGetCount", driver_.count) &&
                     resolve(library, "cuDeviceGet", driver_.device) &&
                     resolve(library, "cuDeviceGetName", driver_.name) &&
                     resolve(library, "cuDeviceTotalMem_v2", driver_.memory) &&
                     resolve(library, "cuDeviceGetAttribute", driver_.attribute);
  resolve(library, "cuGetErrorString", driver_.error_text);
  if (whole) return true;
  return give_up(fmt::format("{} is not NVIDIA's driver: {}", kDriverFile, last_dl_error()),
                 "install NVIDIA's driver (R580 or later)");
}

bool Search::start_driver() {
  int version = 0;
  if (driver_.version(&version) == 0) report_->driver = version_text(version);
  if (const int code = driver_.init(0); code != 0) {
    return give_up(fmt::format("the NVIDIA driver does not start: {}", driver_error(code)),
                   "check the driver with nvidia-smi");
  }
  if (version >= kOldestDriver) return true;
  return give_up(fmt::format("the NVIDIA driver supports CUDA {}, Thaw needs {}",
                             version_text(version), version_text(kOldestDriver)),
                 "update NVIDIA's driver to R580 or later");
}

bool Search::list_gpus() {
  int count = 0;
  if (const int code = driver_.count(&count); code != 0) {
    return give_up(fmt::format("the GPUs cannot be counted: {}", driver_error(code)),
                   "check the driver with nvidia-smi");
  }
  for (int i = 0; i < count; ++i) {
    int device = 0;
    char name[256] = {};
    std::size_t memory = 0;
    GpuInfo gpu;
    if (driver_.device(&device, i) != 0 || driver_.name(name, sizeof name - 1, device) != 0 ||
        driver_.memory(&memory, device) != 0 ||
        driver_.attribute(&gpu.major, kMajorAttribute, device) != 0 ||
        driver_.attribute(&gpu.minor, kMinorAttribute, device) != 0) {
      return give_up(fmt::format("GPU {} does not answer", i), "check the driver with nvidia-smi");
    }
    gpu.name = printable(name);
    gpu.memory_bytes = memory;
    report_->gpus.push_back(std::move(gpu));
  }
  if (count <= 0) {
    return give_up("the NVIDIA driver sees no GPU", "check nvidia-smi and CUDA_VISIBLE_DEVICES");
  }
  const GpuInfo& first = report_->gpus.front();
  if (std::pair(first.major, first.minor) >= std::pair(kOldestMajor, kOldestMinor)) return true;
  return give_up(fmt::format("{} has compute capability {}.{}, Thaw needs {}.{}", first.name,
                             first.major, first.minor, kOldestMajor, kOldestMinor),
                 "use the CPU, or a GPU of the Turing generation or later");
}

bool Search::open_plugin() {
  if (report_->plugin.empty()) {
    return give_up(fmt::format("{} was not found", kCudaPluginFile),
                   "build Thaw with -DTHAW_CUDA=ON, or name the plugin's folder in THAW_CUDA_PATH");
  }
  const std::string rebuild = "build the plugin and Thaw from the same sources";
  void* library = dlopen(report_->plugin.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    return give_up(fmt::format("the plugin does not load: {}", last_dl_error()), rebuild);
  CudaPluginEntry entry = nullptr;
  if (!resolve(library, kCudaPluginEntry, entry)) {
    return give_up(fmt::format("{} is not a plugin of Thaw: {}", report_->plugin, last_dl_error()),
                   rebuild);
  }
  const CudaPlugin* plugin = entry(kPluginInterface);
  const CudaPlugin own;
  if (plugin == nullptr || plugin->interface != own.interface || plugin->ops != own.ops ||
      plugin->op_bytes != own.op_bytes || plugin->site_bytes != own.site_bytes) {
    return give_up(fmt::format("{} belongs to another version of Thaw", report_->plugin), rebuild);
  }
  char why[512] = {};
  backend_ = plugin->open(why, sizeof why);
  if (backend_ != nullptr) return true;
  return give_up(fmt::format("the GPU does not start: {}", printable(why, sizeof why)),
                 "check the GPU with nvidia-smi");
}

const DeviceBackend* Search::run(CudaReport& report) {
  report_ = &report;
  report.plugin = find_cuda_library(kCudaPluginFile).path;
  for (const std::string& name : cuda_library_names()) {
    report.libraries.push_back(find_cuda_library(name));
  }
  if (open_driver() && start_driver() && list_gpus() && open_plugin()) return backend_;
  return nullptr;
}

struct Found {
  CudaReport report;
  const DeviceBackend* backend = nullptr;
};

const Found& found() {
  // Leaked on purpose, as is the plugin: sessions of other threads may outlive static destruction.
  static const Found* const once = [] {
    auto* result = new Found;
    result->backend = Search().run(result->report);
    return result;
  }();
  return *once;
}

}  // namespace

const DeviceBackend* cuda_backend() { return found().backend; }
const CudaReport& cuda_status() { return found().report; }

}  // namespace thaw
