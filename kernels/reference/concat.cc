// Concat and stack, and their inverses split and unstack: each part is one strided copy.
#include "kernels/reference/prepare.h"
#include "kernels/reference/strided.h"

namespace thaw::reference {
namespace {

/// The parts lie one after the other along `axis` of `whole`; part i has part_sizes[i] there.
/// Every move goes between the dense part and its place in the whole.
std::vector<Move> part_moves(const Shape& whole, int axis, const Ints& part_sizes, bool gather) {
  const Ints outside = row_major_strides(whole);
  std::vector<Move> moves;
  std::int64_t start = 0;
  for (std::size_t i = 0; i < part_sizes.size(); ++i) {
    Shape part = whole;
    part[axis] = part_sizes[i];
    const Ints inside = row_major_strides(part);
    const std::int64_t offset = start * outside[static_cast<std::size_t>(axis)];
    if (gather) {
      moves.push_back({StridedCopy(part.dims(), inside, outside, 0, offset), i, 0});
    } else {
      moves.push_back({StridedCopy(part.dims(), outside, inside, offset, 0), 0, i});
    }
    start += part_sizes[i];
  }
  return moves;
}

}  // namespace

KernelPtr prepare_concat(const Site& site) {
  const Shape& whole = site.out[0].shape;
  const int axis = axis_of(site.op_as<ops::Concat>().axis, whole.rank());
  Ints sizes;
  for (const TensorType& part : site.in) sizes.push_back(part.shape[axis]);
  return move_kernel(site.out[0].dtype, part_moves(whole, axis, sizes, true));
}

KernelPtr prepare_split(const Site& site) {
  const Shape& whole = site.in[0].shape;
  const int axis = axis_of(site.op_as<ops::Split>().axis, whole.rank());
  Ints sizes;
  for (const TensorType& part : site.out) sizes.push_back(part.shape[axis]);
  return move_kernel(site.in[0].dtype, part_moves(whole, axis, sizes, false));
}

KernelPtr prepare_stack(const Site& site) {
  const Shape& whole = site.out[0].shape;
  const int axis = axis_of(site.op_as<ops::Stack>().axis, whole.rank());
  return move_kernel(site.out[0].dtype, part_moves(whole, axis, Ints(site.in.size(), 1), true));
}

KernelPtr prepare_unstack(const Site& site) {
  const Shape& whole = site.in[0].shape;
  const int axis = axis_of(site.op_as<ops::Unstack>().axis, whole.rank());
  return move_kernel(site.in[0].dtype, part_moves(whole, axis, Ints(site.out.size(), 1), false));
}

}  // namespace thaw::reference
