// The host's side of a CUDA runtime whose device is simt.h's: kernels go into the streams of the
// tests' device.
#include <map>
#include <utility>

#include "kernels/cuda/cuda_stream.h"
#include "kernels/cuda/host_stream.h"
#include "runtime/base/check.h"

namespace simt {
namespace {

// What an H100 has.
constexpr int kMultiprocessors = 132, kMostShared = 227 * 1024, kSharedUnasked = 48 * 1024;
constexpr unsigned kMostThreads = 1024, kMostCluster = 8;

cudaError_t last_error = cudaSuccess;
std::map<const void*, int> allowed_shared;

bool is_legal(const Launch& launch, const cudaLaunchConfig_t& config, const void* kernel) {
  const auto found = allowed_shared.find(kernel);
  const int allowed = found == allowed_shared.end() ? kSharedUnasked : found->second;
  const bool flat = config.gridDim.y == 1 && config.gridDim.z == 1 && config.blockDim.y == 1 &&
                    config.blockDim.z == 1;
  return flat && launch.blocks > 0 && launch.threads > 0 && launch.threads <= kMostThreads &&
         launch.shared_bytes <= static_cast<std::size_t>(allowed) && launch.cluster > 0 &&
         launch.cluster <= kMostCluster && launch.blocks % launch.cluster == 0 &&
         (!launch.cooperative || launch.blocks <= kMultiprocessors);
}

}  // namespace

cudaError_t allow_shared(const void* kernel, int bytes) {
  if (bytes > kMostShared) return last_error = cudaErrorInvalidValue;
  allowed_shared[kernel] = bytes;
  return cudaSuccess;
}

cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel,
                   std::function<void()> work) {
  Launch launch{config.gridDim.x, config.blockDim.x, config.dynamicSmemBytes};
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const cudaLaunchAttribute& attribute = config.attrs[i];
    switch (attribute.id) {
      case cudaLaunchAttributeCooperative:
        launch.cooperative = attribute.val.cooperative != 0;
        break;
      case cudaLaunchAttributeClusterDimension: launch.cluster = attribute.val.clusterDim.x; break;
    }
  }
  if (!is_legal(launch, config, kernel)) return last_error = cudaErrorInvalidValue;
  launch.kernel = std::move(work);
  static_cast<thaw::cuda::HostStream*>(config.stream)->enqueue([launch] { run(launch); });
  return cudaSuccess;
}

}  // namespace simt

cudaError_t cudaGetLastError() { return std::exchange(simt::last_error, cudaSuccess); }

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMultiProcessorCount ? simt::kMultiprocessors : simt::kMostShared;
  return cudaSuccess;
}

namespace thaw::cuda {

cudaStream_t native(Stream& stream) { return &static_cast<HostStream&>(stream); }

void check(cudaError_t code, const char* what) {
  if (code != cudaSuccess) fail(ErrorCode::device, "the stand-in refuses {}", what);
}

void check_launch() { check(cudaGetLastError(), "a launch"); }

}  // namespace thaw::cuda
