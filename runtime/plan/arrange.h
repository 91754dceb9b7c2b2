// Where everything that a plan computes lies.
#pragma once

#include <vector>

#include "runtime/plan/lifetimes.h"
#include "runtime/plan/plan.h"

namespace thaw {

/// Places what has no home yet in the arenas, leaves out the steps whose work is done by writing or
/// reading parts in place, and connects the others' slots. `launches`: parallel to the plan's
/// steps, whose slots are empty but for what is no value. `on_device`: per value, or empty.
void arrange(Plan& plan, const std::vector<ValueId>& roots, std::vector<Launch> launches,
             const std::vector<bool>& on_device);

}  // namespace thaw
