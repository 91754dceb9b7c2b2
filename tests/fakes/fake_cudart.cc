#include "tests/fakes/fake_cudart.h"

#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>

namespace thaw::fake {

CudaRuntime& cuda_runtime() {
  static CudaRuntime runtime;
  return runtime;
}

namespace {

constexpr std::size_t kAlignment = 256;
thread_local int current_device = 0;  // the runtime's own is of the thread, too

/// A call that is right at any time.
void note(const char* name) {
  CudaRuntime& runtime = cuda_runtime();
  const std::lock_guard lock(runtime.mutex);
  ++runtime.calls[name];
}

/// A call that allocates, waits, or acts at once.
void note_outside(const char* name) {
  note(name);
  CudaRuntime& runtime = cuda_runtime();
  if (runtime.capturing != nullptr) runtime.illegal.emplace_back(name);
}

bool is_known(const void* address, std::size_t bytes) {
  const CudaRuntime& runtime = cuda_runtime();
  const char* at = static_cast<const char*>(address);
  auto next = runtime.memory.upper_bound(at);
  if (next == runtime.memory.begin()) return false;
  --next;
  return at + bytes <= next->first + next->second;
}

/// Success, unless the runtime was told otherwise.
cudaError_t outcome(const char* name) {
  CudaRuntime& runtime = cuda_runtime();
  const std::lock_guard lock(runtime.mutex);
  if (runtime.broken != 0) return static_cast<cudaError_t>(runtime.broken);
  const auto refusal = runtime.refuses_once.extract(name);
  return refusal.empty() ? cudaSuccess : static_cast<cudaError_t>(refusal.mapped());
}

/// Work for a stream: captured, or done now. True if it is to be done now.
bool put(const char* name, void* stream) {
  note(name);
  CudaRuntime& runtime = cuda_runtime();
  if (current_device != 0) runtime.illegal.push_back(std::string(name) + " on another device");
  if (runtime.capturing == nullptr) return true;
  if (stream != runtime.capturing) {
    runtime.illegal.push_back(std::string(name) + " on another stream");
  }
  ++runtime.captured;
  return false;
}

void* take(std::size_t bytes) {
  void* memory = std::aligned_alloc(kAlignment, (bytes / kAlignment + 1) * kAlignment);
  CudaRuntime& runtime = cuda_runtime();
  const std::lock_guard lock(runtime.mutex);
  runtime.memory[static_cast<const char*>(memory)] = bytes;
  return memory;
}

void give(void* memory) {
  if (memory == nullptr) return;
  CudaRuntime& runtime = cuda_runtime();
  {
    const std::lock_guard lock(runtime.mutex);
    runtime.memory.erase(static_cast<const char*>(memory));
  }
  std::free(memory);
}

template <class T>
cudaError_t make(T* made) {
  *made = reinterpret_cast<T>(new char);
  return cudaSuccess;
}
template <class T>
cudaError_t drop(T gone) {
  delete reinterpret_cast<char*>(gone);
  return cudaSuccess;
}

}  // namespace
}  // namespace thaw::fake

using namespace thaw::fake;  // NOLINT: the C functions below are outside of it

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  std::strcpy(properties->name, "no GPU");
  properties->major = 9;
  properties->multiProcessorCount = cuda_runtime().multiprocessors;
  properties->sharedMemPerBlockOptin = static_cast<std::size_t>(cuda_runtime().shared_of_block);
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  current_device = device;
  return cudaSuccess;
}
cudaError_t cudaGetLastError() { return cudaSuccess; }
const char* cudaGetErrorName(cudaError_t) { return "a fake error"; }
const char* cudaGetErrorString(cudaError_t) { return "a fake error"; }

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  note_outside("cudaMalloc");
  *memory = take(bytes);
  return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
  note_outside("cudaFree");
  give(memory);
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  note_outside("cudaHostAlloc");
  *memory = take(bytes);
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* memory) {
  note_outside("cudaFreeHost");
  give(memory);
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* found, const void* address) {
  note_outside("cudaPointerGetAttributes");
  *found = {};
  found->type = is_known(address, 1) ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered;
  return cudaSuccess;
}

// Memory that the runtime does not know would be copied at once, by way of the host.
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  if (const cudaError_t code = outcome("cudaMemcpyAsync"); code != cudaSuccess) return code;
  if (put("cudaMemcpyAsync", stream)) {
    std::memmove(to, from, bytes);
  } else if (!is_known(to, bytes) || !is_known(from, bytes)) {
    cuda_runtime().illegal.emplace_back("cudaMemcpyAsync of pageable memory");
  }
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  if (put("cudaMemsetAsync", stream)) std::memset(to, value, bytes);
  return outcome("cudaMemsetAsync");
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  note_outside("cudaStreamCreateWithFlags");
  return make(stream);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  note_outside("cudaStreamDestroy");
  return drop(stream);
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  note_outside("cudaStreamSynchronize");
  if (stream == cuda_runtime().capturing) return cudaErrorStreamCaptureUnsupported;
  return outcome("cudaStreamSynchronize");
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  note("cudaStreamIsCapturing");
  const bool captured = stream != nullptr && stream == cuda_runtime().callers;
  *status = captured ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return outcome("cudaStreamIsCapturing");
}
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) {
  note_outside("cudaStreamWaitEvent");
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  note_outside("cudaEventCreateWithFlags");
  return make(event);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  note_outside("cudaEventDestroy");
  return drop(event);
}
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) {
  note_outside("cudaEventRecord");
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  note_outside("cudaStreamBeginCapture");
  cuda_runtime().capturing = stream;
  ++cuda_runtime().captures;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  note("cudaStreamEndCapture");
  cuda_runtime().capturing = nullptr;
  return make(graph);
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* made, cudaGraph_t, unsigned long long) {
  note_outside("cudaGraphInstantiate");
  return make(made);
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return drop(graph); }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  note_outside("cudaGraphExecDestroy");
  return drop(graph);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t) {
  note_outside("cudaGraphLaunch");
  return outcome("cudaGraphLaunch");
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  note("cudaFuncGetAttributes");
  *attributes = {};
  return cuda_runtime().has_code ? cudaSuccess : cudaErrorNoKernelImageForDevice;
}
cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int bytes) {
  cuda_runtime().shared_allowed = bytes;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  const CudaRuntime& runtime = cuda_runtime();
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount: *value = runtime.multiprocessors; return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = runtime.shared_of_block;
      return cudaSuccess;
    default: return cudaErrorNotSupported;
  }
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void*, int,
                                                                   size_t, unsigned) {
  note_outside("cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags");
  *blocks = cuda_runtime().blocks_of_multiprocessor;
  return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, const void*,
                                           const cudaLaunchConfig_t* config) {
  note_outside("cudaOccupancyMaxActiveClusters");
  const bool asked = config->numAttrs == 1 &&
                     config->attrs->id == cudaLaunchAttributeClusterDimension &&
                     config->gridDim.x % config->attrs->val.clusterDim.x == 0;
  if (!asked) return cudaErrorInvalidClusterSize;
  *clusters = cuda_runtime().clusters_at_once;
  return cudaSuccess;
}
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void*, void**) {
  put("a launch", config->stream);
  return cudaSuccess;
}

// What nvcc calls on its own, by the names that it has for it.
namespace {
struct Configuration {
  dim3 grid, block;
  size_t shared = 0;
  cudaStream_t stream = nullptr;
};
thread_local Configuration pushed;
}  // namespace

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, cudaStream_t stream) {
  pushed = {grid, block, shared, stream};
  return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream) {
  *grid = pushed.grid;
  *block = pushed.block;
  *shared = pushed.shared;
  *static_cast<cudaStream_t*>(stream) = pushed.stream;
  return cudaSuccess;
}
cudaError_t __cudaGetKernel(void** kernel, const void* entry) {
  *kernel = const_cast<void*>(entry);
  return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(void*, dim3, dim3, void**, size_t, cudaStream_t stream) {
  put("a launch", stream);
  return cudaSuccess;
}
void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
char __cudaInitModule(void**) { return 1; }
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void**, const char*, char*, const char*, int, void*, void*, void*,
                            void*, int*) {}
}
