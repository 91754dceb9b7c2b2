// Repeats elements along dimensions of size 1 and new leading ones.
#include "kernels/reference/prepare.h"
#include "kernels/reference/strided.h"

namespace thaw::reference {

KernelPtr prepare_broadcast_to(const Site& site) {
  const Shape& y = site.out[0].shape;
  return move_kernel(
      site.out[0].dtype,
      StridedCopy(y.dims(), broadcast_strides(site.in[0].shape, y), row_major_strides(y)));
}

}  // namespace thaw::reference
