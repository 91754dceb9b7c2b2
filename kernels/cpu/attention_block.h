// The parts of attention on one block of query rows. The scores lie transposed, [steps][rows]: a
// lane is a row, so that masks, maxima and sums need nothing across lanes.
#pragma once

#include <cstdint>

#include "kernels/cpu/common.h"

namespace thaw::cpu {

/// rows x columns at `from` -> columns x `to_step`, times scale, zeros behind the rows.
struct TransposedRows {
  const float* from = nullptr;
  std::int64_t from_step = 0, rows = 0, columns = 0;
  float* to = nullptr;
  std::int64_t to_step = 0;
  float scale = 1;
};

enum class MaskUse : std::uint8_t { none, added, replaced };

/// The scores of one block and what is made of them.
struct AttentionBlock {
  std::int64_t rows = 0, padded = 0, steps = 0;  // padded: a multiple of the lanes
  float* scores = nullptr;                       // [steps][padded]
  float* inverse = nullptr;                      // [padded]: one over the sums of the shares
  MaskUse use = MaskUse::none;
  const float* mask = nullptr;  // [steps][padded] or [steps]; where replaced: zero takes the place
  bool mask_per_row = false;
  float masked = 0;
  const float* v = nullptr;
  std::int64_t v_step = 0, value_width = 0;
  float* y = nullptr;
  std::int64_t y_step = 0;
};

/// Queries, or a mask, with a lane per row.
void transpose_rows(const TransposedRows& t);
/// Scores become shares that are still to be divided by their sum, whose inverse is kept.
void attention_shares(const AttentionBlock& block);
/// y = shares times v over their sums.
void attention_values(const AttentionBlock& block);

}  // namespace thaw::cpu
