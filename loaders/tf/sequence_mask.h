// Sequences of several lengths in one batch, as masks of ops::Rnn.
#pragma once

#include "runtime/ir/builder.h"

namespace thaw::tf {

/// Step t of row b is below lengths[b]: [B, T] bool, for as many steps as axis `time_axis` of `x`.
ValueId mask_of_lengths(GraphBuilder& g, ValueId lengths, ValueId x, int time_axis);
/// Step t is below the scalar `length`, for every row of `x` [T, B, ...]: [B, T] bool.
ValueId mask_of_length(GraphBuilder& g, ValueId length, ValueId x);

}  // namespace thaw::tf
