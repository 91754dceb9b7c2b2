// launch.cuh on a CUDA device.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "kernels/cuda/cuda_stream.h"
#include "kernels/cuda/launch.cuh"

namespace thaw::cuda {

class Block {
 public:
  __device__ explicit Block(std::byte* shared) : shared_(shared) {}

  template <class Body>
  __device__ void each(std::int64_t count, const Body& body) const {
    for (std::int64_t i = threadIdx.x; i < count; i += kThreads) body(i);
    __syncthreads();
  }

  template <class T, class Map, class Combine>
  __device__ T reduce(std::int64_t count, T start, const Map& map, const Combine& combine) const {
    static_assert(sizeof(T) <= kReduceBytes);
    static __shared__ __align__(16) unsigned char memory[kThreads * kReduceBytes];
    T* slots = reinterpret_cast<T*>(memory);
    T mine = start;
    for (std::int64_t i = threadIdx.x; i < count; i += kThreads) mine = combine(mine, map(i));
    slots[threadIdx.x] = mine;
    __syncthreads();
    for (int half = kThreads / 2; half > 0; half /= 2) {
      if (threadIdx.x < static_cast<unsigned>(half)) {
        slots[threadIdx.x] = combine(slots[threadIdx.x], slots[threadIdx.x + half]);
      }
      __syncthreads();
    }
    const T result = slots[0];
    __syncthreads();  // before the slots are used again
    return result;
  }

  template <class T>
  __device__ T* shared(std::size_t bytes_before = 0) const {
    return reinterpret_cast<T*>(shared_ + bytes_before);
  }

 private:
  std::byte* shared_;
};

/// Blocks that a multiprocessor should hold at least; 0: the compiler's choice. A body with many
/// values at a time says 1 (kLeastBlocks): for more blocks some architectures would spill them.
template <class Body>
constexpr int least_blocks() {
  if constexpr (requires { Body::kLeastBlocks; }) {
    return Body::kLeastBlocks;
  } else {
    return 0;
  }
}

template <class Body>
__global__ void __launch_bounds__(kThreads, least_blocks<Body>())
    each_kernel(const __grid_constant__ Body body, std::int64_t count) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < count;
       i += step) {
    body(i);
  }
}

template <class Body>
__global__ void __launch_bounds__(kThreads, least_blocks<Body>())
    blocks_kernel(const __grid_constant__ Body body, std::int64_t count) {
  extern __shared__ __align__(16) std::byte shared[];
  for (std::int64_t i = blockIdx.x; i < count; i += gridDim.x) {
    body(Block(shared), i);
    __syncthreads();
  }
}

constexpr std::int64_t kMostBlocks = std::int64_t{1} << 20;

template <class Body>
void launch_kernel(const Queue& queue, std::int64_t blocks, std::size_t shared_bytes,
                   void (*kernel)(Body, std::int64_t), const Body& body, std::int64_t count) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks));
  config.blockDim = dim3(kThreads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = native(queue.stream);
  cudaLaunchKernelEx(&config, kernel, body, count);
  check_launch();
}

template <class Body>
void launch_each(const Queue& queue, std::int64_t count, const Body& body) {
  if (count <= 0) return;
  const std::int64_t blocks = (count + kThreads - 1) / kThreads;
  launch_kernel(queue, blocks, 0, each_kernel<Body>, body, count);
}

template <class Body>
void launch_blocks(const Queue& queue, std::int64_t count, std::size_t shared_bytes,
                   const Body& body) {
  if (count <= 0) return;
  launch_kernel(queue, count, shared_bytes, blocks_kernel<Body>, body, count);
}

/// Whether the plugin was compiled for the calling thread's device.
template <class Body>
bool has_code() {
  cudaFuncAttributes attributes{};
  const bool found = cudaFuncGetAttributes(&attributes, each_kernel<Body>) == cudaSuccess;
  cudaGetLastError();  // an answer here, not an error of the next launch
  return found;
}

__host__ __device__ inline void report(Fault* fault, std::int32_t kind, std::int32_t step,
                                       std::int64_t position, std::int64_t found,
                                       std::int64_t limit) {
#ifdef __CUDA_ARCH__
  if (atomicCAS(&fault->kind, static_cast<std::int32_t>(Fault::none), kind) != Fault::none) return;
  fault->step = step;
  fault->position = position;
  fault->found = found;
  fault->limit = limit;
#endif
}

}  // namespace thaw::cuda
