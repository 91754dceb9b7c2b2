// Convolutional LSTM: one launch per step, one thread per pixel and filter, which sums its four
// gates over the windows of the input and of the state before. Two states take turns.
#include "kernels/cuda/functions.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/table.h"
#include "kernels/cuda/window.cuh"
#include "runtime/base/memory.h"

namespace thaw::cuda {
namespace {

struct ConvLstmShape {
  Window input, recurrent;
  std::int64_t batch = 0, steps = 0, channels = 0, filters = 0;
  bool go_backwards = false, return_sequences = false;
  int bias = -1, mask = -1, h0 = -1, c0 = -1;  // operands

  THAW_HOST_DEVICE std::int64_t pixels() const { return input.small_volume; }
  THAW_HOST_DEVICE std::int64_t state() const { return input.small_volume * filters; }
};

/// h, c and the output before the first step; h0 and c0 may be null.
template <class T>
struct ConvLstmStartBody {
  const T *h0, *c0;
  Compute<T>*h, *c, *output;
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    h[i] = h0 == nullptr ? 0 : to_compute(h0[i]);
    c[i] = c0 == nullptr ? 0 : to_compute(c0[i]);
    output[i] = 0;
  }
};

template <class T>
struct ConvLstmStepBody {
  static constexpr int kLeastBlocks = 1;  // registers for all values
  using C = Compute<T>;
  ConvLstmShape s;
  Function<C> activation, recurrent_activation;
  std::int64_t i;  // the step in processing order
  const T *x, *kernel, *recurrent, *bias;
  const bool* mask;
  const C* before;  // h
  C *h, *c, *output;
  T* y;  // every step's output, or null

  /// sum[gate] += what one pixel of `channels` channels adds by the weights of a tap.
  template <class X>
  THAW_HOST_DEVICE void add(const X* pixel, const T* weights, std::int64_t channels,
                            C (&sum)[4]) const {
    for (std::int64_t n = 0; n < channels; ++n) {
      const C value = to_compute(pixel[n]);
      THAW_UNROLL for (int gate = 0; gate < 4; ++gate) {
        sum[gate] += value * to_compute(weights[(n * 4 + gate) * s.filters]);
      }
    }
  }

  THAW_HOST_DEVICE void update(std::int64_t at, std::int64_t b, std::int64_t t) const {
    const std::int64_t filter = at % s.filters, pixel = at / s.filters % s.pixels();
    C sum[4] = {0, 0, 0, 0};
    if (bias != nullptr) {
      for (int gate = 0; gate < 4; ++gate) sum[gate] = to_compute(bias[gate * s.filters + filter]);
    }
    const T* frame = x + (b * s.steps + t) * s.input.large_volume * s.channels;
    s.input.taps(pixel, [&](std::int64_t from, std::int64_t tap) {
      add(frame + from * s.channels, kernel + tap * s.channels * 4 * s.filters + filter, s.channels,
          sum);
    });
    const C* state = before + b * s.state();
    s.recurrent.taps(pixel, [&](std::int64_t from, std::int64_t tap) {
      add(state + from * s.filters, recurrent + tap * s.filters * 4 * s.filters + filter, s.filters,
          sum);
    });
    const C input = activate(recurrent_activation, sum[0]);
    const C forget = activate(recurrent_activation, sum[1]);
    const C cell = forget * c[at] + input * activate(activation, sum[2]);
    c[at] = cell;
    h[at] = output[at] = activate(recurrent_activation, sum[3]) * activate(activation, cell);
  }

  THAW_HOST_DEVICE void operator()(std::int64_t at) const {
    const std::int64_t b = at / s.state(), t = s.go_backwards ? s.steps - 1 - i : i;
    if (mask == nullptr || mask[b * s.steps + t]) {
      update(at, b, t);
    } else {
      h[at] = before[at];
    }
    if (y != nullptr) {
      y[(b * s.steps + i) * s.state() + at % s.state()] = from_compute<T>(output[at]);
    }
  }
};

template <class T>
struct ConvLstmEndBody {
  const Compute<T>*h, *c, *output;
  T *y, *h_out, *c_out;  // y: the last output, or null
  THAW_HOST_DEVICE void operator()(std::int64_t i) const {
    if (y != nullptr) y[i] = from_compute<T>(output[i]);
    h_out[i] = from_compute<T>(h[i]);
    c_out[i] = from_compute<T>(c[i]);
  }
};

/// [B, T, S..., C] -> [B, S..., C]
Shape frames_of(const Shape& shape) {
  Ints dims = shape.dims();
  dims.erase(dims.begin() + 1);
  return Shape(std::move(dims));
}

bool conv_lstm_shape(const Site& site, ConvLstmShape& s) {
  const auto& op = site.op_as<ops::ConvLstm>();
  const Shape &x = site.in[0].shape, &state = site.out[1].shape;
  if (!s.input.set(frames_of(x), state, spatial_dims(site.in[1].shape), op.strides, op.dilations,
                   op.padding) ||
      !s.recurrent.set(state, state, spatial_dims(site.in[2].shape), {}, {},
                       {PaddingKind::same, {}, {}})) {
    return false;
  }
  s.batch = x[0];
  s.steps = x[1];
  s.channels = x[x.rank() - 1];
  s.filters = state[state.rank() - 1];
  s.go_backwards = op.go_backwards;
  s.return_sequences = op.return_sequences;
  int next = 3;
  if (op.has_bias) s.bias = next++;
  if (op.has_mask) s.mask = next++;
  if (op.has_state) s.h0 = next++;
  if (op.has_state) s.c0 = next++;
  return true;
}

template <class T>
KernelPtr conv_lstm_kernel(const Site& site, const ConvLstmShape& s) {
  using C = Compute<T>;
  const auto& op = site.op_as<ops::ConvLstm>();
  ConvLstmStepBody<T> body{};
  body.s = s;
  body.activation = function_of<C>(op.activation, site.in[0].dtype);
  body.recurrent_activation = function_of<C>(op.recurrent_activation, site.in[0].dtype);
  const std::int64_t count = s.batch * s.state();
  const std::size_t bytes = align_up(static_cast<std::size_t>(count) * sizeof(C));
  return make_kernel({"cuda conv lstm", 4 * bytes}, [=](const Args& args, const Queue& queue) {
    const auto operand = [&](int i) {
      return i < 0 ? nullptr : args.in[static_cast<std::size_t>(i)].template as<T>();
    };
    const auto room = [&](std::size_t i) {
      return reinterpret_cast<C*>(args.workspace + i * bytes);
    };
    ConvLstmStepBody<T> step = body;
    step.x = operand(0);
    step.kernel = operand(1);
    step.recurrent = operand(2);
    step.bias = operand(s.bias);
    if (s.mask >= 0) step.mask = args.in[static_cast<std::size_t>(s.mask)].template as<bool>();
    step.c = room(2);
    step.output = room(3);
    T* const y = args.out[0].as_mutable<T>();
    step.y = s.return_sequences ? y : nullptr;
    launch_each(queue, count,
                ConvLstmStartBody<T>{operand(s.h0), operand(s.c0), room(0), step.c, step.output});
    for (step.i = 0; step.i < s.steps; ++step.i) {
      step.before = room(static_cast<std::size_t>(step.i % 2));
      step.h = room(static_cast<std::size_t>((step.i + 1) % 2));
      launch_each(queue, count, step);
    }
    launch_each(queue, count,
                ConvLstmEndBody<T>{room(static_cast<std::size_t>(s.steps % 2)), step.c, step.output,
                                   s.return_sequences ? nullptr : y, args.out[1].as_mutable<T>(),
                                   args.out[2].as_mutable<T>()});
  });
}

}  // namespace

KernelPtr prepare_conv_lstm(const Site& site) {
  ConvLstmShape s;
  if (!conv_lstm_shape(site, s)) return nullptr;
  return for_floats(site.in[0].dtype,
                    [&](auto tag) { return conv_lstm_kernel<TypeOf<decltype(tag)>>(site, s); });
}

}  // namespace thaw::cuda
