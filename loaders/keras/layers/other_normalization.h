// Normalisation over groups, to unit length, by the root mean square, and of a layer's kernel.
#pragma once

#include "loaders/keras/table.h"

namespace thaw::keras {

Outputs group_normalization(const Layer& layer, Weights& weights, GraphBuilder& g);
Outputs unit_normalization(const Layer& layer, Weights& weights, GraphBuilder& g);
Outputs rms_normalization(const Layer& layer, Weights& weights, GraphBuilder& g);
Outputs spectral_normalization(const Layer& layer, Weights& weights, GraphBuilder& g);
void scale_and_center_variables(VariableList& variables);
void rms_normalization_variables(VariableList& variables);
void spectral_normalization_variables(VariableList& variables);

}  // namespace thaw::keras
