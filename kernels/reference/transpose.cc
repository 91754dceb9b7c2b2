// Permutes dimensions.
#include "kernels/reference/prepare.h"
#include "kernels/reference/strided.h"

namespace thaw::reference {

KernelPtr prepare_transpose(const Site& site) {
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  const Ints dense = row_major_strides(x);
  Ints strides;
  for (std::int64_t axis : host_ints(site, 1)) {
    strides.push_back(dense[static_cast<std::size_t>(axis_of(axis, x.rank()))]);
  }
  return move_kernel(site.out[0].dtype, StridedCopy(y.dims(), strides, row_major_strides(y)));
}

}  // namespace thaw::reference
