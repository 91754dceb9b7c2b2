// A device that is the host: its memory can be touched only while its work runs, and its work runs
// only when somebody waits. A host step that reads device memory crashes; one that does not wait
// sees old elements. A caller's stream is another of its streams.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cuda/host_stream.h"

namespace thaw::test {

class FakeDevice final : public Device {
 public:
  struct Counts {
    std::atomic<int> alive{0}, device_allocations{0}, uploads{0}, downloads{0}, transfers{0},
        recordings{0}, launches{0};
  };

  std::string name() const override { return "fake"; }
  std::shared_ptr<std::byte> allocate(std::size_t bytes, MemoryKind kind) const override;
  std::unique_ptr<Stream> make_stream() const override;
  bool reaches(const void* address) const override;
  int enter() const override;
  void leave(int before) const override;

  const Counts& counts() const { return state_->counts; }
  /// The n-th piece of work from now on fails, and so does everything after it.
  void fail_after(int n) { state_->work_left = n; }

 private:
  friend class FakeStream;
  struct State {
    Counts counts;
    std::mutex mutex;                          // work of one stream at a time
    std::map<std::byte*, std::size_t> memory;  // device memory
    std::map<std::byte*, std::size_t> pinned;
    int work_left = -1;  // -1: never fails
    void protect(bool accessible) const;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// Kernels of `backend` for some ops, run on a FakeDevice.
class FakeBackend final : public DeviceBackend {
 public:
  /// No names: every op.
  explicit FakeBackend(std::set<std::string> ops = {}, const Backend& backend = reference_backend())
      : ops_(std::move(ops)), backend_(backend) {}

  const char* name() const override { return "fake"; }
  const FakeDevice& device() const override { return device_; }
  FakeDevice& device() { return device_; }
  std::unique_ptr<DeviceKernel> prepare(const Site& site) const override;

 private:
  FakeDevice device_;
  std::set<std::string> ops_;
  const Backend& backend_;
};

}  // namespace thaw::test
