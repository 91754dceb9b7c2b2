#include "runtime/plan/builtin.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "runtime/base/check.h"

namespace thaw {
namespace {

std::size_t bytes_in(const View& view) {
  return static_cast<std::size_t>(view.type->shape.num_elements()) * size_of(view.type->dtype);
}

class CopyKernel final : public Kernel {
 public:
  const char* name() const override { return "copy"; }
  void run(const Args& args) const override {
    const View& from = args.in[0];
    const View& to = args.out[0];
    const std::size_t bytes = bytes_in(from);
    if (from.data != to.data && bytes > 0) std::memcpy(to.data, from.data, bytes);
  }
};

/// The host's side is the session's arena, which is pinned.
class TransferKernel final : public DeviceKernel {
 public:
  explicit TransferKernel(bool to_device) : to_device_(to_device) {}
  const char* name() const override { return to_device_ ? "upload" : "download"; }
  std::optional<Transfer> transfer(const Args& args) const override {
    return Transfer{args.out[0].data, args.in[0].data, bytes_in(args.in[0]), to_device_};
  }
  void enqueue(const Args& args, const Queue& queue) const override {
    const Transfer one = *transfer(args);
    queue.stream.transfer({&one, 1});
  }

 private:
  bool to_device_;
};

class DeviceCopyKernel final : public DeviceKernel {
 public:
  const char* name() const override { return "device copy"; }
  void enqueue(const Args& args, const Queue& queue) const override {
    queue.stream.copy(args.out[0].data, args.in[0].data, bytes_in(args.in[0]));
  }
};

class AssertKernel final : public Kernel {
 public:
  explicit AssertKernel(std::string message) : message_(std::move(message)) {}
  const char* name() const override { return "assert"; }
  void run(const Args& args) const override {
    const bool* elements = args.in[0].as<bool>();
    const std::int64_t count = args.in[0].type->shape.num_elements();
    if (std::all_of(elements, elements + count, [](bool element) { return element; })) return;
    fail(ErrorCode::invalid_argument, "{}", message_);
  }

 private:
  std::string message_;
};

}  // namespace

std::unique_ptr<Kernel> copy_kernel() { return std::make_unique<CopyKernel>(); }
std::unique_ptr<DeviceKernel> upload_kernel() { return std::make_unique<TransferKernel>(true); }
std::unique_ptr<DeviceKernel> download_kernel() { return std::make_unique<TransferKernel>(false); }
std::unique_ptr<DeviceKernel> device_copy_kernel() { return std::make_unique<DeviceCopyKernel>(); }
std::unique_ptr<Kernel> assert_kernel(const std::string& message) {
  return std::make_unique<AssertKernel>(message);
}

}  // namespace thaw
