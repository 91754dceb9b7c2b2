// Constant, reflecting and symmetric padding.
#include <algorithm>

#include "kernels/reference/prepare.h"
#include "kernels/reference/strided.h"

namespace thaw::reference {
namespace {

struct PadPlan {
  std::vector<StridedCopy> mirrors;  // inside the result, axis after axis
  StridedCopy interior;
  std::int64_t count = 0;
  bool fills = false, has_value = false;
};

/// Copies that mirror the interior over both borders of `axis`. Axes before it are complete
/// already, axes behind it hold their interior only.
void add_mirrors(PadPlan& plan, const Shape& x, const Shape& y, const Ints& paddings, int axis,
                 bool repeats_border) {
  const Ints strides = row_major_strides(y);
  const auto a = static_cast<std::size_t>(axis);
  const std::int64_t before = paddings[2 * a], after = paddings[2 * a + 1];
  Ints dims = y.dims(), from = strides;
  std::int64_t origin = 0;
  for (int behind = axis + 1; behind < x.rank(); ++behind) {
    const auto b = static_cast<std::size_t>(behind);
    dims[b] = x[behind];
    origin += paddings[2 * b] * strides[b];
  }
  from[a] = -strides[a];
  const std::int64_t skip = repeats_border ? 0 : 1;
  dims[a] = before;
  plan.mirrors.emplace_back(dims, from, strides, origin + (2 * before - 1 + skip) * strides[a],
                            origin);
  dims[a] = after;
  const std::int64_t end = before + x[axis];
  plan.mirrors.emplace_back(dims, from, strides, origin + (end - 1 - skip) * strides[a],
                            origin + end * strides[a]);
}

PadPlan plan_pad(const Site& site) {
  const PadMode mode = site.op_as<ops::Pad>().mode;
  const Shape &x = site.in[0].shape, &y = site.out[0].shape;
  const Ints paddings = host_ints(site, 1);
  const Ints strides = row_major_strides(y);
  std::int64_t start = 0;
  for (std::size_t axis = 0; axis < strides.size(); ++axis)
    start += paddings[2 * axis] * strides[axis];
  PadPlan plan{{}, StridedCopy(x.dims(), row_major_strides(x), strides, 0, start)};
  plan.count = y.num_elements();
  plan.fills = mode == PadMode::constant;
  plan.has_value = site.in.size() > 2;
  if (mode != PadMode::constant && plan.count > 0) {
    for (int axis = 0; axis < x.rank(); ++axis) {
      add_mirrors(plan, x, y, paddings, axis, mode == PadMode::symmetric);
    }
  }
  return plan;
}

}  // namespace

KernelPtr prepare_pad(const Site& site) {
  const PadPlan plan = plan_pad(site);
  return for_storage(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel([plan](const Args& args) {
      T* y = args.out[0].as_mutable<T>();
      if (plan.fills) std::fill_n(y, plan.count, plan.has_value ? *args.in[2].as<T>() : T{});
      plan.interior.run(args.in[0].as<T>(), y);
      for (const StridedCopy& mirror : plan.mirrors) mirror.run(static_cast<const T*>(y), y);
    });
  });
}

}  // namespace thaw::reference
