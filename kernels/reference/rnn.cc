// One direction of a recurrent layer, sequence by sequence, states in double.
#include <algorithm>

#include "kernels/reference/prepare.h"
#include "kernels/reference/scalar.h"

namespace thaw::reference {
namespace {

struct RnnPlan {
  ops::Rnn op;
  std::int64_t batch = 0, steps = 0, inputs = 0, units = 0, gates = 0;
  int bias = -1, mask = -1, h0 = -1, c0 = -1;  // operand positions
  std::int64_t x_batch = 0, x_step = 0;        // strides of x
  std::int64_t y_batch = 0, y_step = 0;        // strides of y with return_sequences

  std::int64_t columns() const { return gates * units; }
};

/// One sequence's scratch memory.
struct State {
  double *h, *c, *next, *output, *from_x, *from_h;
};

template <class T>
struct Weights {
  const T *kernel, *recurrent, *bias;
};

std::int64_t workspace_elements(const RnnPlan& plan) { return 4 * plan.units + 2 * plan.columns(); }

State make_state(const RnnPlan& plan, std::byte* workspace) {
  auto* memory = reinterpret_cast<double*>(workspace);
  const std::int64_t u = plan.units;
  return {memory,         memory + u,     memory + 2 * u,
          memory + 3 * u, memory + 4 * u, memory + 4 * u + plan.columns()};
}

/// sums[j] += sum over i of x[i] w[i, j], j in [begin, end), for w of `columns` columns.
template <class X, class T>
void multiply_add(const X* x, std::int64_t count, const T* w, std::int64_t columns,
                  std::int64_t begin, std::int64_t end, double* sums) {
  for (std::int64_t i = 0; i < count; ++i) {
    const double left = load(x[i]);
    for (std::int64_t j = begin; j < end; ++j) sums[j] += left * load(w[i * columns + j]);
  }
}

template <class T>
void set_bias(const T* bias, std::int64_t count, double* sums) {
  for (std::int64_t j = 0; j < count; ++j) sums[j] = bias == nullptr ? 0 : load(bias[j]);
}

void lstm_update(const RnnPlan& plan, const State& s) {
  const std::int64_t u = plan.units;
  const double* z = s.from_x;  // i, f, c, o
  for (std::int64_t j = 0; j < u; ++j) {
    const double i = apply(plan.op.recurrent_activation, z[j]);
    const double f = apply(plan.op.recurrent_activation, z[u + j]);
    const double candidate = apply(plan.op.activation, z[2 * u + j]);
    const double o = apply(plan.op.recurrent_activation, z[3 * u + j]);
    s.c[j] = f * s.c[j] + i * candidate;
    s.next[j] = o * apply(plan.op.activation, s.c[j]);
  }
}

/// The reset gate acts on the recurrent product.
void gru_update_reset_after(const RnnPlan& plan, const State& s) {
  const std::int64_t u = plan.units;
  for (std::int64_t j = 0; j < u; ++j) {
    const double z = apply(plan.op.recurrent_activation, s.from_x[j] + s.from_h[j]);
    const double r = apply(plan.op.recurrent_activation, s.from_x[u + j] + s.from_h[u + j]);
    const double candidate =
        apply(plan.op.activation, s.from_x[2 * u + j] + r * s.from_h[2 * u + j]);
    s.next[j] = z * s.h[j] + (1 - z) * candidate;
  }
}

/// The reset gate acts on the state before its product with the candidate's weights.
template <class T>
void gru_update_reset_before(const RnnPlan& plan, const T* recurrent, const State& s) {
  const std::int64_t u = plan.units, columns = plan.columns();
  multiply_add(s.h, u, recurrent, columns, 0, 2 * u, s.from_x);
  for (std::int64_t j = 0; j < u; ++j) {
    s.next[j] = apply(plan.op.recurrent_activation, s.from_x[u + j]) * s.h[j];  // r h
  }
  multiply_add(s.next, u, recurrent, columns, 2 * u, 3 * u, s.from_x);
  for (std::int64_t j = 0; j < u; ++j) {
    const double z = apply(plan.op.recurrent_activation, s.from_x[j]);
    const double candidate = apply(plan.op.activation, s.from_x[2 * u + j]);
    s.next[j] = z * s.h[j] + (1 - z) * candidate;
  }
}

/// Advances the states by one input.
template <class T>
void step(const RnnPlan& plan, const T* x, const Weights<T>& w, const State& s) {
  const std::int64_t columns = plan.columns();
  set_bias(w.bias, columns, s.from_x);
  multiply_add(x, plan.inputs, w.kernel, columns, 0, columns, s.from_x);
  if (plan.op.cell == CellKind::gru && !plan.op.reset_after) {
    gru_update_reset_before(plan, w.recurrent, s);
  } else if (plan.op.cell == CellKind::gru) {
    set_bias(w.bias == nullptr ? nullptr : w.bias + columns, columns, s.from_h);
    multiply_add(s.h, plan.units, w.recurrent, columns, 0, columns, s.from_h);
    gru_update_reset_after(plan, s);
  } else {
    multiply_add(s.h, plan.units, w.recurrent, columns, 0, columns, s.from_x);
    if (plan.op.cell == CellKind::lstm) {
      lstm_update(plan, s);
    } else {
      for (std::int64_t j = 0; j < plan.units; ++j)
        s.next[j] = apply(plan.op.activation, s.from_x[j]);
    }
  }
  std::copy_n(s.next, plan.units, s.h);
  std::copy_n(s.next, plan.units, s.output);
}

template <class T>
void read_state(const RnnPlan& plan, const Args& args, int operand, std::int64_t sequence,
                double* to) {
  for (std::int64_t j = 0; j < plan.units; ++j) {
    to[j] =
        operand < 0
            ? 0
            : load(args.in[static_cast<std::size_t>(operand)].as<T>()[sequence * plan.units + j]);
  }
}

template <class T>
void write(const double* from, std::int64_t count, T* to) {
  for (std::int64_t j = 0; j < count; ++j) to[j] = store<T>(from[j]);
}

template <class T>
void run_sequence(const RnnPlan& plan, const Args& args, std::int64_t b, const State& s) {
  const auto operand = [&](int i) {
    return i < 0 ? nullptr : args.in[static_cast<std::size_t>(i)].template as<T>();
  };
  const Weights<T> weights{operand(1), operand(2), operand(plan.bias)};
  const bool* mask =
      plan.mask < 0 ? nullptr : args.in[static_cast<std::size_t>(plan.mask)].template as<bool>();
  const T* x = operand(0) + b * plan.x_batch;
  T* y = args.out[0].as_mutable<T>() + b * plan.y_batch;
  read_state<T>(plan, args, plan.h0, b, s.h);
  read_state<T>(plan, args, plan.c0, b, s.c);
  std::fill_n(s.output, plan.units, 0.0);
  for (std::int64_t i = 0; i < plan.steps; ++i) {
    const std::int64_t t = plan.op.go_backwards ? plan.steps - 1 - i : i;
    if (mask == nullptr || mask[b * plan.steps + t]) {
      step(plan, x + t * plan.x_step, weights, s);
    } else if (plan.op.zero_output_for_mask) {
      std::fill_n(s.output, plan.units, 0.0);
    }
    if (plan.op.return_sequences) write(s.output, plan.units, y + i * plan.y_step);
  }
  if (!plan.op.return_sequences) write(s.output, plan.units, y);
  write(s.h, plan.units, args.out[1].as_mutable<T>() + b * plan.units);
  if (plan.op.cell == CellKind::lstm) {
    write(s.c, plan.units, args.out[2].as_mutable<T>() + b * plan.units);
  }
}

RnnPlan plan_rnn(const Site& site) {
  RnnPlan plan;
  plan.op = site.op_as<ops::Rnn>();
  const ops::Rnn& op = plan.op;
  const DType dtype = site.in[0].dtype;
  plan.op.activation = rounded_to(dtype, op.activation);
  plan.op.recurrent_activation = rounded_to(dtype, op.recurrent_activation);
  const Shape &x = site.in[0].shape, &recurrent = site.in[2].shape;
  plan.batch = x[op.time_major ? 1 : 0];
  plan.steps = x[op.time_major ? 0 : 1];
  plan.inputs = x[2];
  plan.units = recurrent[0];
  plan.gates = op.cell == CellKind::lstm ? 4 : op.cell == CellKind::gru ? 3 : 1;
  plan.x_batch = (op.time_major ? 1 : plan.steps) * plan.inputs;
  plan.x_step = (op.time_major ? plan.batch : 1) * plan.inputs;
  plan.y_step = (op.time_major ? plan.batch : 1) * plan.units;
  plan.y_batch = (op.return_sequences && !op.time_major ? plan.steps : 1) * plan.units;
  int next = 3;
  if (op.has_bias) plan.bias = next++;
  if (op.has_mask) plan.mask = next++;
  if (op.has_state) plan.h0 = next++;
  if (op.has_state && op.cell == CellKind::lstm) plan.c0 = next++;
  return plan;
}

}  // namespace

KernelPtr prepare_rnn(const Site& site) {
  const RnnPlan plan = plan_rnn(site);
  const auto workspace = static_cast<std::size_t>(workspace_elements(plan)) * sizeof(double);
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
