// Softmax and log-softmax over any set of axes together, shifted by the maximum.
#include <cmath>

#include "kernels/reference/prepare.h"

namespace thaw::reference {
namespace {

using Loop = NestedLoop<1>;  // x and y have one layout

template <class T>
void softmax(const Loop& inner, bool log, const T* x, T* y) {
  double largest = -HUGE_VAL;
  inner.each([&](const Loop::Offsets& at) {
    const double value = load(x[at[0]]);
    if (value > largest || std::isnan(value)) largest = value;
  });
  double sum = 0;
  inner.each([&](const Loop::Offsets& at) { sum += std::exp(load(x[at[0]]) - largest); });
  const double log_sum = std::log(sum);
  inner.each([&](const Loop::Offsets& at) {
    const double shifted = load(x[at[0]]) - largest;
    y[at[0]] = store<T>(log ? shifted - log_sum : std::exp(shifted) / sum);
  });
}

}  // namespace

KernelPtr prepare_softmax(const Site& site) {
  const auto& op = site.op_as<ops::Softmax>();
  const Shape& x = site.in[0].shape;
  const std::vector<bool> together = axis_flags(op.axes, x.rank());
  const Ints strides = row_major_strides(x);
  Ints outer_dims, outer_strides, inner_dims, inner_strides;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    (together[a] ? inner_dims : outer_dims).push_back(x[axis]);
    (together[a] ? inner_strides : outer_strides).push_back(strides[a]);
  }
  const Loop outer(outer_dims, {outer_strides}), inner(inner_dims, {inner_strides});
  return for_floats(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel([outer, inner, log = op.log](const Args& args) {
      const T* x_data = args.in[0].as<T>();
      T* y_data = args.out[0].as_mutable<T>();
      outer.each(
          [&](const Loop::Offsets& at) { softmax(inner, log, x_data + at[0], y_data + at[0]); });
    });
  });
}

}  // namespace thaw::reference
