// x[...] with integers, slices, None, "..." and tensors, as Python and TensorFlow read it.
#pragma once

#include <vector>

#include "loaders/keras/operations/op_call.h"

namespace thaw::keras {

/// `items`: what stands between the brackets, in either dialect of configurations. `layer` names
/// the place in messages.
Expr get_item(const Layer& layer, Expr x, const std::vector<Operand>& items);

}  // namespace thaw::keras
