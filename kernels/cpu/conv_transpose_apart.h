// ConvTranspose whose windows do not overlap.
#pragma once

#include <memory>

#include "kernels/kernel.h"

namespace thaw::cpu {

/// A kernel where the strides are the window's size, so that every result pixel has one tap: the
/// products are written where they belong. Null for others.
std::unique_ptr<Kernel> prepare_conv_transpose_apart(const Site& site);

}  // namespace thaw::cpu
