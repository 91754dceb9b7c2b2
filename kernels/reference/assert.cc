// Throws unless every element of the condition is true.
#include "kernels/reference/prepare.h"
#include "runtime/base/check.h"

namespace thaw::reference {

KernelPtr prepare_assert(const Site& site) {
  if (site.in[0].dtype != DType::boolean) return nullptr;
  const std::int64_t count = site.in[0].shape.num_elements();
  return make_kernel([count, message = site.op_as<ops::Assert>().message](const Args& args) {
    const bool* condition = args.in[0].as<bool>();
    for (std::int64_t i = 0; i < count; ++i) {
      if (!condition[i]) fail(ErrorCode::invalid_argument, "assertion failed: {}", message);
    }
  });
}

}  // namespace thaw::reference
