// Users' ops: what they see of a node.
#pragma once

#include "loaders/tf/ops/op_context.h"
#include "thaw/custom.h"

namespace thaw::tf {

/// Runs the user's function for the node. Throws what it throws.
Results import_custom(const CustomOp& op, OpContext& context);

}  // namespace thaw::tf
