// Which rows of a masked batch have something to compute at which step.
#pragma once

#include <cstdint>

namespace thaw::cpu {

/// A mask [batch, steps], seen in the order in which steps are processed.
struct RnnMask {
  const bool* valid = nullptr;  // null: no mask
  std::int64_t batch = 0, steps = 0;
  bool backwards = false;

  bool at(std::int64_t row, std::int64_t t) const {
    return valid[row * steps + (backwards ? steps - 1 - t : t)];
  }
};

/// The place of a row in the order of the computation.
struct RnnPlace {
  std::int64_t row, first, last;  // the first and the last valid step; none: steps, -1
};

/// Orders the rows by where their padding ends or, if there is more of it behind, begins: the rows
/// that are valid at a step then stand in front of those that are not (all of them, if the mask has
/// no holes and pads on one side). The order depends on the mask alone.
void order_rows(const RnnMask& mask, RnnPlace* places);

/// counts[t]: rows up to the last of `places`, `stride` apart, that is valid at step t.
void count_rows(const RnnMask& mask, const RnnPlace* places, std::int64_t rows, std::int64_t stride,
                std::int64_t* counts);

}  // namespace thaw::cpu
