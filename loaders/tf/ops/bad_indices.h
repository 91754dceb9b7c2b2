// Indices outside of a tensor where they are no error.
#pragma once

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf {

/// The attribute bad_indices_policy; refuses what is none.
bool ignores_bad_indices(OpContext& c);
/// GatherNd that has zeros (empty strings) where an index is outside of x.
ValueId gather_good_indices(GraphBuilder& g, ValueId x, ValueId indices);
/// Leaves out the updates whose index is outside of a tensor of these sizes (an integer vector).
void keep_good_updates(GraphBuilder& g, ValueId dims, ValueId& indices, ValueId& updates);

}  // namespace thaw::tf
