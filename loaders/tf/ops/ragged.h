// Importers of ragged tensors in lists, and of features that are crossed.
#pragma once

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf::importers {

Results ragged_to_variant(OpContext& c);
Results ragged_from_variant(OpContext& c);
Results ragged_fill_empty_rows(OpContext& c);
Results ragged_cross(OpContext& c);

}  // namespace thaw::tf::importers
