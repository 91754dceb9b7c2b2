// Layer and RMS normalisation over any set of axes, with optional scale and offset.
#include <cmath>

#include "kernels/reference/prepare.h"

namespace thaw::reference {
namespace {

using Loop = NestedLoop<3>;  // x (and y), scale, offset

struct NormalizePlan {
  Loop outer, inner;
  double count = 1, epsilon = 0;
  bool centered = true, has_scale = false, has_offset = false;
};

NormalizePlan plan_normalize(const Site& site) {
  const auto& op = site.op_as<ops::Normalize>();
  const Shape& x = site.in[0].shape;
  NormalizePlan plan;
  plan.epsilon = op.epsilon;
  plan.centered = op.centered;
  plan.has_scale = op.has_scale;
  plan.has_offset = op.has_offset;
  const Ints none(static_cast<std::size_t>(x.rank()), 0);
  const std::array<Ints, 3> strides = {
      row_major_strides(x), op.has_scale ? broadcast_strides(site.in[1].shape, x) : none,
      op.has_offset ? broadcast_strides(site.in[op.has_scale ? 2 : 1].shape, x) : none};
  const std::vector<bool> reduced = axis_flags(op.axes, x.rank());
  Ints outer_dims, inner_dims;
  std::array<Ints, 3> outer_strides, inner_strides;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    (reduced[a] ? inner_dims : outer_dims).push_back(x[axis]);
    for (std::size_t n = 0; n < 3; ++n) {
      (reduced[a] ? inner_strides : outer_strides)[n].push_back(strides[n][a]);
    }
    if (reduced[a]) plan.count *= static_cast<double>(x[axis]);
  }
  plan.outer = Loop(outer_dims, outer_strides);
  plan.inner = Loop(inner_dims, inner_strides);
  return plan;
}

template <class T>
void normalize_group(const NormalizePlan& plan, const Loop::Offsets& start, const T* x,
                     const T* scale, const T* offset, T* y) {
  double mean = 0, variance = 0;
  if (plan.centered) {
    plan.inner.each([&](const Loop::Offsets& at) { mean += load(x[at[0]]); }, start);
    mean /= plan.count;
  }
  plan.inner.each(
      [&](const Loop::Offsets& at) {
        const double deviation = load(x[at[0]]) - mean;
        variance += deviation * deviation;
      },
      start);
  const double factor = 1 / std::sqrt(variance / plan.count + plan.epsilon);
  plan.inner.each(
      [&](const Loop::Offsets& at) {
        double value = (load(x[at[0]]) - mean) * factor;
        if (scale != nullptr) value *= load(scale[at[1]]);
        if (offset != nullptr) value += load(offset[at[2]]);
        y[at[0]] = store<T>(value);
      },
      start);
}

}  // namespace

KernelPtr prepare_normalize(const Site& site) {
  const NormalizePlan plan = plan_normalize(site);
  return for_floats(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel([plan](const Args& args) {
      const T* scale = plan.has_scale ? args.in[1].as<T>() : nullptr;
      const T* offset = plan.has_offset ? args.in[plan.has_scale ? 2 : 1].as<T>() : nullptr;
      plan.outer.each([&](const Loop::Offsets& start) {
        normalize_group(plan, start, args.in[0].as<T>(), scale, offset,
                        args.out[0].as_mutable<T>());
      });
    });
  });
}

}  // namespace thaw::reference
