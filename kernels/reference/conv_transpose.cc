// The gradient of a convolution with regard to its input: every input position scatters its window
// into one image of sums, in the workspace.
#include <algorithm>

#include "kernels/reference/prepare.h"
#include "kernels/reference/window.h"

namespace thaw::reference {
namespace {

struct TransposePlan {
  WindowPlan window;  // large: the result
  std::int64_t inputs = 0, outputs = 0;
  bool has_bias = false;
};

/// Adds pixel [C] times weights [O, C] to sums [O].
template <class T>
void add_tap(const TransposePlan& plan, const T* pixel, const T* weights, Accumulator<T>* sums) {
  for (std::int64_t o = 0; o < plan.outputs; ++o) {
    Accumulator<T> sum{};
    for (std::int64_t c = 0; c < plan.inputs; ++c) {
      sum += load_wide(pixel[c]) * load_wide(weights[o * plan.inputs + c]);
    }
    sums[o] += sum;
  }
}

template <class T>
void convolve(const TransposePlan& plan, const T* x, const T* w, const T* bias, T* y,
              Accumulator<T>* sums) {
  const std::int64_t pixels = volume3(plan.window.large);
  for (std::int64_t n = 0; n < plan.window.batch; ++n) {
    std::fill_n(sums, pixels * plan.outputs, Accumulator<T>{});
    for_each3(plan.window.small, [&](const Index3& at) {
      for_each_tap(plan.window, at, [&](std::int64_t pixel, std::int64_t tap) {
        add_tap(plan, x, w + tap * plan.outputs * plan.inputs, sums + pixel * plan.outputs);
      });
      x += plan.inputs;
    });
    for (std::int64_t i = 0; i < pixels * plan.outputs; ++i) {
      if (bias != nullptr) sums[i] += load_wide(bias[i % plan.outputs]);
      *y++ = store<T>(sums[i]);
    }
  }
}

}  // namespace

KernelPtr prepare_conv_transpose(const Site& site) {
  const auto& op = site.op_as<ops::ConvTranspose>();
  const Shape &x = site.in[0].shape, &w = site.in[1].shape, &y = site.out[0].shape;
  const Ints kernel(w.dims().begin(), w.dims().end() - 2);
  TransposePlan plan;
  plan.window = make_window_plan(y, x, kernel, op.strides, op.dilations, op.padding);
  plan.inputs = x[x.rank() - 1];
  plan.outputs = y[y.rank() - 1];
  plan.has_bias = site.in.size() > 3;
  return for_reals(site.out[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    const auto sums = static_cast<std::size_t>(volume3(plan.window.large) * plan.outputs);
    return make_kernel(
        [plan](const Args& args) {
          const T* bias = plan.has_bias ? args.in[3].as<T>() : nullptr;
          convolve(plan, args.in[0].as<T>(), args.in[1].as<T>(), bias, args.out[0].as_mutable<T>(),
                   reinterpret_cast<Accumulator<T>*>(args.workspace));
        },
        sums * sizeof(Accumulator<T>));
  });
}

}  // namespace thaw::reference
