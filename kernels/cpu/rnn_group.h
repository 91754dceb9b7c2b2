// The steps of a recurrent layer on a group of batch rows.
#pragma once

#include <cstdint>

#include "kernels/cpu/rnn.h"
#include "kernels/cpu/rnn_mask.h"
#include "kernels/cpu/rnn_weights.h"
#include "kernels/cpu/team.h"

namespace thaw::cpu {

/// Where a run's operands and results are.
struct RnnOperands {
  const float* x;
  RnnMask mask;
  const float *h0, *c0;
  float *y, *h, *c;
  std::int64_t y_row, h_row, c_row;  // floats from one row of units to the next
};

/// Rows that go through the steps together, and their memory.
struct RnnGroup {
  std::int64_t row = 0, rows = 0;
  float *z = nullptr, *z_ahead = nullptr;  // x W of a chunk and, if it is computed ahead, the next
  std::int64_t* x_rows = nullptr;          // where the steps multiply x: RnnStep::x_rows
  float* scratch = nullptr;                // scratch: [2][rows][state]
  // [rows][state]. Of a row that the last step did not compute, both states are the same.
  float *h = nullptr, *h_next = nullptr, *c = nullptr, *c_next = nullptr;
  std::int64_t computed = 0;  // rows of the last step that was computed
  // With a mask only.
  const RnnPlace* places = nullptr;  // of its rows, place_stride apart
  std::int64_t place_stride = 1;
  std::int64_t* counts = nullptr;  // [steps]: of rows, up to the last valid one
  float* x = nullptr;              // [pairs][inputs]: the rows of x that a chunk multiplies
  // Where x W is computed ahead: rows of x, [inputs][RnnAhead::rows] of the steps that follow those
  // which z is for, then of the next ones; and how many there are.
  float* panel = nullptr;
  std::int64_t rows_ahead = 0;
};

/// The place of the group's row i, with a mask.
inline const RnnPlace& place_of(const RnnGroup& group, std::int64_t i) {
  return group.places[i * group.place_stride];
}

/// Consecutive steps of a group; x W has `pairs` rows, one for each row to compute in each step.
struct RnnChunk {
  std::int64_t first = 0, count = 0, pairs = 0;
  bool started = false;  // where x W is computed ahead, before the first step too
};

/// One layer's steps. What several members of a team call with one group, they do together, each
/// for its share of the units; `begin`, `next_chunk` and `finish` are the leader's.
class RnnSteps {
 public:
  RnnSteps(const ops::Rnn& op, const RnnShape& shape, RnnWeights weights);

  /// Rows of x W that as many steps compute ahead; chunks are multiples of it. 0: none.
  std::int64_t ahead_rows() const { return ahead_.rows; }
  /// The steps multiply x themselves: no chunk needs memory for x W, or for x.
  bool multiply_input() const { return step_.input != nullptr; }
  /// Loads the initial states, reads the mask.
  void begin(const RnnOperands& o, RnnGroup& group) const;
  /// The chunk behind `chunk`, at most `pairs` rows of x W; false behind the last.
  bool next_chunk(const RnnOperands& o, RnnGroup& group, std::int64_t pairs, RnnChunk& chunk) const;
  /// Runs the chunk's steps. `shared`: the pool helps with x W; null: it does not.
  void run_chunk(const RnnOperands& o, RnnGroup& group, const RnnChunk& chunk, Team& team,
                 Team::Member& member, const Args* shared) const;
  /// Stores the final states, and y if it is one step.
  void finish(const RnnOperands& o, const RnnGroup& group) const;

 private:
  std::int64_t source_step(std::int64_t t) const;
  std::int64_t rows_at(const RnnGroup& group, std::int64_t t) const {
    return group.counts == nullptr ? group.rows : group.counts[t];
  }
  void project(const RnnOperands& o, const RnnGroup& group, const RnnChunk& chunk,
               const Team::Member& member, const Args* shared) const;
  RnnChunk chunk_from(const RnnGroup& group, std::int64_t first, std::int64_t pairs) const;
  void look_ahead(const RnnOperands& o, RnnGroup& group, std::int64_t first, std::int64_t skip,
                  std::int64_t rows) const;
  void point_ahead(const RnnGroup& group, std::int64_t row, RnnAhead& ahead) const;
  void run_cell(const RnnStep& step, Team& team, Team::Member& member) const;
  void keep_masked(const RnnOperands& o, RnnGroup& group, const RnnStep& step,
                   std::int64_t t) const;
  void write_step(const RnnOperands& o, const RnnGroup& group, const RnnStep& step,
                  std::int64_t t) const;
  void load_state(const float* from, const RnnGroup& group, float* to, float* next) const;
  void store_state(const float* from, const RnnGroup& group, float* to, std::int64_t stride) const;

  ops::Rnn op_;
  RnnShape s_;
  RnnWeights weights_;
  RnnStep step_;
  RnnAhead ahead_;
};

}  // namespace thaw::cpu
