// Slice and strided slice.
#include "kernels/reference/prepare.h"
#include "kernels/reference/strided.h"
#include "runtime/base/check.h"
#include "runtime/ir/infer.h"

namespace thaw::reference {

KernelPtr prepare_slice(const Site& site) {
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  const Ints begin = host_ints(site, 1);
  const Ints strides = row_major_strides(x);
  std::int64_t start = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const std::int64_t first = begin[static_cast<std::size_t>(axis)];
    if (first < 0 || first > x[axis] - y[axis]) {
      fail(ErrorCode::invalid_argument, "slice of {} at {} of axis {} leaves {}", y[axis], first,
           axis, x.to_string());
    }
    start += first * strides[static_cast<std::size_t>(axis)];
  }
  return move_kernel(site.out[0].dtype,
                     StridedCopy(y.dims(), strides, row_major_strides(y), start));
}

KernelPtr prepare_strided_slice(const Site& site) {
  const Shape& x = site.in[0].shape;
  const DenseSlice slice = dense_slice(x, site.op_as<ops::StridedSlice>(), host_ints(site, 1),
                                       host_ints(site, 2), host_ints(site, 3));
  // Inserted and removed axes have size 1, so that the result is dense in the input's axes too.
  const Ints dense = row_major_strides(x);
  Ints strides;
  std::int64_t start = 0;
  for (std::size_t axis = 0; axis < dense.size(); ++axis) {
    start += slice.begin[axis] * dense[axis];
    strides.push_back(slice.stride[axis] * dense[axis]);
  }
  return move_kernel(site.out[0].dtype,
                     StridedCopy(slice.size, strides, row_major_strides(Shape(slice.size)), start));
}

}  // namespace thaw::reference
