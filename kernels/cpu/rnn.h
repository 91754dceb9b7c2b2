// One step of a recurrent cell on a group of batch rows, for a range of its units; rnn.cc drives
// the steps.
#pragma once

#include <cstdint>

#include "kernels/cpu/functions.h"
#include "kernels/cpu/team.h"
#include "thaw/options.h"

namespace thaw::cpu {

/// Rows of x W that the steps of a single row compute ahead: each step streams its recurrent
/// weights from the L2 cache, which leaves the multipliers idle half of the time. Every `rows`
/// steps together compute as many rows, each step those sums of its units that its slot says.
struct RnnAhead {
  WeightStorage storage = WeightStorage::f32;
  const void* weights = nullptr;  // for gemm(): [inputs, columns]
  const float *scales = nullptr, *bias = nullptr;
  std::int64_t inputs = 0, columns = 0, rows = 0;
  const float* x = nullptr;  // [inputs][rows]; null: nothing to compute
  float* z = nullptr;        // [rows][columns]
  std::int64_t slot = 0;
};

/// Units are padded to whole vectors and grouped into blocks of one vector. Per row:
/// z [block][gate][lane] holds x_t W + bias, states are [block][lane].
struct RnnStep {
  // weights
  WeightStorage storage = WeightStorage::f32;
  bool paired = false;  // `recurrent` and `candidate` as in rnn_pairs.h: of single rows only, and
                        // there bf16 always
  const void* recurrent = nullptr;  // [block][unit k][gate][lane], the gates of this cell
  const void* candidate = nullptr;  // [block][unit k][lane]: the h gate of a reset-before gru
  const float* recurrent_scales = nullptr;  // int8: [block][gate][lane]
  const float* candidate_scales = nullptr;  // int8: [block][lane]
  const float* candidate_bias =
      nullptr;  // [block][lane]: the recurrent h bias of a reset-after gru
  VectorFn activation, recurrent_activation;
  std::int64_t units = 0;
  std::int64_t block_begin = 0, block_end = 0;  // whose part of h_next and c_next is computed
  // rows
  std::int64_t rows = 0;
  bool single = false;  // of a batch of one row; the sums of all others do not depend on the tile
  const float* z = nullptr;
  std::int64_t z_stride = 0, state_stride = 0;
  // x of a step that multiplies it itself, in the same sums; null: z has it. z is then the bias of
  // all rows, z_stride 0. No reset-before gru or simple cell, no int8.
  const float* x = nullptr;
  const std::int64_t* x_rows = nullptr;  // where each row starts
  const void* input = nullptr;           // for gemm(): [inputs, z_columns], stored as `recurrent`
  std::int64_t inputs = 0, z_columns = 0;
  const float *h = nullptr, *c = nullptr;
  float *h_next = nullptr, *c_next = nullptr;
  float* scratch = nullptr;         // rows * 2 states: reset-before gru
  const RnnAhead* ahead = nullptr;  // of a single row; null: never
  // Whose others may still be in the step before: h is read, and the next states are written,
  // behind wait_for_all(). Null: nobody is.
  Team* team = nullptr;
  const Team::Member* member = nullptr;
  /// Walk the blocks from the last to the first: steps that alternate find the weights they used
  /// last still in the cache. Does not change the result.
  bool reverse = false;
  /// The same within each block. Changes the rounding of the sums.
  bool backwards = false;
};

/// Rows of a register tile at most.
std::int64_t rnn_tile_rows();

/// RnnAhead::rows of a cell with so many gates.
std::int64_t rnn_ahead_rows(std::int64_t gates);
/// All rows of the vectors [begin, end) of x W, without a step.
void rnn_ahead(const RnnAhead& ahead, std::int64_t begin, std::int64_t end);

void lstm_step(const RnnStep& step);
void gru_step(const RnnStep& step);
/// Reset before: z and r * h into scratch, then from r * h of all units the new state.
void gru_gates_step(const RnnStep& step);
void gru_candidate_step(const RnnStep& step);
void simple_step(const RnnStep& step);

}  // namespace thaw::cpu
