// Repeats the whole tensor along each axis: each axis of the result is [repetition, index].
#include "kernels/reference/prepare.h"
#include "kernels/reference/strided.h"

namespace thaw::reference {

KernelPtr prepare_tile(const Site& site) {
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  const Ints multiples = host_ints(site, 1);
  const Ints from = row_major_strides(x), to = row_major_strides(y);
  Ints dims, in_strides, out_strides;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    dims.insert(dims.end(), {multiples[a], x[axis]});
    in_strides.insert(in_strides.end(), {0, from[a]});
    out_strides.insert(out_strides.end(), {x[axis] * to[a], to[a]});
  }
  return move_kernel(site.out[0].dtype, StridedCopy(dims, in_strides, out_strides));
}

}  // namespace thaw::reference
