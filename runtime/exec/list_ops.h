// Tensor lists. Updates give a new list; a list that nobody else holds is changed where it is, so
// that a loop of T steps over a list of T items costs T.
#pragma once

#include <vector>

#include "runtime/exec/datum.h"
#include "runtime/ir/ops.h"

namespace thaw {

bool is_list_op(const Op& op);

/// Runs a list op and returns its results. `operands` are consumed: a list that only they hold is
/// reused. Throws Error(invalid_argument) for an index outside the list, items that do not fit its
/// type, reading an unset item whose shape is not known.
std::vector<Datum> run_list_op(const Op& op, std::vector<Datum>&& operands);

}  // namespace thaw
