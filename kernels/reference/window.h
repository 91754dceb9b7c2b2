// Windows that slide over 1 to 3 spatial dimensions, seen as always 3.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/reference/dispatch.h"

namespace thaw::reference {

using Index3 = std::array<std::int64_t, 3>;

/// The large side is x of a convolution or pool, the small side its result; a transposed
/// convolution runs from the small side to the large one.
struct WindowPlan {
  std::int64_t batch = 0;
  Index3 large{1, 1, 1}, small{1, 1, 1}, window{1, 1, 1};
  Index3 stride{1, 1, 1}, dilation{1, 1, 1}, before{0, 0, 0};
};

/// `large` is [N, S..., C], `small` [N, S'..., C']. Missing strides and dilations are 1.
/// Throws Error(unimplemented) for more than 3 spatial dimensions.
WindowPlan make_window_plan(const Shape& large, const Shape& small,
                            const std::vector<std::int64_t>& window,
                            const std::vector<std::int64_t>& strides,
                            const std::vector<std::int64_t>& dilations, const Padding& padding);

/// Calls body(index) for 0 <= index < size, row-major.
template <class Body>
void for_each3(const Index3& size, const Body& body) {
  Index3 at{};
  for (at[0] = 0; at[0] < size[0]; ++at[0]) {
    for (at[1] = 0; at[1] < size[1]; ++at[1]) {
      for (at[2] = 0; at[2] < size[2]; ++at[2]) body(at);
    }
  }
}

inline std::int64_t flat3(const Index3& size, const Index3& at) {
  return (at[0] * size[1] + at[1]) * size[2] + at[2];
}
inline std::int64_t volume3(const Index3& size) { return size[0] * size[1] * size[2]; }

/// Calls body(position in the large side, position in the window) for the part of the window over
/// `small_at` that lies inside; both positions are flat.
template <class Body>
void for_each_tap(const WindowPlan& plan, const Index3& small_at, const Body& body) {
  for_each3(plan.window, [&](const Index3& tap) {
    Index3 at{};
    for (std::size_t d = 0; d < 3; ++d) {
      at[d] = small_at[d] * plan.stride[d] + tap[d] * plan.dilation[d] - plan.before[d];
      if (at[d] < 0 || at[d] >= plan.large[d]) return;
    }
    body(flat3(plan.large, at), flat3(plan.window, tap));
  });
}

}  // namespace thaw::reference
