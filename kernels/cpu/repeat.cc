// Broadcasts, tiles and reversals of any type but string: strided copies whose operand stands still
// or walks backwards. Parallel over rows.
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/move.h"
#include "runtime/ir/ops.h"

namespace thaw::cpu {
namespace {

bool can_move(DType dtype) { return dtype != DType::string && size_of(dtype) > 0; }

}  // namespace

std::unique_ptr<Kernel> prepare_broadcast_to(const Site& site) {
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  if (!can_move(site.out[0].dtype)) return nullptr;
  const Ints dense = dense_strides(x);
  Ints strides(static_cast<std::size_t>(y.rank()), 0);
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (x[axis] == 1) continue;
    strides[static_cast<std::size_t>(axis + y.rank() - x.rank())] =
        dense[static_cast<std::size_t>(axis)];
  }
  return strided_copy(site, y.dims(), strides);
}

std::unique_ptr<Kernel> prepare_tile(const Site& site) {
  const Shape& x = site.in[0].shape;
  if (!can_move(site.out[0].dtype)) return nullptr;
  const Ints dense = dense_strides(x), multiples = site.ints(1);
  Ints dims, strides;
  for (std::size_t axis = 0; axis < dense.size(); ++axis) {
    dims.insert(dims.end(), {multiples[axis], x[static_cast<int>(axis)]});
    strides.insert(strides.end(), {0, dense[axis]});
  }
  return strided_copy(site, dims, strides);
}

std::unique_ptr<Kernel> prepare_reverse(const Site& site) {
  const Shape& x = site.in[0].shape;
  if (!can_move(site.out[0].dtype)) return nullptr;
  const Ints dense = dense_strides(x);
  Ints strides = dense;
  std::int64_t start = 0;
  for (const std::int64_t given : site.op_as<ops::Reverse>().axes) {
    const auto axis = static_cast<std::size_t>(given < 0 ? given + x.rank() : given);
    strides[axis] = -dense[axis];
    start += (x[static_cast<int>(axis)] - 1) * dense[axis];
  }
  return strided_copy(site, x.dims(), strides, start);
}

}  // namespace thaw::cpu
