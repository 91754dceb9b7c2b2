// Loops over the lines of a tensor along one axis.
#pragma once

#include "kernels/reference/loop.h"

namespace thaw::reference {

/// A tensor seen as [outer, size, inner].
struct Lines {
  std::int64_t outer = 1, size = 1, inner = 1;

  Lines() = default;
  Lines(const Shape& shape, std::int64_t axis) {
    const int at = axis_of(axis, shape.rank());
    outer = product(shape, 0, at);
    size = shape[at];
    inner = product(shape, at + 1, shape.rank());
  }

  /// Calls body(offset of the line's first element, index of the line); elements lie `inner` apart.
  template <class Body>
  void each(const Body& body) const {
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t i = 0; i < inner; ++i) body(o * size * inner + i, o * inner + i);
    }
  }
};

}  // namespace thaw::reference
