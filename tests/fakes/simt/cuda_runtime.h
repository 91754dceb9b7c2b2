// In place of NVIDIA's header: device code compiles as C++, and a launch runs its threads one by
// one on the host (simt.h). Streams are those of tests/support/fake_device.h. To be included before
// all else, as nvcc does with its own.
#pragma once

#include <cstring>
#include <string>
#include <tuple>

#include "tests/fakes/simt/simt.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __shared__  // beside `extern` or `static`

struct alignas(16) float4 {
  float x, y, z, w;
};

// Device functions.

inline void __syncthreads() { simt::wait_at(simt::Wait::block); }
inline void __syncwarp(std::uint32_t mask = 0xffffffffu) { simt::wait_at(simt::Wait::warp, mask); }
inline void __threadfence() {}

template <class T>
T __shfl_xor_sync(std::uint32_t mask, T value, int distance) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = simt::shuffle_xor(mask, bits, static_cast<unsigned>(distance));
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class T>
T __ldcg(const T* address) {
  return *address;
}
template <class T>
void __stcg(T* address, T value) {
  *address = value;
}
template <class T>
T atomicCAS(T* address, T expected, T value) {
  simt::note_first_come();
  const T found = *address;
  if (found == expected) *address = value;
  return found;
}

// The host's side.

using cudaStream_t = void*;  // a thaw::cuda::HostStream
enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidValue = 1 };
cudaError_t cudaGetLastError();

enum cudaLaunchAttributeID { cudaLaunchAttributeCooperative, cudaLaunchAttributeClusterDimension };
struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  struct {
    dim3 clusterDim;
    int cooperative = 0;
  } val;
};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
  cudaLaunchAttribute* attrs = nullptr;
  unsigned numAttrs = 0;
};

enum cudaDeviceAttr { cudaDevAttrMaxSharedMemoryPerBlockOptin, cudaDevAttrMultiProcessorCount };
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);

struct cudaFuncAttributes {};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };

namespace simt {

cudaError_t allow_shared(const void* kernel, int bytes);
cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel,
                   std::function<void()> work);

}  // namespace simt

template <class... Of>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes*, void (*)(Of...)) {
  return cudaSuccess;
}
template <class... Of>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Of...), cudaFuncAttribute, int bytes) {
  return simt::allow_shared(reinterpret_cast<const void*>(kernel), bytes);
}
template <class... Of>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void (*)(Of...), int,
                                                          std::size_t) {
  *blocks = 1;
  return cudaSuccess;
}
template <class... Of>
cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, void (*)(Of...),
                                           const cudaLaunchConfig_t*) {
  *clusters = 16;
  return cudaSuccess;
}

/// Arguments are copied now, as by CUDA.
template <class... Of, class... Given>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Of...),
                               Given&&... given) {
  return simt::launch(*config, reinterpret_cast<const void*>(kernel),
                      [kernel, arguments = std::tuple<Of...>(std::forward<Given>(given)...)] {
                        std::apply(kernel, arguments);
                      });
}
