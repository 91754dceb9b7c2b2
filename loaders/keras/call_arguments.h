// The arguments that a layer's call takes behind its first one.
#pragma once

#include "loaders/keras/layer.h"

namespace thaw::keras {

/// Gives positional arguments behind the first their names, for the classes that look at such
/// arguments by name.
void name_arguments(Layer& layer);
/// Throws Error(unimplemented) if the call has an argument that no importer looks at.
void check_arguments(const Layer& layer);
/// Whether an argument is more than None or False.
bool is_set(const Operand& operand);

}  // namespace thaw::keras
