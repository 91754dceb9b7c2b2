// Importers of ragged tensors in lists, and of features that are crossed.
#pragma once

#include "loaders/tf/ops/op_context.h"

namespace thaw::tf::importers {

/// Operand 0 as the string that a ragged or sparse tensor is packed into. An item of a list of
/// variants is a list for all that its type tells; here it is read as what it is.
ValueId packed_item(OpContext& c);

Results ragged_to_variant(OpContext& c);
Results ragged_from_variant(OpContext& c);
Results ragged_fill_empty_rows(OpContext& c);
Results ragged_cross(OpContext& c);

}  // namespace thaw::tf::importers
