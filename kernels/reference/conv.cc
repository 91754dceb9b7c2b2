// Correlation with groups: every output position gathers its window. Accumulates one position's
// output channels at a time, in the workspace.
#include <algorithm>

#include "kernels/reference/prepare.h"
#include "kernels/reference/scalar.h"
#include "kernels/reference/window.h"

namespace thaw::reference {
namespace {

struct ConvPlan {
  WindowPlan window;
  Index3 pooled{1, 1, 1}, block{1, 1, 1};  // blocks per axis, pixels of a block
  std::int64_t groups = 1, in_channels = 0, group_in = 0, group_out = 0;
  bool has_bias = false;
  UnaryFn activation;

  std::int64_t out_channels() const { return groups * group_out; }
};

ConvPlan plan_conv(const Site& site) {
  const auto& op = site.op_as<ops::Conv>();
  const Shape &x = site.in[0].shape, &w = site.in[1].shape, &y = site.out[0].shape;
  const Ints kernel(w.dims().begin(), w.dims().end() - 2);
  ConvPlan plan;
  plan.window = make_window_plan(x, y, kernel, op.strides, op.dilations, op.padding);
  plan.pooled = plan.window.small;
  for (std::size_t i = 3 - kernel.size(); i < 3; ++i) plan.block[i] = op.pool;
  plan.groups = op.groups;
  plan.in_channels = x[x.rank() - 1];
  plan.group_in = plan.in_channels / op.groups;
  plan.group_out = y[y.rank() - 1] / op.groups;
  plan.has_bias = site.in.size() > 2;
  plan.activation = rounded_to(site.out[0].dtype, op.activation);
  return plan;
}

/// Adds one window tap: pixel [C] times weights [C / groups, O].
template <class T>
void add_tap(const ConvPlan& plan, const T* pixel, const T* weights, Accumulator<T>* sums) {
  for (std::int64_t group = 0; group < plan.groups; ++group) {
    for (std::int64_t c = 0; c < plan.group_in; ++c) {
      const Accumulator<T> left = load_wide(pixel[group * plan.group_in + c]);
      const T* row = weights + c * plan.out_channels() + group * plan.group_out;
      Accumulator<T>* sum = sums + group * plan.group_out;
      for (std::int64_t o = 0; o < plan.group_out; ++o) sum[o] += left * load_wide(row[o]);
    }
  }
}

template <class T>
void convolve(const ConvPlan& plan, const T* x, const T* w, const T* bias, T* y,
              Accumulator<T>* sums) {
  const std::int64_t outputs = plan.out_channels();
  const std::int64_t image = volume3(plan.window.large) * plan.in_channels;
  for (std::int64_t n = 0; n < plan.window.batch; ++n, x += image) {
    for_each3(plan.pooled, [&](const Index3& block) {
      bool first = true;
      for_each3(plan.block, [&](const Index3& pixel_of_block) {
        Index3 at{};
        for (std::size_t i = 0; i < 3; ++i) at[i] = block[i] * plan.block[i] + pixel_of_block[i];
        for (std::int64_t o = 0; o < outputs; ++o) {
          sums[o] = bias == nullptr ? Accumulator<T>{} : load_wide(bias[o]);
        }
        for_each_tap(plan.window, at, [&](std::int64_t pixel, std::int64_t tap) {
          add_tap(plan, x + pixel * plan.in_channels, w + tap * plan.group_in * outputs, sums);
        });
        for (std::int64_t o = 0; o < outputs; ++o) {
          const T value = activate<T>(plan.activation, sums[o]);
          const Compute<T> wide = load(value);
          // A NaN wins and stays: no comparison with it is true.
          if (first || wide > load(y[o]) || wide != wide) y[o] = value;
        }
        first = false;
      });
      y += outputs;
    });
  }
}

}  // namespace

KernelPtr prepare_conv(const Site& site) {
  const ConvPlan plan = plan_conv(site);
  const DType dtype = site.out[0].dtype;
  if (plan.activation.kind != UnaryKind::linear && !is_floating(dtype)) return nullptr;
  return for_reals(dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const std::size_t workspace =
        static_cast<std::size_t>(plan.out_channels()) * sizeof(Accumulator<T>);
    return make_kernel(
        [plan](const Args& args) {
          const T* bias = plan.has_bias ? args.in[2].as<T>() : nullptr;
          convolve(plan, args.in[0].as<T>(), args.in[1].as<T>(), bias, args.out[0].as_mutable<T>(),
                   reinterpret_cast<Accumulator<T>*>(args.workspace));
        },
        workspace);
  });
}

}  // namespace thaw::reference
