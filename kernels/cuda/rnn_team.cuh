// Recurrent layers whose weights stay in registers through all steps. A team of blocks (one block,
// a cluster, or blocks all over the device) runs some sequences of one direction. Each block owns
// some units with all their gates, so that a unit's cell state never moves; a group of lanes, which
// are neighbouring threads, shares the sums of one unit, each with its own slice of the weights'
// rows. After a step only the new state travels to the other blocks of the team.
//
// The code below holds no thread index and no barrier: team_device.cuh and team_host.h run it.
#pragma once

#include "kernels/cuda/functions.cuh"
#include "kernels/cuda/rnn_shape.h"
#include "kernels/cuda/rnn_weights.cuh"

namespace thaw::cuda {

constexpr int kMostLanes = 32;  // of a unit: a warp

enum class TeamKind : std::uint8_t { block, cluster, grid };
/// The two forms of a gru are two cells here.
enum class TeamCell : std::uint8_t { lstm, gru, gru_reset_before, simple };

THAW_HOST_DEVICE constexpr int gates_of(TeamCell cell) {
  return cell == TeamCell::lstm ? 4 : cell == TeamCell::simple ? 1 : 3;
}
/// How often a step exchanges something: the candidate of a gru that resets before its product
/// needs the reset states of all units.
THAW_HOST_DEVICE constexpr int phases_of(TeamCell cell) {
  return cell == TeamCell::gru_reset_before ? 2 : 1;
}

/// How the units and sequences of a layer are dealt out.
struct TeamShape {
  TeamKind kind = TeamKind::block;
  int per_lane = 16;         // rows of the weights that a lane keeps
  int lanes = 1, own = 256;  // of a unit; units of a block; kTeamThreads together
  int ranks = 1;             // blocks of a team
  int rows = 1;              // sequences of a team
  int at_once = 1;           // sequences that a pass over the weights serves
  int teams = 1;             // of one direction
  int directions = 1;

  THAW_HOST_DEVICE int padded() const { return lanes * per_lane; }
  /// The vectors that travel: the states of this step and the next, and the reset states.
  THAW_HOST_DEVICE int vector_floats() const { return rows * padded(); }
  /// Where vector `which` starts in a block's memory. A grid's blocks read what they need of the
  /// device's memory after each step, into one place.
  THAW_HOST_DEVICE int vector(int which) const {
    if (kind == TeamKind::grid && which < 2) return 0;
    return (kind == TeamKind::grid ? which - 1 : which) * vector_floats();
  }
  THAW_HOST_DEVICE int cell_states() const { return vector(2) + vector_floats(); }
  THAW_HOST_DEVICE int outputs() const { return cell_states() + rows * own; }
  THAW_HOST_DEVICE int update_gates() const { return outputs() + rows * own; }
  THAW_HOST_DEVICE int shared_floats() const { return update_gates() + rows * own; }
  /// In the device's memory, of a grid's team.
  THAW_HOST_DEVICE int exchange_floats() const { return 3 * vector_floats(); }
  THAW_HOST_DEVICE int all_teams() const { return teams * directions; }
};

/// What differs between the directions of a bidirectional layer.
struct RnnDirection {
  const float* projected = nullptr;               // x W, without the bias
  const void* recurrent = nullptr;                // packed (rnn_weights.cuh)
  const void* bias = nullptr;                     // may be null
  const void *h0 = nullptr, *c0 = nullptr;        // null: zero
  const std::uint8_t* mask = nullptr;             // zero: masked; may be null
  void *y = nullptr, *h = nullptr, *c = nullptr;  // c: lstm only
  bool go_backwards = false, return_sequences = false, zero_output_for_mask = false;
  std::int64_t y_batch = 0, y_step = 0;
};

struct RnnLayer {
  TeamShape team;
  Function<float> activation, recurrent_activation;
  DType dtype = DType::float32;  // of everything but sums, states and recurrent weights
  DType weights = DType::float32;
  std::int64_t batch = 0, steps = 0;
  int units = 0;
  std::int64_t projected_batch = 0, projected_step = 0;
  float* exchange = nullptr;          // of all teams of a grid, zero at first
  std::uint32_t* arrivals = nullptr;  // one counter per team of a grid, zero at first
  RnnDirection direction[2];
};

/// The functions that recurrent layers have, all in line: a call would push the weights out of the
/// registers.
inline bool has_gate_form(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::linear:
    case UnaryKind::relu:
    case UnaryKind::tanh:
    case UnaryKind::sigmoid:
    case UnaryKind::hard_sigmoid:
    case UnaryKind::softsign: return true;
    default: return false;
  }
}
THAW_HOST_DEVICE inline float gate(const Function<float>& fn, float x) {
  switch (fn.kind) {
    case UnaryKind::sigmoid: return sigmoid(x);
    case UnaryKind::tanh: return std::tanh(x);
    case UnaryKind::hard_sigmoid: return hard_sigmoid(fn, x);
    case UnaryKind::relu: return at_least(x, 0.0f);
    case UnaryKind::softsign: return x / (1 + std::fabs(x));
    default: return x;
  }
}

struct alignas(16) Float4 {
  float at[4];
};

/// Where a thread stands. The host's and the device's differ in how they come to it.
struct TeamSeat {
  int team, rank, thread;
  float* shared;  // of the block, shared_floats()
};

template <TeamCell kCell, int kPerLane, int kAtOnce>
struct RnnTeam {
  static constexpr int kGates = gates_of(kCell), kPhases = phases_of(kCell);
  static constexpr int kSums = kGates * kAtOnce;

  /// A thread's own registers: every index into them is known to the compiler.
  struct Thread {
    float weights[kGates][kPerLane];
    float input_bias[kGates], recurrent_bias;  // the latter of a gru's candidate
    float projected[kSums], sums[kSums];
    std::uint32_t taken[kAtOnce];  // zero: masked
    float h[kAtOnce], c[kAtOnce];  // what commit() writes
  };

  RnnLayer layer;

  THAW_HOST_DEVICE int lane_of(const TeamSeat& seat) const {
    return seat.thread & (layer.team.lanes - 1);
  }
  THAW_HOST_DEVICE int own_unit(const TeamSeat& seat) const {
    return seat.thread / layer.team.lanes;
  }
  /// May lie behind the last unit.
  THAW_HOST_DEVICE int unit_of(const TeamSeat& seat) const {
    return seat.rank * layer.team.own + own_unit(seat);
  }
  THAW_HOST_DEVICE const RnnDirection& direction_of(const TeamSeat& seat) const {
    return layer.direction[seat.team / layer.team.teams];
  }
  THAW_HOST_DEVICE std::int64_t first_row(const TeamSeat& seat) const {
    return static_cast<std::int64_t>(seat.team % layer.team.teams) * layer.team.rows;
  }
  /// Sequence `row` of the team is one of the batch.
  THAW_HOST_DEVICE bool exists(const TeamSeat& seat, int row) const {
    return row < layer.team.rows && first_row(seat) + row < layer.batch;
  }
  THAW_HOST_DEVICE std::int64_t time(const RnnDirection& d, std::int64_t step) const {
    return d.go_backwards ? layer.steps - 1 - step : step;
  }
  THAW_HOST_DEVICE int chunks() const { return (layer.team.rows + kAtOnce - 1) / kAtOnce; }

  /// The thread's weights, and the states before the first step.
  THAW_HOST_DEVICE void load(const TeamSeat& seat, Thread& thread) const {
    const RnnDirection& d = direction_of(seat);
    const int unit = unit_of(seat), units = layer.units;
    const std::int64_t columns = std::int64_t{kGates} * units;
    const bool own = unit < units;
    switch (layer.weights) {
      case DType::float16: load_weights<float16>(seat, thread); break;
      case DType::bfloat16: load_weights<bfloat16>(seat, thread); break;
      default: load_weights<float>(seat, thread); break;
    }
    THAW_UNROLL
    for (int g = 0; g < kGates; ++g) {
      thread.input_bias[g] =
          own && d.bias != nullptr ? load_float(d.bias, layer.dtype, g * units + unit) : 0.0f;
    }
    thread.recurrent_bias = 0;
    if constexpr (kCell == TeamCell::gru) {
      // The second row: added to the first but for the candidate, where the reset gate comes
      // between.
      if (own && d.bias != nullptr) {
        thread.input_bias[0] += load_float(d.bias, layer.dtype, columns + unit);
        thread.input_bias[1] += load_float(d.bias, layer.dtype, columns + units + unit);
        thread.recurrent_bias = load_float(d.bias, layer.dtype, columns + 2 * units + unit);
      }
    }
    THAW_UNROLL
    for (int r = 0; r < kAtOnce; ++r) thread.taken[r] = 1;
    load_states(seat);
    if (chunks() == 1) load_inputs(seat, thread, 0, 0);
  }

  /// What is behind the last unit or row is not read.
  template <class T>
  THAW_HOST_DEVICE void load_weights(const TeamSeat& seat, Thread& thread) const {
    using Piece = WeightPiece<T>;
    const WeightOrder order{kGates, layer.units, kPerLane, layer.team.lanes};
    const auto* pieces = static_cast<const Piece*>(direction_of(seat).recurrent);
    const bool own = unit_of(seat) < layer.units;
    THAW_UNROLL
    for (int g = 0; g < kGates; ++g) {
      THAW_UNROLL
      for (int j = 0; j < kPerLane; j += Piece::kElements) {
        Piece piece{};
        if (own && order.row(j, lane_of(seat)) < layer.units) {
          piece = pieces[order.place(seat.rank, seat.thread, g, j, Piece::kElements)];
        }
        THAW_UNROLL
        for (int e = 0; e < Piece::kElements; ++e) thread.weights[g][j + e] = piece.element(e);
      }
    }
  }

  THAW_HOST_DEVICE void load_states(const TeamSeat& seat) const {
    const TeamShape& team = layer.team;
    const RnnDirection& d = direction_of(seat);
    const int padded = team.padded(), units = layer.units;
    for (int i = seat.thread; i < team.vector_floats(); i += kTeamThreads) {
      const int row = i / padded, k = i % padded;
      const bool given = d.h0 != nullptr && k < units && exists(seat, row);
      const std::int64_t at = (first_row(seat) + row) * units + k;
      // Both buffers: what pads them stays zero.
      if (team.kind != TeamKind::grid) seat.shared[team.vector(1) + i] = 0;
      seat.shared[team.vector(2) + i] = 0;
      seat.shared[team.vector(0) + i] = given ? load_float(d.h0, layer.dtype, at) : 0.0f;
    }
    for (int i = seat.thread; i < team.rows * team.own; i += kTeamThreads) {
      const int row = i / team.own, unit = seat.rank * team.own + i % team.own;
      const bool given = d.c0 != nullptr && unit < units && exists(seat, row);
      const std::int64_t at = (first_row(seat) + row) * units + unit;
      seat.shared[team.cell_states() + i] = given ? load_float(d.c0, layer.dtype, at) : 0.0f;
      seat.shared[team.outputs() + i] = 0;
      // Those of sequences that do not exist are read with the others.
      if (kCell == TeamCell::gru_reset_before) seat.shared[team.update_gates() + i] = 0;
    }
  }

  /// x W of the unit and the mask, for the sequences of a chunk: asked for long before they are
  /// used.
  THAW_HOST_DEVICE void load_inputs(const TeamSeat& seat, Thread& thread, std::int64_t step,
                                    int chunk) const {
    const RnnDirection& d = direction_of(seat);
    const int unit = unit_of(seat);
    THAW_UNROLL
    for (int r = 0; r < kAtOnce; ++r) {
      const int row = chunk * kAtOnce + r;
      const bool there = step < layer.steps && unit < layer.units && exists(seat, row);
      const std::int64_t sequence = first_row(seat) + row, now = time(d, step);
      const std::int64_t at = sequence * layer.projected_batch + now * layer.projected_step + unit;
      // Only written where there is a mask: nothing then waits for the byte before it is used.
      if (there && d.mask != nullptr) thread.taken[r] = d.mask[sequence * layer.steps + now];
      THAW_UNROLL
      for (int g = 0; g < kGates; ++g) {
        thread.projected[g * kAtOnce + r] =
            there ? d.projected[at + static_cast<std::int64_t>(g) * layer.units] : 0.0f;
      }
    }
  }

  /// The lane's part of the products of the unit's columns with the states.
  template <int kPhase>
  THAW_HOST_DEVICE void multiply(const TeamSeat& seat, Thread& thread, std::int64_t step,
                                 int chunk) const {
    constexpr int kFirst = kCell == TeamCell::gru_reset_before && kPhase == 1 ? 2 : 0;
    constexpr int kEnd = kCell == TeamCell::gru_reset_before && kPhase == 0 ? 2 : kGates;
    const TeamShape& team = layer.team;
    if (chunks() > 1) load_inputs(seat, thread, step, chunk);
    const int which = kPhase == 1 ? 2 : static_cast<int>(step & 1);
    const int lane = lane_of(seat), padded = team.padded();
    const float* vectors = seat.shared + team.vector(which) + chunk * kAtOnce * padded;
    THAW_UNROLL
    for (int i = 0; i < kSums; ++i) thread.sums[i] = 0;
    THAW_UNROLL
    for (int j = 0; j < kPerLane / 4; ++j) {
      THAW_UNROLL
      for (int r = 0; r < kAtOnce; ++r) {
        if (chunk * kAtOnce + r >= team.rows) continue;
        const Float4 x =
            *reinterpret_cast<const Float4*>(vectors + r * padded + (j * team.lanes + lane) * 4);
        THAW_UNROLL
        for (int e = 0; e < 4; ++e) {
          THAW_UNROLL
          for (int g = kFirst; g < kEnd; ++g) {
            thread.sums[g * kAtOnce + r] += thread.weights[g][4 * j + e] * x.at[e];
          }
        }
      }
    }
  }

  /// The lanes' sums being the whole products: the unit's next state, alike in all its lanes.
  template <int kPhase>
  THAW_HOST_DEVICE void compute(const TeamSeat& seat, Thread& thread, std::int64_t step,
                                int chunk) const {
    const TeamShape& team = layer.team;
    if (unit_of(seat) >= layer.units) return;
    THAW_UNROLL
    for (int r = 0; r < kAtOnce; ++r) {
      const int row = chunk * kAtOnce + r;
      if (row >= team.rows) continue;
      const int which = static_cast<int>(step & 1);
      const float h = seat.shared[team.vector(which) + row * team.padded() + unit_of(seat)];
      const int at = row * team.own + own_unit(seat);
      float z[kGates];
      THAW_UNROLL
      for (int g = 0; g < kGates; ++g) {
        z[g] = thread.projected[g * kAtOnce + r] + thread.input_bias[g];
      }
      const auto sum = [&](int g) { return thread.sums[g * kAtOnce + r]; };
      if constexpr (kCell == TeamCell::lstm) {
        const float i = gate(layer.recurrent_activation, z[0] + sum(0));
        const float f = gate(layer.recurrent_activation, z[1] + sum(1));
        const float candidate = gate(layer.activation, z[2] + sum(2));
        const float o = gate(layer.recurrent_activation, z[3] + sum(3));
        thread.c[r] = f * seat.shared[team.cell_states() + at] + i * candidate;
        thread.h[r] = o * gate(layer.activation, thread.c[r]);
      } else if constexpr (kCell == TeamCell::gru) {
        const float update = gate(layer.recurrent_activation, z[0] + sum(0));
        const float reset = gate(layer.recurrent_activation, z[1] + sum(1));
        const float candidate =
            gate(layer.activation, z[2] + reset * (sum(2) + thread.recurrent_bias));
        thread.h[r] = update * h + (1 - update) * candidate;
      } else if constexpr (kCell == TeamCell::gru_reset_before && kPhase == 0) {
        thread.c[r] = gate(layer.recurrent_activation, z[0] + sum(0));
        thread.h[r] = gate(layer.recurrent_activation, z[1] + sum(1)) * h;
      } else if constexpr (kCell == TeamCell::gru_reset_before) {
        const float update = seat.shared[team.update_gates() + at];
        thread.h[r] = update * h + (1 - update) * gate(layer.activation, z[2] + sum(2));
      } else {
        thread.h[r] = gate(layer.activation, z[0] + sum(0));
      }
    }
  }

  /// Writes what compute() made: nobody in the block reads the old states any more. `publish(which,
  /// at, value)` brings an element of a vector to the whole team.
  template <int kPhase, class Publish>
  THAW_HOST_DEVICE void commit(const TeamSeat& seat, Thread& thread, std::int64_t step, int chunk,
                               const Publish& publish) const {
    const TeamShape& team = layer.team;
    const int unit = unit_of(seat);
    const bool first_lane = lane_of(seat) == 0;
    THAW_UNROLL
    for (int r = 0; r < kAtOnce; ++r) {
      const int row = chunk * kAtOnce + r;
      if (unit >= layer.units || !exists(seat, row)) continue;
      const int at = row * team.own + own_unit(seat), in_vector = row * team.padded() + unit;
      if constexpr (kCell == TeamCell::gru_reset_before && kPhase == 0) {
        if (first_lane) seat.shared[team.update_gates() + at] = thread.c[r];
        publish(2, in_vector, thread.h[r]);
      } else {
        const int now = static_cast<int>(step & 1);
        const bool taken = thread.taken[r] != 0;
        const float next = taken ? thread.h[r] : seat.shared[team.vector(now) + in_vector];
        publish(1 - now, in_vector, next);
        if (first_lane) finish_step(seat, thread.c[r], row, step, taken, next);
      }
    }
    if (kPhase == kPhases - 1 && chunks() == 1) load_inputs(seat, thread, step + 1, 0);
  }

  /// The cell state and the output of a unit, by its first lane.
  THAW_HOST_DEVICE void finish_step(const TeamSeat& seat, float c, int row, std::int64_t step,
                                    bool taken, float next) const {
    const TeamShape& team = layer.team;
    const RnnDirection& d = direction_of(seat);
    const int at = row * team.own + own_unit(seat);
    float output = next;
    if (taken) {
      if (kCell == TeamCell::lstm) seat.shared[team.cell_states() + at] = c;
    } else {
      output = d.zero_output_for_mask ? 0.0f : seat.shared[team.outputs() + at];
    }
    if (d.mask != nullptr) seat.shared[team.outputs() + at] = output;
    const std::int64_t sequence = first_row(seat) + row;
    const bool last = step + 1 == layer.steps;
    if (!d.return_sequences && !last) return;
    const std::int64_t step_at = d.return_sequences ? step * d.y_step : 0;
    store_float(d.y, layer.dtype, sequence * d.y_batch + step_at + unit_of(seat), output);
  }

  /// The states behind the last step.
  THAW_HOST_DEVICE void finish(const TeamSeat& seat) const {
    const TeamShape& team = layer.team;
    const RnnDirection& d = direction_of(seat);
    const int unit = unit_of(seat), now = static_cast<int>(layer.steps & 1);
    if (unit >= layer.units || lane_of(seat) != 0) return;
    for (int row = 0; exists(seat, row); ++row) {
      const std::int64_t at = (first_row(seat) + row) * layer.units + unit;
      store_float(d.h, layer.dtype, at, seat.shared[team.vector(now) + row * team.padded() + unit]);
      if (kCell == TeamCell::lstm) {
        store_float(d.c, layer.dtype, at,
                    seat.shared[team.cell_states() + row * team.own + own_unit(seat)]);
      }
      if (layer.steps == 0 && !d.return_sequences) {
        store_float(d.y, layer.dtype, (first_row(seat) + row) * d.y_batch + unit, 0.0f);
      }
    }
  }
};

}  // namespace thaw::cuda
