#include "kernels/cuda/cuda_device.h"

#include <utility>

#include "kernels/cuda/product.h"
#include "kernels/cuda/table.h"
#include "runtime/base/check.h"

namespace thaw::cuda {
namespace {

constexpr int kPortableCluster = 8;  // blocks of a cluster on every GPU that has clusters
constexpr int kDevice = 0;
// Bytes of a copy between the memories that is a kernel, which reads or writes pinned memory where
// it lies, instead of a copy engine's work: that must be handed to another part of the device and
// waited for there. A thread moves 16 bytes, so that the requests of so few threads are all on
// their way at once; with more the engine's larger packets make up for what it takes to start it.
constexpr std::size_t kMostByKernel = 64 * 1024;

class CudaRecording final : public Recording {
 public:
  explicit CudaRecording(cudaGraphExec_t graph) : graph_(graph) {}
  ~CudaRecording() override { cudaGraphExecDestroy(graph_); }
  CudaRecording(const CudaRecording&) = delete;
  CudaRecording& operator=(const CudaRecording&) = delete;
  cudaGraphExec_t graph() const { return graph_; }

 private:
  cudaGraphExec_t graph_;
};

class CudaStream final : public Stream {
 public:
  explicit CudaStream(std::shared_ptr<DeviceState> state) : state_(std::move(state)) {
    check_alive();
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "a stream");
  }
  ~CudaStream() override {
    cudaStreamSynchronize(stream_);
    if (met_ != nullptr) cudaEventDestroy(met_);
    cudaStreamDestroy(stream_);
  }
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;

  cudaStream_t stream() const { return stream_; }
  std::unique_lock<std::mutex> outside_recordings() {
    return recording_.owns_lock() ? std::unique_lock<std::mutex>()
                                  : std::unique_lock<std::mutex>(state_->recording);
  }

  void copy_to_device(void* device, const void* host, std::size_t bytes) override {
    verify(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_), "an upload");
  }
  void copy_to_host(void* host, const void* device, std::size_t bytes) override {
    verify(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream_), "a download");
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    verify(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_), "a copy");
  }
  // Kernels may use the addresses of all memory of cudaHostAlloc (unified addressing, as every
  // 64-bit process has it); the host sees what they write once it has waited for them.
  void transfer(std::span<const Transfer> transfers) override {
    check_alive();
    Copy small[kMostCopies];
    std::size_t count = 0;
    for (const Transfer& one : transfers) {
      if (one.bytes > kMostByKernel) {
        Stream::transfer({&one, 1});
        continue;
      }
      if (count == kMostCopies) enqueue_copies({*this}, {small, std::exchange(count, 0)});
      small[count++] = {one.from, one.to, static_cast<std::int64_t>(one.bytes)};
    }
    if (count > 0) enqueue_copies({*this}, {small, count});
  }
  void fill_zero(void* device, std::size_t bytes) override {
    verify(cudaMemsetAsync(device, 0, bytes, stream_), "a fill");
  }
  void wait() override { verify(cudaStreamSynchronize(stream_), "a kernel"); }

  void begin_recording() override {
    std::unique_lock<std::mutex> recording(state_->recording);
    // Other threads may allocate or copy meanwhile.
    verify(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "a recording");
    recording_ = std::move(recording);
  }
  std::unique_ptr<Recording> end_recording() override {
    const std::unique_lock<std::mutex> recorded = std::move(recording_);
    cudaGraph_t graph = nullptr;
    verify(cudaStreamEndCapture(stream_, &graph), "a recording");
    cudaGraphExec_t executable = nullptr;
    const cudaError_t code = cudaGraphInstantiate(&executable, graph, 0);
    cudaGraphDestroy(graph);
    verify(code, "a recording");
    return std::make_unique<CudaRecording>(executable);
  }
  void launch(const Recording& recording) override {
    verify(cudaGraphLaunch(static_cast<const CudaRecording&>(recording).graph(), stream_),
           "a replay");
  }
  void follow(void* other) override {
    refuse_capture(static_cast<cudaStream_t>(other));
    wait_for(static_cast<cudaStream_t>(other), stream_);
  }
  void precede(void* other) override { wait_for(stream_, static_cast<cudaStream_t>(other)); }

 private:
  /// `later` waits on the device for what `earlier` holds now.
  void wait_for(cudaStream_t earlier, cudaStream_t later) {
    if (met_ == nullptr) {
      verify(cudaEventCreateWithFlags(&met_, cudaEventDisableTiming), "an event");
    }
    verify(cudaEventRecord(met_, earlier), "an event");
    verify(cudaStreamWaitEvent(later, met_, 0), "an event");
  }
  /// Work behind a stream that is captured would become part of the caller's own graph, and the
  /// waits of this one would break it.
  void refuse_capture(cudaStream_t other) const {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    verify(cudaStreamIsCapturing(other, &status), "the caller's stream");
    if (status == cudaStreamCaptureStatusNone) return;
    fail(ErrorCode::failed_precondition, "the stream is being captured: enqueue outside of it");
  }
  void check_alive() const {
    if (!state_->dead) return;
    fail(ErrorCode::device, "the GPU failed earlier in this process and cannot be used again");
  }
  void verify(cudaError_t code, const char* what) const {
    check_alive();
    if (code == cudaSuccess) return;
    cudaGetLastError();
    // An error that stays has broken the context. This stream alone is asked: waiting is an error
    // of its own while it records, and waiting for the device would break the recordings of others.
    if (!recording_.owns_lock() && cudaStreamSynchronize(stream_) != cudaSuccess)
      state_->dead = true;
    check(code, what);
  }

  std::shared_ptr<DeviceState> state_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t met_ = nullptr;
  std::unique_lock<std::mutex> recording_;
};

}  // namespace

cudaStream_t native(Stream& stream) { return static_cast<CudaStream&>(stream).stream(); }

std::unique_lock<std::mutex> outside_recordings(Stream& stream) {
  return static_cast<CudaStream&>(stream).outside_recordings();
}

void check(cudaError_t code, const char* what) {
  if (code == cudaSuccess) return;
  const ErrorCode kind =
      code == cudaErrorMemoryAllocation ? ErrorCode::resource_exhausted : ErrorCode::device;
  fail(kind, "the GPU failed at {}: {} ({})", what, cudaGetErrorString(code),
       cudaGetErrorName(code));
}

void check_launch() { check(cudaGetLastError(), "a launch"); }

CudaDevice::CudaDevice() {
  int count = 0;
  check(cudaGetDeviceCount(&count), "counting devices");
  if (count <= 0) fail(ErrorCode::device, "there is no GPU");
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, kDevice), "reading its properties");
  name_ = properties.name;
  team_limits_.blocks = properties.multiProcessorCount;
  team_limits_.shared_bytes = properties.sharedMemPerBlockOptin;
  team_limits_.cluster = properties.major >= 9 ? kPortableCluster : 0;
  const OnDevice scope(this);
  check(cudaFree(nullptr), "creating a context");
  if (has_code_for_device()) return;
  fail(ErrorCode::device, "the plugin holds code for compute capability {}, but {} has {}.{}",
       THAW_CUDA_ARCHITECTURES, name_, properties.major, properties.minor);
}

std::shared_ptr<std::byte> CudaDevice::allocate(std::size_t bytes, MemoryKind kind) const {
  if (state_->dead) fail(ErrorCode::device, "the GPU failed earlier in this process");
  const OnDevice scope(this);
  void* memory = nullptr;
  const std::size_t size = bytes == 0 ? 1 : bytes;
  const cudaError_t code = kind == MemoryKind::pinned
                               ? cudaHostAlloc(&memory, size, cudaHostAllocPortable)
                               : cudaMalloc(&memory, size);
  if (code != cudaSuccess) {
    cudaGetLastError();  // not of the next launch
    fail(code == cudaErrorMemoryAllocation ? ErrorCode::resource_exhausted : ErrorCode::device,
         "{} bytes of {} memory: {}", size, kind == MemoryKind::pinned ? "pinned" : "device",
         cudaGetErrorString(code));
  }
  const bool pinned = kind == MemoryKind::pinned;
  return {static_cast<std::byte*>(memory), [pinned](std::byte* gone) {
            if (pinned) {
              cudaFreeHost(gone);
            } else {
              cudaFree(gone);
            }
          }};
}

std::unique_ptr<Stream> CudaDevice::make_stream() const {
  const OnDevice scope(this);
  return std::make_unique<CudaStream>(state_);
}

bool CudaDevice::reaches(const void* address) const {
  cudaPointerAttributes found{};
  if (cudaPointerGetAttributes(&found, address) != cudaSuccess) {
    cudaGetLastError();  // not of the next launch
    return false;
  }
  const bool own = found.type == cudaMemoryTypeDevice && found.device == kDevice;
  return own || found.type == cudaMemoryTypeHost || found.type == cudaMemoryTypeManaged;
}

int CudaDevice::enter() const {
  int before = kDevice;
  check(cudaGetDevice(&before), "asking for the thread's device");
  if (before != kDevice) check(cudaSetDevice(kDevice), "choosing it");
  return before;
}

void CudaDevice::leave(int before) const {
  if (before != kDevice) cudaSetDevice(before);
}

}  // namespace thaw::cuda
