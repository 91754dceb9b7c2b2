// Ops that keep the elements and change at most the shape.
#include <cstring>

#include "kernels/reference/prepare.h"

namespace thaw::reference {

KernelPtr prepare_copy(const Site& site) {
  const DType dtype = site.in[0].dtype;
  const std::int64_t count = site.in[0].shape.num_elements();
  if (dtype == DType::string) {
    return make_kernel([count](const Args& args) {
      const std::string* from = args.in[0].as<std::string>();
      std::string* to = args.out[0].as_mutable<std::string>();
      for (std::int64_t i = 0; i < count; ++i) to[i] = from[i];
    });
  }
  if (size_of(dtype) == 0) return nullptr;
  const std::size_t bytes = static_cast<std::size_t>(count) * size_of(dtype);
  return make_kernel([bytes](const Args& args) {
    if (bytes > 0) std::memmove(args.out[0].data, args.in[0].data, bytes);
  });
}

}  // namespace thaw::reference
