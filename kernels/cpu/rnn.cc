// Rnn on float32. Groups of batch rows go through the steps (rnn_group.h).
//
// Parallel over groups of rows, or, where that would leave threads idle, over the units: every
// thread of a Team computes its blocks of units in every step, from its share of the weights, which
// stays in its own cache. With a mask the rows are ordered by their padding (rnn_mask.h), and
// neither x W nor a step is computed for what is known to be masked.
#include "kernels/cpu/rnn.h"

#include <atomic>
#include <utility>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/rnn_group.h"
#include "runtime/base/memory.h"

namespace thaw::cpu {
namespace {

constexpr std::int64_t kGroupTiles = 6;  // tiles of rows that share a pass over the weights
constexpr std::int64_t kProjectionFloats = 1
                                           << 15;  // of x W kept at a time: a part of the L2 cache
// Steps of a team's first chunks: workers that come late join between chunks.
constexpr std::int64_t kTeamRows = 24;
// Multiply-adds of a member's share of a step that are worth the barrier behind it.
constexpr std::int64_t kSharedStep = 1 << 13;

class RnnKernel final : public Kernel {
 public:
  RnnKernel(const ops::Rnn& op, const RnnShape& shape, RnnWeights weights, int threads)
      : op_(op), s_(shape), steps_(op, shape, std::move(weights)), tile_(rnn_tile_rows()) {
    members_ = members(threads);
    const std::int64_t tiles = ceil_div(s_.batch, tile_);
    if (members_ == 1) slots_ = std::max<std::int64_t>(1, std::min<std::int64_t>(threads, tiles));
    groups_ = ceil_div(tiles, slots_ * kGroupTiles) * slots_;
    plan_workspace();
  }

  const char* name() const override { return "cpu rnn"; }
  OperandUse use(std::size_t operand) const override {
    return operand >= 1 && operand <= (op_.has_bias ? 3u : 2u) ? OperandUse::nothing
                                                               : OperandUse::elements;
  }

  bool writes_rows(std::size_t, std::int64_t columns) const override { return columns == s_.units; }

  void run(const Args& args) const override {
    if (s_.batch == 0) return;
    const RnnOperands o = operands_of(args);
    if (o.mask.valid != nullptr) order_rows(o.mask, places(args));
    if (members_ > 1 && args.pool != nullptr) {
      run_together(o, args);
    } else if (slots_ == 1) {
      for (std::int64_t i = 0; i < groups_; ++i) run_alone(o, group_at(args, i, 0), &args);
    } else {
      run_apart(o, args);
    }
  }

 private:
  /// How many threads share the units of a group; 1: none.
  int members(int threads) const {
    const std::int64_t rows = std::min(s_.batch, kGroupTiles * tile_);
    const std::int64_t worth = rows * s_.units * s_.columns / kSharedStep;
    const std::int64_t count = std::min(std::min<std::int64_t>(threads, s_.blocks),
                                        std::min<std::int64_t>(worth, Team::kMost));
    if (count < 2) return 1;
    // How busy the threads are, on average, until the most loaded one is done.
    const double by_rows =
        static_cast<double>(s_.batch) /
        static_cast<double>(std::max(ceil_div(s_.batch, threads), tile_) * threads);
    const double by_units =
        static_cast<double>(s_.blocks) / static_cast<double>(ceil_div(s_.blocks, count) * threads);
    // Rows need no barriers, and no thread waits for one that is held up.
    return by_units * 0.85 >= by_rows ? static_cast<int>(count) : 1;
  }

  void plan_workspace() {
    const std::int64_t row =
        std::max<std::int64_t>(1, ceil_div(s_.batch, std::max<std::int64_t>(1, groups_)));
    std::int64_t chunk = std::max(kProjectionFloats / std::max<std::int64_t>(1, row * s_.columns),
                                  ceil_div(12, row));
    if (members_ > 1) chunk = std::min(chunk, ceil_div(kTeamRows, row));
    pairs_ = row * std::max<std::int64_t>(1, std::min(chunk, s_.steps));
    const std::int64_t ahead = steps_.ahead_rows();
    if (ahead > 0) pairs_ = std::max(ahead, kTeamRows / ahead * ahead);
    const auto bytes = [](std::int64_t count, std::size_t size) {
      return align_up(static_cast<std::size_t>(count) * size);
    };
    const bool multiply_input = steps_.multiply_input();
    z_bytes_ = bytes((ahead > 0 ? ahead : multiply_input ? 1 : pairs_) * s_.columns, sizeof(float));
    if (multiply_input) x_rows_bytes_ = bytes(row, sizeof(std::int64_t));
    state_bytes_ = bytes(row * s_.state, sizeof(float));
    if (ahead > 0) panel_bytes_ = bytes(pairs_ * s_.inputs, sizeof(float));
    slot_bytes_ = (ahead > 0 ? 2 : 1) * z_bytes_ + 6 * state_bytes_ + panel_bytes_ + x_rows_bytes_;
    if (op_.has_mask) {
      counts_bytes_ = bytes(s_.steps, sizeof(std::int64_t));
      slot_bytes_ += counts_bytes_;
      if (!multiply_input) slot_bytes_ += bytes(pairs_ * s_.inputs, sizeof(float));
      places_bytes_ = bytes(s_.batch, sizeof(RnnPlace));
    }
    workspace_ = places_bytes_ + static_cast<std::size_t>(slots_) * slot_bytes_;
  }

  RnnOperands operands_of(const Args& args) const {
    std::size_t next = op_.has_bias ? 4 : 3;
    RnnOperands o{};
    o.x = args.in[0].as<float>();
    if (op_.has_mask) {
      o.mask = {args.in[next++].as<bool>(), s_.batch, s_.steps, op_.go_backwards};
    }
    if (op_.has_state) o.h0 = args.in[next++].as<float>();
    if (op_.has_state && op_.cell == CellKind::lstm) o.c0 = args.in[next].as<float>();
    o.y = args.out[0].as_mutable<float>();
    o.h = args.out[1].as_mutable<float>();
    o.y_row = args.out[0].row_stride(s_.units);
    o.h_row = args.out[1].row_stride(s_.units);
    if (op_.cell == CellKind::lstm) {
      o.c = args.out[2].as_mutable<float>();
      o.c_row = args.out[2].row_stride(s_.units);
    }
    return o;
  }

  /// The order of the rows, in front of the slots.
  static RnnPlace* places(const Args& args) { return reinterpret_cast<RnnPlace*>(args.workspace); }

  /// Group `index` in the memory of a slot.
  RnnGroup group_at(const Args& args, std::int64_t index, std::int64_t slot) const {
    std::byte* memory =
        args.workspace + places_bytes_ + static_cast<std::size_t>(slot) * slot_bytes_;
    const auto take = [&](std::size_t bytes) { return std::exchange(memory, memory + bytes); };
    const auto floats = [&](std::size_t bytes) { return reinterpret_cast<float*>(take(bytes)); };
    RnnGroup g;
    g.row = s_.batch * index / groups_;
    g.rows = s_.batch * (index + 1) / groups_ - g.row;
    g.z = floats(z_bytes_);
    if (steps_.ahead_rows() > 0) g.z_ahead = floats(z_bytes_);
    g.panel = floats(panel_bytes_);
    g.x_rows = reinterpret_cast<std::int64_t*>(take(x_rows_bytes_));
    g.h = floats(state_bytes_);
    g.h_next = floats(state_bytes_);
    g.c = floats(state_bytes_);
    g.c_next = floats(state_bytes_);
    g.scratch = floats(2 * state_bytes_);
    if (!op_.has_mask) return g;
    if (slots_ > 1) {  // every group gets rows of all lengths
      g.rows = (s_.batch - 1 - index) / groups_ + 1;
      g.places = places(args) + index;
      g.place_stride = groups_;
    } else {
      g.places = places(args) + g.row;
    }
    g.counts = reinterpret_cast<std::int64_t*>(take(counts_bytes_));
    if (!steps_.multiply_input()) g.x = reinterpret_cast<float*>(memory);
    return g;
  }

  /// `shared`: the pool helps with x W.
  void run_alone(const RnnOperands& o, RnnGroup group, const Args* shared) const {
    Team nobody;
    Team::Member alone;
    steps_.begin(o, group);
    for (RnnChunk chunk; steps_.next_chunk(o, group, pairs_, chunk);) {
      steps_.run_chunk(o, group, chunk, nobody, alone, shared);
    }
    steps_.finish(o, group);
  }

  /// Whoever is free takes a group: masked ones differ in their work.
  void run_apart(const RnnOperands& o, const Args& args) const {
    std::atomic<std::int64_t> next{0};
    const std::int64_t cost = s_.batch / groups_ * s_.steps * s_.columns * s_.units / 8;
    parallel(args, slots_, cost, [&](std::int64_t slot, std::int64_t) {
      for (std::int64_t i = 0; (i = next.fetch_add(1, std::memory_order_relaxed)) < groups_;) {
        run_alone(o, group_at(args, i, slot), nullptr);
      }
    });
  }

  /// Every thread that comes takes part in the chunks that begin afterwards.
  void run_together(const RnnOperands& o, const Args& args) const {
    Team team;
    RnnGroup group;
    RnnChunk chunk;
    args.pool->parallel_for(members_, 1, [&](std::int64_t, std::int64_t) {
      Team::Member me = team.join();
      if (me.index > 0) {
        while (team.follow(me)) {
          RnnGroup mine = group;  // copies: behind the last barrier they are the leader's
          const RnnChunk steps = chunk;
          steps_.run_chunk(o, mine, steps, team, me, nullptr);
        }
        return;
      }
      team.gather(members_);
      for (std::int64_t i = 0; i < groups_; ++i) {
        group = group_at(args, i, 0);
        steps_.begin(o, group);
        for (chunk = {}; steps_.next_chunk(o, group, pairs_, chunk);) {
          team.open(me);
          RnnGroup mine = group;
          steps_.run_chunk(o, mine, chunk, team, me, nullptr);
          group = mine;
        }
        steps_.finish(o, group);
      }
      team.close();
    });
  }

  ops::Rnn op_;
  RnnShape s_;
  RnnSteps steps_;
  std::int64_t tile_, slots_ = 1, groups_ = 0, pairs_ = 0;
  int members_ = 1;
  std::size_t places_bytes_ = 0, z_bytes_ = 0, panel_bytes_ = 0, x_rows_bytes_ = 0,
              state_bytes_ = 0, counts_bytes_ = 0, slot_bytes_ = 0;
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
  return std::make_unique<RnnKernel>(op, shape, pack_rnn_weights(op, shape, site), site.threads);
}

}  // namespace thaw::cpu
