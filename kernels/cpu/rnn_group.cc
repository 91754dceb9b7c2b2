// x_t W + bias for a chunk of steps by GEMM, then the chunk's steps one after another on the
// group's states; or, for a single row, x W of later steps by the steps themselves (RnnAhead): z
// and z_ahead change places after every RnnAhead::rows steps. Steps of many rows multiply x in the
// same sums as h and need no z.
#include "kernels/cpu/rnn_group.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/rnn_pairs.h"

namespace thaw::cpu {
namespace {

constexpr std::int64_t kReverseBytes = 1 << 19;  // recurrent weights beyond this leave the L2 cache
// So few rows take the weights' time, not the arithmetic's: every other step walks them backwards
// and finds its first in the L1 cache. Of the whole batch, so that no split changes a sum.
constexpr std::int64_t kZigzagRows = 2;
// Recurrent weights beyond this do not stay in the L1 cache from step to step.
constexpr std::int64_t kAheadBytes = 1 << 15;
// x W of so many times as many inputs as units has too little to hide behind. More than
// kAheadFewInputs times as many are worth it while the recurrent weights fill much of the L2 cache,
// and the input's stay near.
constexpr std::int64_t kAheadInputs = 3, kAheadFewInputs = 2;
constexpr std::int64_t kAheadInputBytes = 1 << 21, kAheadManyBytes = 1 << 17;
// Batches of so many rows hide the loads of the input's weights, which every step reads again.
constexpr std::int64_t kInputRows = 6;
// Longer sums are added in runs, by gemm(), for their accuracy.
constexpr std::int64_t kInputDepth = 384;

void copy(const float* from, std::int64_t count, float* to) {
  if (count > 0) std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
}
void clear(float* p, std::int64_t count) {
  if (count > 0) std::memset(p, 0, static_cast<std::size_t>(count) * sizeof(float));
}

/// Begin of part `index` of `parts` of `count` things.
std::int64_t part(std::int64_t count, int index, int parts) { return count * index / parts; }

constexpr std::int64_t kMostAhead = 8;  // RnnAhead::rows

/// to[k][row] = rows[row][k]
template <int Rows>
void interleave_rows(const float* const* rows, std::int64_t count, float* to) {
  for (std::int64_t k = 0; k < count; ++k, to += Rows) {
    for (int row = 0; row < Rows; ++row) to[row] = rows[row][k];
  }
}

void interleave(const float* const* rows, std::int64_t n, std::int64_t count, float* to) {
  switch (n) {
    case 3: return interleave_rows<3>(rows, count, to);
    case 4: return interleave_rows<4>(rows, count, to);
    case 6: return interleave_rows<6>(rows, count, to);
    default: return interleave_rows<8>(rows, count, to);
  }
}

std::int64_t row_of(const RnnGroup& group, std::int64_t i) {
  return group.places == nullptr ? group.row + i : place_of(group, i).row;
}

}  // namespace

RnnSteps::RnnSteps(const ops::Rnn& op, const RnnShape& shape, RnnWeights weights)
    : op_(op), s_(shape), weights_(std::move(weights)) {
  const PackedWeights& recurrent = *weights_.recurrent;
  step_.storage = recurrent.storage;
  step_.paired = weights_.paired;
  step_.recurrent = recurrent.data();
  step_.recurrent_scales = recurrent.scales();
  if (op_.cell == CellKind::gru && !op_.reset_after) {
    const std::int64_t columns = s_.blocks * 2 * s_.lanes;  // of z and r, which come first
    const std::int64_t rows = weights_.paired ? paired_rows(s_.units) : s_.units;
    step_.candidate = element_at(recurrent.data(), recurrent.storage, columns * rows);
    if (recurrent.scales() != nullptr) step_.candidate_scales = recurrent.scales() + columns;
  }
  if (op_.has_bias && op_.cell == CellKind::gru && op_.reset_after) {
    step_.candidate_bias = weights_.bias.get() + s_.columns;
  }
  step_.activation = VectorFn(op_.activation);
  step_.recurrent_activation = VectorFn(op_.recurrent_activation);
  step_.units = s_.units;
  step_.single = s_.batch == 1;
  step_.z_stride = s_.columns;
  step_.state_stride = s_.state;
  const PackedWeights& input = *weights_.input;
  if ((op_.cell == CellKind::lstm || (op_.cell == CellKind::gru && op_.reset_after)) &&
      s_.batch >= kInputRows && s_.inputs <= kInputDepth && input.storage == recurrent.storage &&
      input.storage != WeightStorage::int8) {
    step_.input = input.data();
    step_.inputs = s_.inputs;
    step_.z_columns = s_.columns;
    step_.z_stride = 0;
  }
  const std::int64_t row_bytes = s_.columns * element_bytes(recurrent.storage);
  const std::int64_t bytes = s_.units * row_bytes;
  const bool many = bytes > kAheadManyBytes && s_.inputs * row_bytes <= kAheadInputBytes;
  if (s_.batch == 1 && bytes > kAheadBytes &&
      s_.inputs < (many ? kAheadInputs : kAheadFewInputs) * s_.units &&
      input.storage == recurrent.storage) {
    ahead_.storage = input.storage;
    ahead_.weights = input.data();
    ahead_.scales = input.scales();
    ahead_.bias = weights_.bias.get();
    ahead_.inputs = s_.inputs;
    ahead_.columns = s_.columns;
    ahead_.rows = rnn_ahead_rows(s_.gates);
  }
}

std::int64_t RnnSteps::source_step(std::int64_t t) const {
  return op_.go_backwards ? s_.steps - 1 - t : t;
}

void RnnSteps::begin(const RnnOperands& o, RnnGroup& group) const {
  group.computed = 0;
  if (multiply_input()) {
    const std::int64_t row_stride = op_.time_major ? s_.inputs : s_.steps * s_.inputs;
    for (std::int64_t i = 0; i < group.rows; ++i) {
      group.x_rows[i] = row_of(group, i) * row_stride;
    }
    if (weights_.bias == nullptr) clear(group.z, s_.columns);
  }
  load_state(o.h0, group, group.h, group.h_next);
  if (op_.cell == CellKind::lstm) load_state(o.c0, group, group.c, group.c_next);
  if (o.mask.valid != nullptr) {
    count_rows(o.mask, group.places, group.rows, group.place_stride, group.counts);
  }
}

RnnChunk RnnSteps::chunk_from(const RnnGroup& group, std::int64_t first, std::int64_t pairs) const {
  RnnChunk chunk{first, 0, 0, true};
  for (; first + chunk.count < s_.steps; ++chunk.count) {
    const std::int64_t rows = rows_at(group, first + chunk.count);
    if (chunk.pairs + rows > pairs) break;
    chunk.pairs += rows;
  }
  return chunk;
}

bool RnnSteps::next_chunk(const RnnOperands& o, RnnGroup& group, std::int64_t pairs,
                          RnnChunk& chunk) const {
  if (ahead_.rows > 0 && !chunk.started) {
    chunk.started = true;
    look_ahead(o, group, 0, 0, ahead_.rows);
    return s_.steps > 0;
  }
  chunk = chunk_from(group, chunk.first + chunk.count, pairs);
  if (ahead_.rows > 0) {
    look_ahead(o, group, chunk.first, ahead_.rows, pairs);
    return chunk.count > 0;
  }
  if (multiply_input()) return chunk.count > 0;
  const std::int64_t row_stride = op_.time_major ? s_.inputs : s_.steps * s_.inputs;
  const std::int64_t step_stride = op_.time_major ? s_.batch * s_.inputs : s_.inputs;
  float* to = group.x;
  for (std::int64_t t = chunk.first; to != nullptr && t < chunk.first + chunk.count; ++t) {
    for (std::int64_t i = 0; i < rows_at(group, t); ++i, to += s_.inputs) {
      copy(o.x + row_of(group, i) * row_stride + source_step(t) * step_stride, s_.inputs, to);
    }
  }
  return chunk.count > 0;
}

/// The rows of x of `rows` computed steps behind the first `skip` ones from step `first` on.
void RnnSteps::look_ahead(const RnnOperands& o, RnnGroup& group, std::int64_t first,
                          std::int64_t skip, std::int64_t rows) const {
  const float* x[kMostAhead];
  std::int64_t row = -skip;
  for (std::int64_t t = first; t < s_.steps && row < rows; ++t) {
    if (rows_at(group, t) == 0 || ++row <= 0) continue;
    x[(row - 1) % ahead_.rows] = o.x + source_step(t) * s_.inputs;
    if (row % ahead_.rows == 0) {
      interleave(x, ahead_.rows, s_.inputs, group.panel + (row - ahead_.rows) * s_.inputs);
    }
  }
  group.rows_ahead = std::max<std::int64_t>(row, 0);
  const std::int64_t rest = group.rows_ahead % ahead_.rows;
  float* const to = group.panel + (group.rows_ahead - rest) * s_.inputs;
  if (rest > 0) clear(to, s_.inputs * ahead_.rows);
  for (std::int64_t i = 0; i < rest; ++i) {
    for (std::int64_t k = 0; k < s_.inputs; ++k) to[k * ahead_.rows + i] = x[i][k];
  }
}

void RnnSteps::run_chunk(const RnnOperands& o, RnnGroup& group, const RnnChunk& chunk, Team& team,
                         Team::Member& member, const Args* shared) const {
  RnnStep step = step_;
  RnnAhead ahead = ahead_;
  if (ahead_.rows > 0) {
    step.ahead = &ahead;
    point_ahead(group, 0, ahead);
    if (chunk.count == 0) {
      const std::int64_t vectors = s_.columns / s_.lanes;
      if (ahead.x != nullptr) {
        rnn_ahead(ahead, part(vectors, member.index, member.count),
                  part(vectors, member.index + 1, member.count));
      }
      std::swap(group.z, group.z_ahead);
    }
  } else if (chunk.pairs > 0 && !multiply_input()) {
    project(o, group, chunk, member, shared);
    team.wait(member);
  }
  step.member = &member;
  step.block_begin = part(s_.blocks, member.index, member.count);
  step.block_end = part(s_.blocks, member.index + 1, member.count);
  step.scratch = group.scratch;
  step.z = multiply_input() && weights_.bias != nullptr ? weights_.bias.get() : group.z;
  step.x_rows = group.x_rows;
  const std::int64_t x_step = op_.time_major ? s_.batch * s_.inputs : s_.inputs;
  const std::int64_t share = (step.block_end - step.block_begin) * s_.gates * s_.lanes * s_.units;
  const bool alternate = share * element_bytes(step_.storage) > kReverseBytes;
  std::int64_t done = 0;  // steps of those that compute ahead
  for (std::int64_t t = chunk.first, end = t + chunk.count; t < end; ++t) {
    step.rows = rows_at(group, t);
    if (step.rows > 0) {
      step.h = group.h;
      step.c = group.c;
      step.h_next = group.h_next;
      step.c_next = group.c_next;
      if (multiply_input()) step.x = o.x + source_step(t) * x_step;
      step.backwards = s_.batch <= kZigzagRows && t % 2 != 0;
      step.reverse = step.backwards || (alternate && t % 2 != 0);
      run_cell(step, team, member);
      if (o.mask.valid != nullptr) keep_masked(o, group, step, t);
      if (t + 1 < end) team.arrive(member);
      step.team = member.count > 1 ? &team : nullptr;
      std::swap(group.h, group.h_next);
      std::swap(group.c, group.c_next);
      step.z += step.rows * step.z_stride;
      if (++ahead.slot == ahead_.rows) {
        std::swap(group.z, group.z_ahead);
        step.z = group.z;
        point_ahead(group, (done += ahead.slot), ahead);
      }
    }
    if (op_.return_sequences) write_step(o, group, step, t);
  }
  team.wait(member);
}

/// What the next steps compute ahead: the rows from `row` of the panel on.
void RnnSteps::point_ahead(const RnnGroup& group, std::int64_t row, RnnAhead& ahead) const {
  ahead.x = row < group.rows_ahead ? group.panel + row * s_.inputs : nullptr;
  ahead.z = group.z_ahead;
  ahead.slot = 0;
}

void RnnSteps::finish(const RnnOperands& o, const RnnGroup& group) const {
  store_state(group.h, group, o.h, o.h_row);
  if (op_.cell == CellKind::lstm) store_state(group.c, group, o.c, o.c_row);
  if (op_.return_sequences) return;
  for (std::int64_t i = 0; i < group.rows; ++i) {
    const std::int64_t row = row_of(group, i);
    bool zero = s_.steps == 0;
    if (group.places != nullptr) {
      const RnnPlace& place = place_of(group, i);
      zero = place.last < 0 || (op_.zero_output_for_mask && place.last + 1 < s_.steps);
    }
    if (zero) {
      clear(o.y + row * o.y_row, s_.units);
    } else {
      copy(group.h + i * s_.state, s_.units, o.y + row * o.y_row);
    }
  }
}

void RnnSteps::run_cell(const RnnStep& step, Team& team, Team::Member& member) const {
  switch (op_.cell) {
    case CellKind::lstm: return lstm_step(step);
    case CellKind::simple: return simple_step(step);
    case CellKind::gru: break;
  }
  if (op_.reset_after) return gru_step(step);
  gru_gates_step(step);
  team.wait(member);
  RnnStep candidate = step;
  candidate.team = nullptr;
  gru_candidate_step(candidate);
}

/// z[step][row] = x W + bias for the rows to compute.
void RnnSteps::project(const RnnOperands& o, const RnnGroup& group, const RnnChunk& chunk,
                       const Team::Member& member, const Args* shared) const {
  const std::int64_t row_stride = op_.time_major ? s_.inputs : s_.steps * s_.inputs;
  const std::int64_t step_stride = op_.time_major ? s_.batch * s_.inputs : s_.inputs;
  Gemm g;
  if (group.x != nullptr) {
    g.a = group.x;
    g.inner_rows = chunk.pairs;
    g.row_stride = s_.inputs;
  } else {
    g.a = o.x + group.row * row_stride + source_step(chunk.first) * step_stride;
    g.inner_rows = group.rows;
    g.row_stride = row_stride;
    g.outer_stride = op_.go_backwards ? -step_stride : step_stride;
  }
  g.segment_length = s_.inputs;
  g.packed = weights_.input->data();
  g.storage = weights_.input->storage;
  g.scales = weights_.input->scales();
  g.bias = weights_.bias.get();
  g.c = group.z;
  g.c_stride = s_.columns;
  g.m = chunk.pairs;
  g.n = s_.columns;
  const std::int64_t tasks = gemm_tasks(g.m, g.n);
  if (shared == nullptr) {
    gemm(g, part(tasks, member.index, member.count), part(tasks, member.index + 1, member.count));
    return;
  }
  parallel(*shared, tasks, gemm_cost(g.m, s_.inputs),
           [&](std::int64_t begin, std::int64_t end) { gemm(g, begin, end); });
}

/// Brings the member's units of masked rows into the next states: those that the step has computed
/// all the same, and those that it has left out for the first time.
void RnnSteps::keep_masked(const RnnOperands& o, RnnGroup& group, const RnnStep& step,
                           std::int64_t t) const {
  const std::int64_t first = step.block_begin * s_.lanes;
  const std::int64_t count = step.block_end * s_.lanes - first;
  for (std::int64_t i = 0; i < std::max(step.rows, group.computed); ++i) {
    if (i < step.rows && o.mask.at(place_of(group, i).row, t)) continue;
    const std::int64_t at = i * s_.state + first;
    copy(step.h + at, count, step.h_next + at);
    if (op_.cell == CellKind::lstm) copy(step.c + at, count, step.c_next + at);
  }
  group.computed = step.rows;
}

/// The member's units of y at step t: the state (group.h), or what Keras has for a masked step.
void RnnSteps::write_step(const RnnOperands& o, const RnnGroup& group, const RnnStep& step,
                          std::int64_t t) const {
  const std::int64_t first = step.block_begin * s_.lanes;
  const std::int64_t count = std::min(s_.units, step.block_end * s_.lanes) - first;
  const std::int64_t row_stride = op_.time_major ? o.y_row : s_.steps * o.y_row;
  const std::int64_t step_stride = op_.time_major ? s_.batch * o.y_row : o.y_row;
  for (std::int64_t i = 0; i < group.rows; ++i) {
    const std::int64_t row = row_of(group, i);
    float* y = o.y + row * row_stride + t * step_stride + first;
    if (group.places == nullptr || (i < step.rows && o.mask.at(row, t))) {
      copy(group.h + i * s_.state + first, count, y);
    } else if (op_.zero_output_for_mask || t == 0) {
      clear(y, count);
    } else {
      copy(y - step_stride, count, y);
    }
  }
}

void RnnSteps::load_state(const float* from, const RnnGroup& group, float* to, float* next) const {
  clear(to, group.rows * s_.state);
  for (std::int64_t i = 0; from != nullptr && i < group.rows; ++i) {
    copy(from + row_of(group, i) * s_.units, s_.units, to + i * s_.state);
  }
  copy(to, group.rows * s_.state, next);
}

void RnnSteps::store_state(const float* from, const RnnGroup& group, float* to,
                           std::int64_t stride) const {
  for (std::int64_t i = 0; i < group.rows; ++i) {
    copy(from + i * s_.state, s_.units, to + row_of(group, i) * stride);
  }
}

}  // namespace thaw::cpu
