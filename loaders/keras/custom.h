// Users' layers: what they see of a layer and how they are found.
#pragma once

#include "loaders/keras/layer.h"
#include "loaders/keras/variables.h"
#include "thaw/custom.h"

namespace thaw::keras {

/// The user's entry for a layer, or null. `objects` may be null.
const CustomLayer* find_custom(const CustomObjects* objects, const LayerConfig& layer,
                               const std::string& registered_name);
/// The variables that the user's entry declares.
void declare_custom(VariableList& variables);
/// Runs the user's function.
Outputs import_custom(const Layer& layer, Weights& weights, GraphBuilder& g);

}  // namespace thaw::keras
