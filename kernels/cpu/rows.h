// Ops over the trailing axes of a tensor, seen as rows.
#pragma once

#include <optional>
#include <vector>

#include "kernels/cpu/common.h"

namespace thaw::cpu {

/// A tensor as [outer, middle, inner] where the middle is the given axes.
struct Blocks {
  std::int64_t outer = 1, middle = 1, inner = 1;
};

/// Nothing if the axes are not neighbours (apart from axes of size 1) or there are none.
inline std::optional<Blocks> blocks_of(const Shape& shape, const std::vector<std::int64_t>& axes) {
  std::vector<bool> chosen(static_cast<std::size_t>(shape.rank()), false);
  for (std::int64_t axis : axes) {
    if (axis < 0) axis += shape.rank();
    if (axis < 0 || axis >= shape.rank()) return std::nullopt;
    chosen[static_cast<std::size_t>(axis)] = true;
  }
  Blocks blocks;
  bool begun = false, ended = false;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    if (chosen[static_cast<std::size_t>(axis)]) {
      if (ended) return std::nullopt;
      begun = true;
      blocks.middle *= shape[axis];
    } else {
      ended = begun;
      (begun ? blocks.inner : blocks.outer) *= shape[axis];
    }
  }
  if (axes.empty()) return std::nullopt;
  return blocks;
}

}  // namespace thaw::cpu
