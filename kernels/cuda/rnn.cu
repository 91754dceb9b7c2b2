// LSTM, GRU and simple recurrent layers: the input's product with its weights for all steps at
// once, then one block per sequence that lives through all steps. States stay in shared memory;
// each thread owns columns of the recurrent weights, which neighbouring threads read side by side
// and which stay in the L2 cache. Any activation, mask, direction and reset mode.
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/matmul.cuh"
#include "kernels/cuda/rnn_shape.h"
#include "kernels/cuda/table.h"

namespace thaw::cuda {
namespace {

template <class T>
struct RnnBody {
  static constexpr int kLeastBlocks = 1;  // registers for all values
  using C = Compute<T>;
  RnnShape s;
  Function<C> activation, recurrent_activation;
  const C* projected;            // x W + bias
  const T *recurrent, *h0, *c0;  // states may be null: zero
  const T* recurrent_bias;       // of a reset_after gru; may be null
  const bool* mask;              // may be null
  T *y, *h_out, *c_out;          // c_out: lstm only

  /// h, c, output, the next h [units each], sums [columns].
  std::size_t shared_bytes() const {
    return static_cast<std::size_t>(4 * s.units + s.columns()) * sizeof(C);
  }

  struct State {
    C *h, *c, *output, *next, *sums;
  };

  /// sums[j] = the product of `vector` with column j of the recurrent weights.
  THAW_DEVICE C column(const C* vector, std::int64_t j) const {
    C sum = 0;
    const std::int64_t columns = s.columns();
    for (std::int64_t i = 0; i < s.units; ++i)
      sum += vector[i] * to_compute(recurrent[i * columns + j]);
    return sum;
  }

  THAW_DEVICE void lstm(const Block& block, const State& state, const C* z) const {
    const std::int64_t u = s.units;
    block.each(4 * u, [&](std::int64_t j) { state.sums[j] = z[j] + column(state.h, j); });
    block.each(u, [&](std::int64_t j) {
      const C i = activate(recurrent_activation, state.sums[j]);
      const C f = activate(recurrent_activation, state.sums[u + j]);
      const C candidate = activate(activation, state.sums[2 * u + j]);
      const C o = activate(recurrent_activation, state.sums[3 * u + j]);
      state.c[j] = f * state.c[j] + i * candidate;
      state.next[j] = o * activate(activation, state.c[j]);
    });
  }

  /// The reset gate acts on the recurrent product.
  THAW_DEVICE void gru_reset_after(const Block& block, const State& state, const C* z) const {
    const std::int64_t u = s.units;
    block.each(3 * u, [&](std::int64_t j) {
      const C bias = recurrent_bias == nullptr ? C{0} : to_compute(recurrent_bias[j]);
      state.sums[j] = bias + column(state.h, j);
    });
    block.each(u, [&](std::int64_t j) {
      const C update = activate(recurrent_activation, z[j] + state.sums[j]);
      const C reset = activate(recurrent_activation, z[u + j] + state.sums[u + j]);
      const C candidate = activate(activation, z[2 * u + j] + reset * state.sums[2 * u + j]);
      state.next[j] = update * state.h[j] + (1 - update) * candidate;
    });
  }

  /// The reset gate acts on the state before its product with the candidate's weights.
  THAW_DEVICE void gru_reset_before(const Block& block, const State& state, const C* z) const {
    const std::int64_t u = s.units;
    block.each(2 * u, [&](std::int64_t j) {
      state.sums[j] = activate(recurrent_activation, z[j] + column(state.h, j));
    });
    block.each(u, [&](std::int64_t j) { state.c[j] = state.sums[u + j] * state.h[j]; });
    block.each(u, [&](std::int64_t j) {
      const C candidate = activate(activation, z[2 * u + j] + column(state.c, 2 * u + j));
      state.next[j] = state.sums[j] * state.h[j] + (1 - state.sums[j]) * candidate;
    });
  }

  THAW_DEVICE void step(const Block& block, const State& state, const C* z) const {
    if (s.cell == CellKind::lstm) {
      lstm(block, state, z);
    } else if (s.cell == CellKind::simple) {
      block.each(s.units, [&](std::int64_t j) {
        state.next[j] = activate(activation, z[j] + column(state.h, j));
      });
    } else if (s.reset_after) {
      gru_reset_after(block, state, z);
    } else {
      gru_reset_before(block, state, z);
    }
    block.each(s.units, [&](std::int64_t j) { state.h[j] = state.output[j] = state.next[j]; });
  }

  THAW_DEVICE void operator()(const Block& block, std::int64_t b) const {
    const std::int64_t u = s.units;
    C* memory = block.template shared<C>();
    const State state{memory, memory + u, memory + 2 * u, memory + 3 * u, memory + 4 * u};
    block.each(u, [&](std::int64_t j) {
      state.h[j] = h0 == nullptr ? C{0} : to_compute(h0[b * u + j]);
      state.c[j] = c0 == nullptr ? C{0} : to_compute(c0[b * u + j]);
      state.output[j] = 0;
    });
    for (std::int64_t i = 0; i < s.steps; ++i) {
      const std::int64_t t = s.go_backwards ? s.steps - 1 - i : i;
      if (mask == nullptr || mask[b * s.steps + t]) {
        step(block, state, projected + b * s.projected_batch + t * s.projected_step);
      } else if (s.zero_output_for_mask) {
        block.each(u, [&](std::int64_t j) { state.output[j] = 0; });
      }
      if (!s.return_sequences) continue;
      block.each(u, [&](std::int64_t j) {
        y[b * s.y_batch + i * s.y_step + j] = from_compute<T>(state.output[j]);
      });
    }
    block.each(u, [&](std::int64_t j) {
      if (!s.return_sequences) y[b * s.y_batch + j] = from_compute<T>(state.output[j]);
      h_out[b * u + j] = from_compute<T>(state.h[j]);
      if (s.cell == CellKind::lstm) c_out[b * u + j] = from_compute<T>(state.c[j]);
    });
  }
};

/// x W + bias of all steps, in x's order of batch and time.
template <class T>
MatMulBody<T, Compute<T>> projection(const RnnShape& s) {
  MatMulBody<T, Compute<T>> body;
  body.m = s.batch * s.steps;
  body.n = s.columns();
  body.k = s.inputs;
  body.a_row = s.inputs;
  body.a_column = 1;
  body.b_row = s.columns();
  body.b_column = 1;
  return body;
}

template <class T>
KernelPtr rnn_kernel(const Site& site, const RnnShape& s) {
  using C = Compute<T>;
  const auto& op = site.op_as<ops::Rnn>();
  const DType dtype = site.in[0].dtype;
  RnnBody<T> body{};
  body.s = s;
  body.activation = function_of<C>(op.activation, dtype);
  body.recurrent_activation = function_of<C>(op.recurrent_activation, dtype);
  if (body.shared_bytes() > kMostShared) return nullptr;
  const auto projected = static_cast<std::size_t>(s.batch * s.steps * s.columns()) * sizeof(C);
  return make_kernel({"cuda rnn", projected}, [=](const Args& args, const Queue& queue) {
    const auto operand = [&](int i) {
      return i < 0 ? nullptr : args.in[static_cast<std::size_t>(i)].template as<T>();
    };
    MatMulBody<T, C> product = projection<T>(s);
    product.a = operand(0);
    product.b = operand(1);
    product.bias = operand(s.bias);
    product.y = reinterpret_cast<C*>(args.workspace);
    launch_each(queue, product.m * product.n, product);

    RnnBody<T> bound = body;
    bound.projected = product.y;
    bound.recurrent = operand(2);
    bound.h0 = operand(s.h0);
    bound.c0 = operand(s.c0);
    const bool two_biases = s.cell == CellKind::gru && s.reset_after && s.bias >= 0;
    bound.recurrent_bias = two_biases ? operand(s.bias) + s.columns() : nullptr;
    bound.mask =
        s.mask < 0 ? nullptr : args.in[static_cast<std::size_t>(s.mask)].template as<bool>();
    bound.y = args.out[0].as_mutable<T>();
    bound.h_out = args.out[1].as_mutable<T>();
    bound.c_out = s.cell == CellKind::lstm ? args.out[2].as_mutable<T>() : nullptr;
    launch_blocks(queue, s.batch, bound.shared_bytes(), bound);
  });
}

}  // namespace

RnnShape rnn_shape_of(const Site& site) {
  const auto& op = site.op_as<ops::Rnn>();
  const Shape &x = site.in[0].shape, &recurrent = site.in[2].shape;
  RnnShape s;
  s.cell = op.cell;
  s.reset_after = op.reset_after;
  s.return_sequences = op.return_sequences;
  s.go_backwards = op.go_backwards;
  s.zero_output_for_mask = op.zero_output_for_mask;
  s.batch = x[op.time_major ? 1 : 0];
  s.steps = x[op.time_major ? 0 : 1];
  s.inputs = x[2];
  s.units = recurrent[0];
  s.gates = op.cell == CellKind::lstm ? 4 : op.cell == CellKind::gru ? 3 : 1;
  s.projected_batch = (op.time_major ? 1 : s.steps) * s.columns();
  s.projected_step = (op.time_major ? s.batch : 1) * s.columns();
  s.y_step = (op.time_major ? s.batch : 1) * s.units;
  s.y_batch = (op.return_sequences && !op.time_major ? s.steps : 1) * s.units;
  int next = 3;
  if (op.has_bias) s.bias = next++;
  if (op.has_mask) s.mask = next++;
  if (op.has_state) s.h0 = next++;
  if (op.has_state && op.cell == CellKind::lstm) s.c0 = next++;
  return s;
}

KernelPtr prepare_rnn(const Site& site) {
  const RnnShape s = rnn_shape_of(site);
  return for_floats(site.in[0].dtype,
                    [&](auto tag) { return rnn_kernel<TypeOf<decltype(tag)>>(site, s); });
}

}  // namespace thaw::cuda
