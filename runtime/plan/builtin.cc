#include "runtime/plan/builtin.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/check.h"

namespace thaw {
namespace {

class CopyKernel final : public Kernel {
 public:
  const char* name() const override { return "copy"; }
  void run(const Args& args) const override {
    const View& from = args.in[0];
    const View& to = args.out[0];
    const std::size_t bytes =
        static_cast<std::size_t>(from.type->shape.num_elements()) * size_of(from.type->dtype);
    if (from.data != to.data && bytes > 0) std::memcpy(to.data, from.data, bytes);
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
std::unique_ptr<Kernel> assert_kernel(const std::string& message) {
  return std::make_unique<AssertKernel>(message);
}

}  // namespace thaw
