// A new axis that holds `on` at the index and `off` elsewhere; an index outside gives only `off`.
#include "kernels/reference/prepare.h"

namespace thaw::reference {

KernelPtr prepare_one_hot(const Site& site) {
  const Shape& y = site.out[0].shape;
  const int axis = axis_of(site.op_as<ops::OneHot>().axis, y.rank());
  const std::int64_t outer = product(y, 0, axis), depth = y[axis];
  const std::int64_t inner = product(y, axis + 1, y.rank());
  return for_storage(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel([=](const Args& args) {
      const T& on = *args.in[2].as<T>();
      const T& off = *args.in[3].as<T>();
      T* out = args.out[0].as_mutable<T>();
      for (std::int64_t o = 0; o < outer; ++o) {
        for (std::int64_t d = 0; d < depth; ++d) {
          for (std::int64_t i = 0; i < inner; ++i) {
            *out++ = integer_at(args.in[0], o * inner + i) == d ? on : off;
          }
        }
      }
    });
  });
}

}  // namespace thaw::reference
