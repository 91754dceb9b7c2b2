#include "kernels/reference/window.h"

#include "runtime/base/check.h"
#include "runtime/ir/infer.h"

namespace thaw::reference {

WindowPlan make_window_plan(const Shape& large, const Shape& small,
                            const std::vector<std::int64_t>& window,
                            const std::vector<std::int64_t>& strides,
                            const std::vector<std::int64_t>& dilations, const Padding& padding) {
  const std::size_t rank = window.size();
  if (rank > 3) {
    fail(ErrorCode::unimplemented, "windows over {} spatial dimensions; at most 3 are supported",
         rank);
  }
  THAW_CHECK(large.rank() == static_cast<int>(rank) + 2 && small.rank() == large.rank(),
             "window of rank {} over {} and {}", rank, large.to_string(), small.to_string());
  WindowPlan plan;
  plan.batch = large[0];
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::size_t d = 3 - rank + axis;  // leading dimensions stay 1
    plan.large[d] = large[static_cast<int>(axis) + 1];
    plan.small[d] = small[static_cast<int>(axis) + 1];
    plan.window[d] = window[axis];
    if (!strides.empty()) plan.stride[d] = strides[axis];
    if (!dilations.empty()) plan.dilation[d] = dilations[axis];
    plan.before[d] = window_padding(plan.large[d], plan.window[d], plan.stride[d], plan.dilation[d],
                                    padding, static_cast<int>(axis))
                         .first;
  }
  return plan;
}

}  // namespace thaw::reference
