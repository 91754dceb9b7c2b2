// condition ? x : y with broadcasting.
#include "kernels/reference/prepare.h"

namespace thaw::reference {

KernelPtr prepare_select(const Site& site) {
  const Shape& shape = site.out[0].shape;
  const NestedLoop<4> loop(
      shape.dims(),
      {broadcast_strides(site.in[0].shape, shape), broadcast_strides(site.in[1].shape, shape),
       broadcast_strides(site.in[2].shape, shape), row_major_strides(shape)});
  return for_storage(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel([loop](const Args& args) {
      const bool* condition = args.in[0].as<bool>();
      const T* x = args.in[1].as<T>();
      const T* y = args.in[2].as<T>();
      T* z = args.out[0].as_mutable<T>();
      loop.each([=](const NestedLoop<4>::Offsets& at) {
        z[at[3]] = condition[at[0]] ? x[at[1]] : y[at[2]];
      });
    });
  });
}

}  // namespace thaw::reference
