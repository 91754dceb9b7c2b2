// One direction of a convolutional LSTM, sequence by sequence, states in double.
#include <algorithm>

#include "kernels/reference/prepare.h"
#include "kernels/reference/scalar.h"
#include "kernels/reference/window.h"

namespace thaw::reference {
namespace {

struct ConvLstmPlan {
  ops::ConvLstm op;
  WindowPlan input, recurrent;
  std::int64_t batch = 0, steps = 0, channels = 0, filters = 0;
  int bias = -1, mask = -1, h0 = -1, c0 = -1;  // operand positions

  std::int64_t pixels() const { return volume3(input.small); }
  std::int64_t state() const { return pixels() * filters; }
  std::int64_t frame() const { return volume3(input.large) * channels; }
};

/// One sequence's scratch memory: [S', F], but z [S', 4 F].
struct State {
  double *h, *c, *output, *z;
};

State make_state(const ConvLstmPlan& plan, std::byte* workspace) {
  auto* memory = reinterpret_cast<double*>(workspace);
  const std::int64_t n = plan.state();
  return {memory, memory + n, memory + 2 * n, memory + 3 * n};
}

/// z += x convolved with w, for x of `channels` channels.
template <class X, class T>
void add_convolved(const WindowPlan& window, std::int64_t channels, std::int64_t columns,
                   const X* x, const T* w, double* z) {
  for_each3(window.small, [&](const Index3& at) {
    for_each_tap(window, at, [&](std::int64_t pixel, std::int64_t tap) {
      for (std::int64_t c = 0; c < channels; ++c) {
        const double left = load(x[pixel * channels + c]);
        const T* row = w + (tap * channels + c) * columns;
        for (std::int64_t j = 0; j < columns; ++j) z[j] += left * load(row[j]);
      }
    });
    z += columns;
  });
}

/// Gates i, f, c, o of every pixel.
void update(const ConvLstmPlan& plan, const State& s) {
  const std::int64_t f = plan.filters;
  for (std::int64_t pixel = 0; pixel < plan.pixels(); ++pixel) {
    const double* z = s.z + pixel * 4 * f;
    for (std::int64_t j = 0; j < f; ++j) {
      double& c = s.c[pixel * f + j];
      const double input = apply(plan.op.recurrent_activation, z[j]);
      const double forget = apply(plan.op.recurrent_activation, z[f + j]);
      c = forget * c + input * apply(plan.op.activation, z[2 * f + j]);
      const double output = apply(plan.op.recurrent_activation, z[3 * f + j]);
      s.h[pixel * f + j] = output * apply(plan.op.activation, c);
    }
  }
}

template <class T>
void step(const ConvLstmPlan& plan, const T* x, const T* kernel, const T* recurrent, const T* bias,
          const State& s) {
  const std::int64_t columns = 4 * plan.filters;
  for (std::int64_t i = 0; i < plan.pixels() * columns; ++i)
    s.z[i] = bias == nullptr ? 0 : load(bias[i % columns]);
  add_convolved(plan.input, plan.channels, columns, x, kernel, s.z);
  add_convolved(plan.recurrent, plan.filters, columns, s.h, recurrent, s.z);
  update(plan, s);
  std::copy_n(s.h, plan.state(), s.output);
}

template <class T>
void run_sequence(const ConvLstmPlan& plan, const Args& args, std::int64_t b, const State& s) {
  const auto operand = [&](int i) {
    return i < 0 ? nullptr : args.in[static_cast<std::size_t>(i)].template as<T>();
  };
  const bool* mask =
      plan.mask < 0 ? nullptr : args.in[static_cast<std::size_t>(plan.mask)].template as<bool>();
  const auto write = [&](const double* from, int result, std::int64_t at) {
    T* to = args.out[static_cast<std::size_t>(result)].template as_mutable<T>() + at * plan.state();
    for (std::int64_t j = 0; j < plan.state(); ++j) to[j] = store<T>(from[j]);
  };
  const T *h0 = operand(plan.h0), *c0 = operand(plan.c0);
  for (std::int64_t j = 0; j < plan.state(); ++j) {
    s.h[j] = h0 == nullptr ? 0 : load(h0[b * plan.state() + j]);
    s.c[j] = c0 == nullptr ? 0 : load(c0[b * plan.state() + j]);
    s.output[j] = 0;
  }
  for (std::int64_t i = 0; i < plan.steps; ++i) {
    const std::int64_t t = b * plan.steps + (plan.op.go_backwards ? plan.steps - 1 - i : i);
    if (mask == nullptr || mask[t]) {
      step(plan, operand(0) + t * plan.frame(), operand(1), operand(2), operand(plan.bias), s);
    }
    if (plan.op.return_sequences) write(s.output, 0, b * plan.steps + i);
  }
  if (!plan.op.return_sequences) write(s.output, 0, b);
  write(s.h, 1, b);
  write(s.c, 2, b);
}

/// [B, T, S..., C] -> [B, S..., C]
Shape without_steps(const Shape& shape) {
  Ints dims = shape.dims();
  dims.erase(dims.begin() + 1);
  return Shape(std::move(dims));
}

ConvLstmPlan plan_conv_lstm(const Site& site) {
  ConvLstmPlan plan;
  plan.op = site.op_as<ops::ConvLstm>();
  const DType dtype = site.in[0].dtype;
  plan.op.activation = rounded_to(dtype, plan.op.activation);
  plan.op.recurrent_activation = rounded_to(dtype, plan.op.recurrent_activation);
  const Shape &x = site.in[0].shape, &w = site.in[1].shape, &state = site.out[1].shape;
  const Ints kernel(w.dims().begin(), w.dims().end() - 2);
  const Ints recurrent(site.in[2].shape.dims().begin(), site.in[2].shape.dims().end() - 2);
  const Padding same{PaddingKind::same, {}, {}};
  plan.batch = x[0];
  plan.steps = x[1];
  plan.channels = x[x.rank() - 1];
  plan.filters = state[state.rank() - 1];
  plan.input = make_window_plan(without_steps(x), state, kernel, plan.op.strides, plan.op.dilations,
                                plan.op.padding);
  plan.recurrent = make_window_plan(state, state, recurrent, {}, {}, same);
  int next = 3;
  if (plan.op.has_bias) plan.bias = next++;
  if (plan.op.has_mask) plan.mask = next++;
  if (plan.op.has_state) plan.h0 = next++;
  if (plan.op.has_state) plan.c0 = next++;
  return plan;
}

}  // namespace

KernelPtr prepare_conv_lstm(const Site& site) {
  const ConvLstmPlan plan = plan_conv_lstm(site);
  const auto workspace = static_cast<std::size_t>(plan.state()) * 7 * sizeof(double);
  return for_floats(site.in[0].dtype, [&](auto tag) {
    using T = TypeOf<decltype(tag)>;
    return make_kernel(
        [plan](const Args& args) {
          const State state = make_state(plan, args.workspace);
          for (std::int64_t b = 0; b < plan.batch; ++b) run_sequence<T>(plan, args, b, state);
        },
        workspace);
  });
}

}  // namespace thaw::reference
