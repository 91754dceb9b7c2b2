// The order in which Keras runs the calls of a functional model.
#pragma once

#include <vector>

#include "loaders/keras/config.h"

namespace thaw::keras {

/// Whether importing `model` depends on that order: some layer changes what its inputs carry for
/// the calls after it.
bool order_matters(const ModelConfig& model, const Writer& writer);

/// The calls that the outputs need, by depth (the longest way to an output) from the inputs on, as
/// Keras sorts them. Empty if the model is no graph without cycles.
std::vector<TensorRef> run_order(const ModelConfig& model);

}  // namespace thaw::keras
