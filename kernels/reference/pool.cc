// Maximum or average of the part of each window that lies inside; a NaN in it wins.
#include <cmath>

#include "kernels/reference/prepare.h"
#include "kernels/reference/window.h"

namespace thaw::reference {
namespace {

struct PoolPlan {
  WindowPlan window;
  std::int64_t channels = 0;
  PoolKind kind = PoolKind::max;
};

template <class T>
T largest(const PoolPlan& plan, const T* x, const Index3& at) {
  Compute<T> best = lowest<T>();
  for_each_tap(plan.window, at, [&](std::int64_t pixel, std::int64_t) {
    const Compute<T> value = load(x[pixel * plan.channels]);
    if (value > best || value != value) best = value;
    // A NaN stays: no comparison with it is true.
  });
  return store<T>(best);
}

template <class T>
T mean(const PoolPlan& plan, const T* x, const Index3& at) {
  Accumulator<T> sum{};
  std::int64_t count = 0;
  for_each_tap(plan.window, at, [&](std::int64_t pixel, std::int64_t) {
    sum += load_wide(x[pixel * plan.channels]);
    ++count;
  });
  if constexpr (kIsFloat<T>) {
    return store<T>(sum / static_cast<double>(count));
  } else {
    return count == 0 ? T{0} : static_cast<T>(static_cast<std::int64_t>(sum) / count);
  }
}

template <class T>
void pool(const PoolPlan& plan, const T* x, T* y) {
  for (std::int64_t n = 0; n < plan.window.batch; ++n) {
    for_each3(plan.window.small, [&](const Index3& at) {
      for (std::int64_t c = 0; c < plan.channels; ++c) {
        *y++ = plan.kind == PoolKind::max ? largest(plan, x + c, at) : mean(plan, x + c, at);
      }
    });
    x += volume3(plan.window.large) * plan.channels;
  }
}

}  // namespace

KernelPtr prepare_pool(const Site& site) {
  const auto& op = site.op_as<ops::Pool>();
  const Shape& x = site.in[0].shape;
  const PoolPlan plan{make_window_plan(x, site.out[0].shape, op.window, op.strides, {}, op.padding),
                      x[x.rank() - 1], op.kind};
  return for_reals(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel(
        [plan](const Args& args) { pool(plan, args.in[0].as<T>(), args.out[0].as_mutable<T>()); });
  });
}

}  // namespace thaw::reference
