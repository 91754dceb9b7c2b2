// Folding with the reference kernels.
#pragma once

#include "runtime/ir/builder.h"

namespace thaw {

/// Evaluates ops on constants with the reference backend; says no to what it has no kernel for.
Evaluator reference_evaluator();

}  // namespace thaw
