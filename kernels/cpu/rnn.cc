// Rnn on float32. Per group of batch rows: x_t W + bias for a chunk of steps by GEMM into the
// workspace, then the chunk's steps one after another on the group's states. Gate columns are
// reordered when the weights are packed, so that a step reads [block of units][gate][lane].
// Parallel over tiles of rows; a single tile shares the GEMM between the threads instead.
#include "kernels/cpu/rnn.h"

#include <cstring>
#include <utility>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/kernels.h"
#include "runtime/base/memory.h"

namespace thaw::cpu {
namespace {

constexpr std::int64_t kGroupTiles = 4;  // tiles of rows that share a pass over the weights
constexpr std::int64_t kProjectionFloats = 1
                                           << 15;  // of x W kept at a time: a part of the L2 cache
constexpr std::int64_t kReverseBytes = 1 << 19;  // recurrent weights beyond this leave the L2 cache

std::int64_t gates_of(CellKind cell) {
  return cell == CellKind::lstm ? 4 : cell == CellKind::gru ? 3 : 1;
}

/// Sizes that follow from the site alone.
struct RnnShape {
  std::int64_t batch, steps, inputs, units, gates;
  std::int64_t lanes, blocks, state,
      columns;  // state, columns: padded floats of a row of h and of z

  RnnShape(const ops::Rnn& op, const Site& site)
      : batch(site.in[0].shape[op.time_major ? 1 : 0]),
        steps(site.in[0].shape[op.time_major ? 0 : 1]),
        inputs(site.in[0].shape[2]),
        units(site.in[2].shape[0]),
        gates(gates_of(op.cell)),
        lanes(float_lanes()),
        blocks(ceil_div(units, lanes)),
        state(blocks * lanes),
        columns(blocks * gates * lanes) {}

  /// Source column of padded column j, or -1 for padding.
  std::int64_t source_column(std::int64_t j) const {
    const std::int64_t unit = j / (gates * lanes) * lanes + j % lanes;
    return unit < units ? j / lanes % gates * units + unit : -1;
  }
};

/// [rows, gates * units] -> [rows, columns] with the gates of a block side by side.
void reorder_columns(const RnnShape& s, const float* from, std::int64_t rows, float* to) {
  for (std::int64_t j = 0; j < s.columns; ++j) {
    const std::int64_t source = s.source_column(j);
    for (std::int64_t i = 0; i < rows; ++i) {
      to[i * s.columns + j] = source < 0 ? 0 : from[i * s.gates * s.units + source];
    }
  }
}

/// Gates [first, first + count) as [block][k][gate][lane].
void pack_recurrent(const RnnShape& s, const float* from, std::int64_t first, std::int64_t count,
                    float* to) {
  for (std::int64_t block = 0; block < s.blocks; ++block) {
    for (std::int64_t k = 0; k < s.units; ++k) {
      for (std::int64_t gate = first; gate < first + count; ++gate) {
        for (std::int64_t lane = 0; lane < s.lanes; ++lane) {
          const std::int64_t unit = block * s.lanes + lane;
          *to++ = unit < s.units ? from[(k * s.gates + gate) * s.units + unit] : 0;
        }
      }
    }
  }
}

struct Weights {
  std::shared_ptr<const PackedWeights> input, recurrent;
  std::shared_ptr<const float> bias;
};

Weights pack_weights(const ops::Rnn& op, const RnnShape& s, const Site& site) {
  const bool split = op.cell == CellKind::gru && !op.reset_after;
  Weights w;
  w.input = packed_matrix(site, 1, layout_name("rnn input", {s.gates, s.inputs, s.units, s.lanes}),
                          {gemm_blocks(s.inputs, s.columns)}, [&](const float* from, float* to) {
                            std::vector<float> wide(static_cast<std::size_t>(s.inputs * s.columns));
                            reorder_columns(s, from, s.inputs, wide.data());
                            pack_matrix(wide.data(), s.inputs, s.columns, s.columns, 1, to, 0,
                                        ceil_div(s.columns, gemm_columns()));
                          });
  const std::int64_t together = split ? 2 : s.gates, width = together * s.lanes;
  std::vector<PackedBlocks> parts = {{s.units, s.blocks * width, width}};
  if (split) parts.push_back({s.units, s.blocks * s.lanes, s.lanes});
  w.recurrent =
      packed_matrix(site, 2, layout_name("rnn recurrent", {s.gates, s.units, s.lanes, split}),
                    parts, [&](const float* from, float* to) {
                      pack_recurrent(s, from, 0, together, to);
                      if (split) pack_recurrent(s, from, 2, 1, to + s.blocks * s.units * width);
                    });
  if (!op.has_bias) return w;
  // [columns] added to x W, then for a reset-after gru [state]: the recurrent bias of the h gate,
  // which the reset gate multiplies.
  const bool two = op.cell == CellKind::gru && op.reset_after;
  w.bias = packed_weights(site, 3, layout_name("rnn bias", {s.gates, s.units, s.lanes, two}),
                          s.columns + (two ? s.state : 0), [&](const float* from, float* to) {
                            std::vector<float> sum(from, from + s.gates * s.units);
                            const float* second = from + s.gates * s.units;
                            for (std::int64_t i = 0; two && i < 2 * s.units; ++i)
                              sum[static_cast<std::size_t>(i)] += second[i];
                            reorder_columns(s, sum.data(), 1, to);
                            for (std::int64_t i = 0; two && i < s.state; ++i) {
                              to[s.columns + i] = i < s.units ? second[2 * s.units + i] : 0;
                            }
                          });
  return w;
}

/// Where a run's operands are.
struct Operands {
  const float* x;
  const bool* mask;
  const float *h0, *c0;
  float *y, *h, *c;
};

/// Memory of one group in the workspace.
struct Buffers {
  float *z, *h, *h_next, *c, *c_next, *scratch;
};

class RnnKernel final : public Kernel {
 public:
  RnnKernel(const ops::Rnn& op, const RnnShape& shape, Weights weights, int threads)
      : op_(op), s_(shape), weights_(std::move(weights)), tile_(rnn_tile_rows()) {
    const std::int64_t tiles = ceil_div(s_.batch, tile_);
    slots_ = std::max<std::int64_t>(1, std::min<std::int64_t>(threads, tiles));
    group_rows_ = std::min(s_.batch, std::min(kGroupTiles, ceil_div(tiles, slots_)) * tile_);
    const std::int64_t row = std::max<std::int64_t>(1, group_rows_);
    chunk_ = std::max(kProjectionFloats / std::max<std::int64_t>(1, row * s_.columns),
                      ceil_div(12, row));
    chunk_ = std::min(chunk_, s_.steps);
    slot_floats_ = row * (chunk_ * s_.columns + 6 * s_.state);
    slot_floats_ =
        static_cast<std::int64_t>(align_up(static_cast<std::size_t>(slot_floats_) * 4) / 4);
    workspace_ = static_cast<std::size_t>(slots_ * slot_floats_) * sizeof(float);

    const PackedWeights& recurrent = *weights_.recurrent;
    step_.storage = recurrent.storage;
    step_.recurrent = recurrent.data();
    step_.recurrent_scales = recurrent.scales();
    if (op_.cell == CellKind::gru && !op_.reset_after) {
      const std::int64_t columns = s_.blocks * 2 * s_.lanes;  // of z and r, which come first
      step_.candidate = element_at(recurrent.data(), recurrent.storage, columns * s_.units);
      if (recurrent.scales() != nullptr) step_.candidate_scales = recurrent.scales() + columns;
    }
    if (op_.has_bias && op_.cell == CellKind::gru && op_.reset_after) {
      step_.candidate_bias = weights_.bias.get() + s_.columns;
    }
    step_.activation = VectorFn(op_.activation);
    step_.recurrent_activation = VectorFn(op_.recurrent_activation);
    step_.units = s_.units;
    step_.blocks = s_.blocks;
    step_.state_stride = s_.state;
  }

  const char* name() const override { return "cpu rnn"; }

  void run(const Args& args) const override {
    const Operands o = operands_of(args);
    const std::int64_t tiles = ceil_div(s_.batch, tile_);
    if (slots_ == 1) {
      run_slot(o, args, &args, 0, tiles, 0);
      return;
    }
    const std::int64_t cost =
        ceil_div(tiles, slots_) * tile_ * s_.steps * s_.columns * s_.units / 8;
    parallel(args, slots_, cost, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t slot = begin; slot < end; ++slot) {
        run_slot(o, args, nullptr, tiles * slot / slots_, tiles * (slot + 1) / slots_, slot);
      }
    });
  }

 private:
  Operands operands_of(const Args& args) const {
    std::size_t next = op_.has_bias ? 4 : 3;
    Operands o{};
    o.x = args.in[0].as<float>();
    if (op_.has_mask) o.mask = args.in[next++].as<bool>();
    if (op_.has_state) o.h0 = args.in[next++].as<float>();
    if (op_.has_state && op_.cell == CellKind::lstm) o.c0 = args.in[next].as<float>();
    o.y = args.out[0].as_mutable<float>();
    o.h = args.out[1].as_mutable<float>();
    if (op_.cell == CellKind::lstm) o.c = args.out[2].as_mutable<float>();
    return o;
  }

  void run_slot(const Operands& o, const Args& args, const Args* shared, std::int64_t tile_begin,
                std::int64_t tile_end, std::int64_t slot) const {
    float* memory = reinterpret_cast<float*>(args.workspace) + slot * slot_floats_;
    const std::int64_t end = std::min(s_.batch, tile_end * tile_);
    for (std::int64_t row = tile_begin * tile_; row < end; row += group_rows_) {
      run_group(o, shared, row, std::min(group_rows_, end - row), memory);
    }
  }

  Buffers buffers(float* memory) const {
    const std::int64_t state = group_rows_ * s_.state;
    float* h = memory + group_rows_ * chunk_ * s_.columns;
    return {memory, h, h + state, h + 2 * state, h + 3 * state, h + 4 * state};
  }

  void run_group(const Operands& o, const Args* shared, std::int64_t row, std::int64_t rows,
                 float* memory) const {
    Buffers b = buffers(memory);
    load_state(o.h0, row, rows, b.h);
    if (op_.cell == CellKind::lstm) load_state(o.c0, row, rows, b.c);
    if (!op_.return_sequences) clear(o.y + row * s_.units, rows * s_.units);
    RnnStep step = step_;
    step.rows = rows;
    step.scratch = b.scratch;
    const bool alternate = s_.columns * s_.units * element_bytes(step_.storage) > kReverseBytes;
    for (std::int64_t first = 0; first < s_.steps; first += chunk_) {
      const std::int64_t count = std::min(chunk_, s_.steps - first);
      project(o.x, shared, row, rows, first, count, b.z);
      step.z_stride = count * s_.columns;
      for (std::int64_t t = first; t < first + count; ++t) {
        step.z = b.z + (t - first) * s_.columns;
        step.h = b.h;
        step.c = b.c;
        step.h_next = b.h_next;
        step.c_next = b.c_next;
        step.reverse = alternate && t % 2 != 0;
        run_cell(step);
        if (o.mask != nullptr) keep_masked(o.mask, row, rows, t, b);
        write_output(o, row, rows, t, b.h_next);
        std::swap(b.h, b.h_next);
        std::swap(b.c, b.c_next);
      }
    }
    store_state(b.h, row, rows, o.h);
    if (op_.cell == CellKind::lstm) store_state(b.c, row, rows, o.c);
  }

  void run_cell(const RnnStep& step) const {
    switch (op_.cell) {
      case CellKind::lstm: return lstm_step(step);
      case CellKind::gru: return gru_step(step, op_.reset_after);
      case CellKind::simple: return simple_step(step);
    }
  }

  /// z[row][step] = x W + bias for `count` steps in processing order.
  void project(const float* x, const Args* shared, std::int64_t row, std::int64_t rows,
               std::int64_t first, std::int64_t count, float* z) const {
    const std::int64_t row_stride = op_.time_major ? s_.inputs : s_.steps * s_.inputs;
    const std::int64_t step_stride = op_.time_major ? s_.batch * s_.inputs : s_.inputs;
    Gemm g;
    g.a = x + row * row_stride + source_step(first) * step_stride;
    g.inner_rows = count;
    g.row_stride = op_.go_backwards ? -step_stride : step_stride;
    g.outer_stride = row_stride;
    g.segment_length = s_.inputs;
    g.packed = weights_.input->data();
    g.storage = weights_.input->storage;
    g.scales = weights_.input->scales();
    g.bias = weights_.bias.get();
    g.c = z;
    g.c_stride = s_.columns;
    g.m = rows * count;
    g.n = s_.columns;
    const std::int64_t tasks = gemm_tasks(g.m, g.n);
    if (shared == nullptr) {
      gemm(g, 0, tasks);
      return;
    }
    parallel(*shared, tasks, gemm_cost(g.m, s_.inputs),
             [&](std::int64_t begin, std::int64_t end) { gemm(g, begin, end); });
  }

  std::int64_t source_step(std::int64_t t) const { return op_.go_backwards ? s_.steps - 1 - t : t; }

  bool masked(const bool* mask, std::int64_t row, std::int64_t t) const {
    return !mask[row * s_.steps + source_step(t)];
  }

  void keep_masked(const bool* mask, std::int64_t row, std::int64_t rows, std::int64_t t,
                   const Buffers& b) const {
    const std::size_t bytes = static_cast<std::size_t>(s_.state) * sizeof(float);
    for (std::int64_t r = 0; r < rows; ++r) {
      if (!masked(mask, row + r, t)) continue;
      std::memcpy(b.h_next + r * s_.state, b.h + r * s_.state, bytes);
      if (op_.cell == CellKind::lstm)
        std::memcpy(b.c_next + r * s_.state, b.c + r * s_.state, bytes);
    }
  }

  void write_output(const Operands& o, std::int64_t row, std::int64_t rows, std::int64_t t,
                    const float* h) const {
    if (!op_.return_sequences && o.mask == nullptr && t + 1 < s_.steps) return;
    const std::int64_t row_stride =
        op_.return_sequences && !op_.time_major ? s_.steps * s_.units : s_.units;
    const std::int64_t step_stride = !op_.return_sequences ? 0
                                     : op_.time_major      ? s_.batch * s_.units
                                                           : s_.units;
    for (std::int64_t r = 0; r < rows; ++r) {
      float* y = o.y + (row + r) * row_stride + t * step_stride;
      if (o.mask == nullptr || !masked(o.mask, row + r, t)) {
        std::memcpy(y, h + r * s_.state, static_cast<std::size_t>(s_.units) * sizeof(float));
      } else if (op_.zero_output_for_mask || (op_.return_sequences && t == 0)) {
        clear(y, s_.units);
      } else if (op_.return_sequences) {
        std::memcpy(y, y - step_stride, static_cast<std::size_t>(s_.units) * sizeof(float));
      }  // else y holds the previous output
    }
  }

  void load_state(const float* from, std::int64_t row, std::int64_t rows, float* to) const {
    clear(to, rows * s_.state);
    if (from == nullptr) return;
    for (std::int64_t r = 0; r < rows; ++r) {
      std::memcpy(to + r * s_.state, from + (row + r) * s_.units,
                  static_cast<std::size_t>(s_.units) * sizeof(float));
    }
  }

  void store_state(const float* from, std::int64_t row, std::int64_t rows, float* to) const {
    for (std::int64_t r = 0; r < rows; ++r) {
      std::memcpy(to + (row + r) * s_.units, from + r * s_.state,
                  static_cast<std::size_t>(s_.units) * sizeof(float));
    }
  }

  static void clear(float* p, std::int64_t count) {
    if (count > 0) std::memset(p, 0, static_cast<std::size_t>(count) * sizeof(float));
  }

  ops::Rnn op_;
  RnnShape s_;
  Weights weights_;
  std::int64_t tile_, slots_ = 1, group_rows_ = 0, chunk_ = 0, slot_floats_ = 0;
  RnnStep step_;
};

}  // namespace

std::unique_ptr<Kernel> prepare_rnn(const Site& site) {
  const auto& op = site.op_as<ops::Rnn>();
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    const bool is_mask = op.has_mask && i == (op.has_bias ? 4u : 3u);
    if (!is_mask && site.in[i].dtype != DType::float32) return nullptr;
  }
  if (!has_vector_form(op.activation.kind) || !has_vector_form(op.recurrent_activation.kind)) {
    return nullptr;
  }
  for (std::size_t i = 1; i < (op.has_bias ? 4u : 3u); ++i) {
    if (site.constants[i] == nullptr) return nullptr;
  }
  const RnnShape shape(op, site);
  if (shape.units == 0) return nullptr;
  return std::make_unique<RnnKernel>(op, shape, pack_weights(op, shape, site), site.threads);
}

}  // namespace thaw::cpu
