// A device with its own memory that runs kernels in the order of a stream: what a plan needs of it.
// The CUDA plugin implements this, and so does the tests' device, whose memory is the host's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "thaw/error.h"
#include "thaw/options.h"

namespace thaw {

/// Work that was recorded once, with the addresses it had then, and can be launched many times.
class Recording {
 public:
  virtual ~Recording() = default;
};

/// A copy between device memory and memory of MemoryKind::pinned.
struct Transfer {
  void* to = nullptr;
  const void* from = nullptr;
  std::size_t bytes = 0;
  bool to_device = false;
};

/// Work in order. Calls return at once; what they enqueue runs after everything enqueued before.
/// Host memory given to a copy must stay as it is until wait(). One thread at a time. Every call
/// throws Error(device) when the device has failed, now or earlier.
class Stream {
 public:
  virtual ~Stream() = default;  // waits
  virtual void copy_to_device(void* device, const void* host, std::size_t bytes) = 0;
  virtual void copy_to_host(void* host, const void* device, std::size_t bytes) = 0;
  /// Between any memory that the device reaches.
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
  /// Several copies at once, none of which touches what another writes.
  virtual void transfer(std::span<const Transfer> transfers);
  virtual void fill_zero(void* device, std::size_t bytes) = 0;
  virtual void wait() = 0;
  /// Between the two, work is recorded instead of run. Waiting is then an error.
  virtual void begin_recording() = 0;
  virtual std::unique_ptr<Recording> end_recording() = 0;
  virtual void launch(const Recording& recording) = 0;
  /// What is enqueued from now on waits for what the caller's own stream (of the device's runtime)
  /// holds now, or the other way round. Throws Error(unimplemented) if the device has no such
  /// streams.
  virtual void follow(void* other);
  virtual void precede(void* other);
};

inline void Stream::transfer(std::span<const Transfer> transfers) {
  for (const Transfer& one : transfers) {
    if (one.to_device) {
      copy_to_device(one.to, one.from, one.bytes);
    } else {
      copy_to_host(one.to, one.from, one.bytes);
    }
  }
}
inline void Stream::follow(void*) {
  throw Error(ErrorCode::unimplemented, "this device takes no streams of the caller's");
}
inline void Stream::precede(void*) {
  throw Error(ErrorCode::unimplemented, "this device takes no streams of the caller's");
}

/// pinned: host memory that copies reach without a detour.
enum class MemoryKind : std::uint8_t { device, pinned };

/// Any thread may call it.
class Device {
 public:
  virtual ~Device() = default;
  virtual std::string name() const = 0;  // of the hardware, for people
  /// Contents undefined, 256-byte aligned, never null; freed with the last owner, which must have
  /// waited for the streams that use it. Throws Error(resource_exhausted).
  virtual std::shared_ptr<std::byte> allocate(std::size_t bytes, MemoryKind kind) const = 0;
  virtual std::unique_ptr<Stream> make_stream() const = 0;
  /// Whether a copy of this device may read and write there: its own memory, or pinned memory.
  virtual bool reaches(const void* address) const = 0;
  /// Makes it the calling thread's device; what the thread had before, for leave().
  virtual int enter() const { return 0; }
  virtual void leave(int /*before*/) const {}
};

/// While it lives, the calling thread's device is this one (if there is one): launches and events
/// go where their stream is, whatever device the caller's own code uses.
class OnDevice {
 public:
  explicit OnDevice(const Device* device)
      : device_(device), before_(device == nullptr ? 0 : device->enter()) {}
  ~OnDevice() {
    if (device_ != nullptr) device_->leave(before_);
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  const Device* device_;
  int before_;
};

/// A bad element that a device kernel met. Kernels cannot throw: the first to meet one writes it
/// here, in device memory, and the host throws after the wait.
struct Fault {
  enum Kind : std::int32_t {
    none,
    index_out_of_range,
    length_out_of_range,
    division_by_zero,
    negative_power
  };
  std::int32_t kind = none;
  std::int32_t step = 0;  // of the plan
  std::int64_t position = 0, found = 0, limit = 0;
};

/// Where a kernel's work goes.
struct Queue {
  Stream& stream;
  Fault* fault = nullptr;  // in device memory
  std::int32_t step = 0;
};

/// A kernel of a device. Operands, results and the workspace are device memory, except for host
/// operands (host_operands()), whose elements it took from its site. Immutable, as any kernel.
class DeviceKernel : public Kernel {
 public:
  /// Puts the work into the queue and returns. Allocates no memory and waits for nothing, so that
  /// it can be recorded.
  virtual void enqueue(const Args& args, const Queue& queue) const = 0;
  /// What enqueue() would copy, if that is all that it does: neighbours then go together.
  virtual std::optional<Transfer> transfer(const Args&) const { return std::nullopt; }
  /// Whether it may write a fault.
  virtual bool may_fault() const { return false; }
  void run(const Args&) const final {
    throw Error(ErrorCode::internal, "a device kernel was run on the host");
  }
};

/// A device and its kernels.
class DeviceBackend {
 public:
  virtual ~DeviceBackend() = default;
  virtual const char* name() const = 0;  // "cuda"
  virtual const Device& device() const = 0;
  /// A kernel for the site, or null if the device has none for it: the node then runs on the host.
  virtual std::unique_ptr<DeviceKernel> prepare(const Site& site) const = 0;
  /// One kernel for two nodes of one kind that read the same first operand and know nothing of each
  /// other (the directions of a bidirectional layer), or null. Its operands are those of the first
  /// and behind them those of the second, and so are its results.
  virtual std::unique_ptr<DeviceKernel> prepare_pair(const Site&, const Site&) const {
    return nullptr;
  }
  /// The same device with products in another precision; itself if it knows no other.
  virtual const DeviceBackend& in_precision(Precision) const { return *this; }
};

}  // namespace thaw
