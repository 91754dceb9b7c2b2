// start + i delta, in the element type.
#include "kernels/reference/prepare.h"
#include "runtime/base/check.h"

namespace thaw::reference {

KernelPtr prepare_range(const Site& site) {
  THAW_CHECK(site.constants[0] != nullptr && site.constants[2] != nullptr,
             "range needs its bounds at preparation");
  const std::int64_t count = site.out[0].shape.num_elements();
  return for_reals(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const auto start = load(*static_cast<const T*>(site.constants[0]->data()));
    const auto delta = load(*static_cast<const T*>(site.constants[2]->data()));
    return make_kernel([count, start, delta](const Args& args) {
      T* y = args.out[0].as_mutable<T>();
      for (std::int64_t i = 0; i < count; ++i) {
        if constexpr (kIsFloat<T>) {
          y[i] = store<T>(start + static_cast<Compute<T>>(i) * delta);
        } else {
          y[i] = static_cast<T>(static_cast<std::uint64_t>(start) +
                                static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(delta));
        }
      }
    });
  });
}

}  // namespace thaw::reference
