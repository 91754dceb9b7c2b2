// TensorFlow's BlockLSTM: all steps of an LSTM with peepholes and a clipped cell.
#include <algorithm>
#include <cmath>

#include "kernels/host/segment.h"

namespace thaw::host {
namespace {

struct Sizes {
  std::int64_t steps = 0, batch = 0, inputs = 0, units = 0, computed = 0;
};

struct Cell {
  double forget_bias = 0, clip = 0;
  bool peephole = false;
  int forget_gate = 2,
      candidate_gate = 1;  // columns of the weights: i, candidate, f, o or i, f, candidate, o
};

template <class C>
C sigmoid(C x) {
  return 1 / (1 + std::exp(-x));
}

/// gates [B, 4 U] = bias + [x, h] w
template <class T>
void gate_sums(const Sizes& size, const T* x, const T* h, const T* w, const T* bias,
               std::vector<Compute<T>>& gates) {
  using C = Compute<T>;
  const std::int64_t columns = 4 * size.units;
  for (std::int64_t b = 0; b < size.batch; ++b) {
    C* out = gates.data() + b * columns;
    for (std::int64_t j = 0; j < columns; ++j) out[j] = load(bias[j]);
    for (std::int64_t k = 0; k < size.inputs + size.units; ++k) {
      const C value = k < size.inputs ? load(x[b * size.inputs + k])
                                      : load(h[b * size.units + k - size.inputs]);
      const T* row = w + k * columns;
      for (std::int64_t j = 0; j < columns; ++j) out[j] += value * load(row[j]);
    }
  }
}

/// The seven results of one step, each [B, U].
template <class T>
struct Step {
  T *i, *cs, *f, *o, *ci, *co, *h;
};

/// Peephole weights [U].
template <class T>
struct Peepholes {
  const T *i, *f, *o;
};

template <class T>
void cell_step(const Sizes& size, const Cell& cell, const std::vector<Compute<T>>& gates,
               const T* cs_prev, const Peepholes<T>& weights, const Step<T>& out) {
  using C = Compute<T>;
  for (std::int64_t b = 0; b < size.batch; ++b) {
    for (std::int64_t u = 0; u < size.units; ++u) {
      const std::int64_t at = b * size.units + u;
      const auto gate = [&](int g) {
        return gates[static_cast<std::size_t>(b * 4 * size.units + g * size.units + u)];
      };
      const auto peek = [&](const T* weight, C state) {
        return cell.peephole ? state * load(weight[u]) : C(0);
      };
      const C previous = load(cs_prev[at]);
      const C i = sigmoid(gate(0) + peek(weights.i, previous));
      const C f = sigmoid(gate(cell.forget_gate) + static_cast<C>(cell.forget_bias) +
                          peek(weights.f, previous));
      const C candidate = std::tanh(gate(cell.candidate_gate));
      C cs = candidate * i + previous * f;
      if (cell.clip > 0) {
        cs = std::clamp(cs, static_cast<C>(-cell.clip), static_cast<C>(cell.clip));
      }
      const C o = sigmoid(gate(3) + peek(weights.o, cs));
      const C co = std::tanh(cs);
      out.i[at] = store<T>(i);
      out.cs[at] = store<T>(cs);
      out.f[at] = store<T>(f);
      out.o[at] = store<T>(o);
      out.ci[at] = store<T>(candidate);
      out.co[at] = store<T>(co);
      out.h[at] = store<T>(o * co);
    }
  }
}

template <class T>
void run_steps(const HostArgs& args, const Sizes& size, const Cell& cell,
               std::vector<Tensor>& results) {
  const auto in = [&](std::size_t i) { return elements<T>(args.in[i]); };
  std::vector<Compute<T>> gates(static_cast<std::size_t>(size.batch * 4 * size.units));
  const T *cs = in(2), *h = in(3);
  for (std::int64_t t = 0; t < size.computed; ++t) {
    gate_sums(size, in(1) + t * size.batch * size.inputs, h, in(4), in(8), gates);
    const auto out = [&](std::size_t i) {
      return mutable_elements<T>(results[i]) + t * size.batch * size.units;
    };
    const Step<T> step{out(0), out(1), out(2), out(3), out(4), out(5), out(6)};
    cell_step<T>(size, cell, gates, cs, {in(5), in(6), in(7)}, step);
    cs = step.cs;
    h = step.h;
  }
}

}  // namespace

// (seq_len_max, x [T, B, I], cs_prev, h_prev [B, U], w [I + U, 4 U], wci, wcf, wco [U], b [4 U])
//   -> (i, cs, f, o, ci, co, h), each [T, B, U]; steps from seq_len_max on are zero.
std::vector<Tensor> block_lstm(const HostArgs& args) {
  const Shape& x = args.in[1].shape();
  const Sizes size{x[0], x[1], x[2], args.in[2].shape()[1],
                   std::min(integer(args.in[0], "seq_len_max"), x[0])};
  Cell cell;
  cell.forget_bias = args.call.attributes.real("forget_bias");
  cell.clip = args.call.attributes.real("cell_clip");
  cell.peephole = args.call.attributes.flag("use_peephole");
  if (args.call.attributes.flag("forget_first")) std::swap(cell.forget_gate, cell.candidate_gate);
  std::vector<Tensor> results;
  for (int i = 0; i < 7; ++i) {
    results.push_back(allocate(args.in[1].dtype(), {size.steps, size.batch, size.units}));
  }
  for_floats(args.in[1].dtype(),
             [&](auto tag) { run_steps<TypeOf<decltype(tag)>>(args, size, cell, results); });
  return results;
}

}  // namespace thaw::host
