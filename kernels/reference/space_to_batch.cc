// Space to batch and back: one strided copy per position inside a block.
#include <algorithm>

#include "kernels/reference/prepare.h"
#include "kernels/reference/strided.h"
#include "runtime/base/check.h"

namespace thaw::reference {
namespace {

/// `space` is [N, S..., R...], `batch` [prod(block) N, S'..., R...]. Element s' of axis d in block
/// position p stands for s = s' block + p - before in space; positions outside have no counterpart.
std::vector<Move> block_moves(const Shape& space, const Shape& batch, const Ints& block,
                              const Ints& margins, bool to_batch) {
  std::vector<Move> moves;
  if (space.num_elements() == 0 || batch.num_elements() == 0) return moves;
  const Ints space_strides = row_major_strides(space), batch_strides = row_major_strides(batch);
  const std::int64_t positions = batch[0] / space[0];
  Ints position(block.size(), 0);
  for (std::int64_t p = 0; p < positions; ++p) {
    Ints dims = space.dims(), strides = space_strides;
    std::int64_t space_start = 0, batch_start = p * space[0] * batch_strides[0];
    for (std::size_t d = 0; d < block.size(); ++d) {
      const int axis = static_cast<int>(d) + 1;
      const std::int64_t shift = position[d] - margins[2 * d];
      const std::int64_t first = shift >= 0 ? 0 : (-shift + block[d] - 1) / block[d];
      const std::int64_t last =  // one behind
          std::min(batch[axis], (space[axis] - shift + block[d] - 1) / block[d]);
      dims[d + 1] = std::max(last - first, std::int64_t{0});
      strides[d + 1] = space_strides[d + 1] * block[d];
      space_start += (first * block[d] + shift) * space_strides[d + 1];
      batch_start += first * batch_strides[d + 1];
    }
    if (to_batch) {
      moves.push_back({StridedCopy(dims, strides, batch_strides, space_start, batch_start)});
    } else {
      moves.push_back({StridedCopy(dims, batch_strides, strides, batch_start, space_start)});
    }
    for (std::size_t d = block.size(); d-- > 0;) {  // the next position, last axis fastest
      if (++position[d] < block[d]) break;
      position[d] = 0;
    }
  }
  return moves;
}

}  // namespace

KernelPtr prepare_space_to_batch(const Site& site) {
  const std::vector<Move> moves = block_moves(site.in[0].shape, site.out[0].shape,
                                              host_ints(site, 1), host_ints(site, 2), true);
  const std::int64_t count = site.out[0].shape.num_elements();
  return for_storage(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel([moves, count](const Args& args) {
      T* y = args.out[0].as_mutable<T>();
      std::fill_n(y, count, T{});  // the padding
      for (const Move& move : moves) move.copy.run(args.in[0].as<T>(), y);
    });
  });
}

KernelPtr prepare_batch_to_space(const Site& site) {
  return move_kernel(site.out[0].dtype, block_moves(site.out[0].shape, site.in[0].shape,
                                                    host_ints(site, 1), host_ints(site, 2), false));
}

}  // namespace thaw::reference
