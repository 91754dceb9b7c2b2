#include "tests/support/fake_device.h"

#include <sys/mman.h>

#include <cstring>
#include <functional>

#include "runtime/base/check.h"
#include "runtime/base/memory.h"

namespace thaw::test {

constexpr std::size_t kPage = 4096;

using FakeWork = std::vector<std::function<void()>>;

// Runs once, whichever stream comes to it first.
struct FakeItem {
  std::function<void()> work;
  bool done = false;
};
using FakeItems = std::vector<std::shared_ptr<FakeItem>>;

class FakeRecording final : public Recording {
 public:
  explicit FakeRecording(FakeWork recorded) : work(std::move(recorded)) {}
  const FakeWork work;
};

void FakeDevice::State::protect(bool accessible) const {
  for (const auto& [address, bytes] : memory)
    THAW_CHECK(mprotect(address, bytes, accessible ? PROT_READ | PROT_WRITE : PROT_NONE) == 0);
}

std::shared_ptr<std::byte> FakeDevice::allocate(std::size_t bytes, MemoryKind kind) const {
  ++state_->counts.alive;
  if (kind == MemoryKind::pinned) {
    std::byte* address = allocate_aligned(bytes).release();
    const std::lock_guard lock(state_->mutex);
    state_->pinned[address] = bytes;
    return {address, [state = state_](std::byte* memory) {
              const std::lock_guard unlock(state->mutex);
              state->pinned.erase(memory);
              --state->counts.alive;
              AlignedFree{}(memory);
            }};
  }
  ++state_->counts.device_allocations;
  const std::size_t whole = (bytes / kPage + 1) * kPage;
  void* memory = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  THAW_CHECK(memory != MAP_FAILED);
  std::memset(memory, 0xff, whole);  // NaN until written
  auto* address = static_cast<std::byte*>(memory);
  const std::lock_guard lock(state_->mutex);
  THAW_CHECK(mprotect(address, whole, PROT_NONE) == 0);
  state_->memory[address] = whole;
  return {address, [state = state_, whole](std::byte* gone) {
            const std::lock_guard unlock(state->mutex);
            state->memory.erase(gone);
            munmap(gone, whole);
            --state->counts.alive;
          }};
}

bool FakeDevice::reaches(const void* address) const {
  const std::lock_guard lock(state_->mutex);
  const auto inside = [&](const std::map<std::byte*, std::size_t>& ranges) {
    auto next = ranges.upper_bound(static_cast<std::byte*>(const_cast<void*>(address)));
    return next != ranges.begin() && (--next, address < next->first + next->second);
  };
  return inside(state_->memory) || inside(state_->pinned);
}

class FakeStream final : public cuda::HostStream {
 public:
  explicit FakeStream(std::shared_ptr<FakeDevice::State> state) : state_(std::move(state)) {}

  void enqueue(std::function<void()> work) override {
    if (recording_) {
      recorded_.push_back(std::move(work));
    } else {
      queue_.push_back(std::make_shared<FakeItem>(FakeItem{std::move(work)}));
    }
  }
  void copy_to_device(void* device, const void* host, std::size_t bytes) override {
    ++state_->counts.uploads;
    enqueue([=] { std::memcpy(device, host, bytes); });
  }
  void copy_to_host(void* host, const void* device, std::size_t bytes) override {
    ++state_->counts.downloads;
    enqueue([=] { std::memcpy(host, device, bytes); });
  }
  void transfer(std::span<const Transfer> transfers) override {
    ++state_->counts.transfers;
    Stream::transfer(transfers);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    enqueue([=] { std::memmove(to, from, bytes); });
  }
  void fill_zero(void* device, std::size_t bytes) override {
    enqueue([=] { std::memset(device, 0, bytes); });
  }
  void wait() override {
    THAW_CHECK(!recording_, "waited while recording");
    const std::lock_guard lock(state_->mutex);
    state_->protect(true);
    for (const auto& item : queue_) {
      if (state_->work_left == 0) break;
      if (item->done) continue;
      if (state_->work_left > 0) --state_->work_left;
      item->done = true;
      item->work();
    }
    state_->protect(false);
    queue_.clear();
    if (state_->work_left == 0) fail(ErrorCode::device, "the fake device has failed");
  }
  void begin_recording() override {
    THAW_CHECK(!recording_, "recorded twice");
    recording_ = true;
  }
  std::unique_ptr<Recording> end_recording() override {
    THAW_CHECK(recording_, "nothing was recorded");
    recording_ = false;
    ++state_->counts.recordings;
    return std::make_unique<FakeRecording>(std::exchange(recorded_, {}));
  }
  void launch(const Recording& recording) override {
    ++state_->counts.launches;
    for (const auto& work : static_cast<const FakeRecording&>(recording).work) enqueue(work);
  }
  // Null: a default stream on which nothing runs.
  void follow(void* other) override {
    if (other != nullptr) append(queue_, static_cast<FakeStream*>(other)->queue_);
  }
  void precede(void* other) override {
    if (other != nullptr) append(static_cast<FakeStream*>(other)->queue_, queue_);
  }

 private:
  static void append(FakeItems& to, const FakeItems& from) {
    to.insert(to.end(), from.begin(), from.end());
  }

  std::shared_ptr<FakeDevice::State> state_;
  FakeItems queue_;
  FakeWork recorded_;
  bool recording_ = false;
};

std::unique_ptr<Stream> FakeDevice::make_stream() const {
  return std::make_unique<FakeStream>(state_);
}

namespace {

thread_local int entered = 0;  // how deep this thread is in scopes of the device

}  // namespace

int FakeDevice::enter() const { return entered++; }

void FakeDevice::leave(int before) const { entered = before; }

namespace {

class FakeKernel final : public DeviceKernel {
 public:
  explicit FakeKernel(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {
    workspace_ = kernel_->workspace();
  }
  const char* name() const override { return "fake"; }
  bool may_fault() const override { return true; }
  void enqueue(const Args& args, const Queue& queue) const override {
    THAW_CHECK(entered > 0, "a kernel was put into a stream on another device");
    const std::vector<View> in(args.in.begin(), args.in.end()),
        out(args.out.begin(), args.out.end());
    auto* fault = queue.fault;
    const auto work = [this, in, out, workspace = args.workspace, fault, step = queue.step] {
      try {
        kernel_->run({in, out, workspace, nullptr});
      } catch (const Error&) {
        if (fault->kind == Fault::none) *fault = {Fault::index_out_of_range, step, 1, 2, 3};
      }
    };
    dynamic_cast<cuda::HostStream&>(queue.stream).enqueue(work);
  }

 private:
  std::unique_ptr<Kernel> kernel_;
};

}  // namespace

std::unique_ptr<DeviceKernel> FakeBackend::prepare(const Site& site) const {
  if (!ops_.empty() && ops_.count(name_of(site.op)) == 0) return nullptr;
  std::unique_ptr<Kernel> kernel = backend_.prepare(site);
  return kernel == nullptr ? nullptr : std::make_unique<FakeKernel>(std::move(kernel));
}

}  // namespace thaw::test
