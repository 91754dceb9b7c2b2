// Layers that only older generations of Keras have.
#pragma once

#include "loaders/keras/table.h"

namespace thaw::keras {

// Keras 1
Outputs highway(const Layer& layer, Weights& weights, GraphBuilder& g);
Outputs maxout_dense(const Layer& layer, Weights& weights, GraphBuilder& g);
Outputs parametric_softplus(const Layer& layer, Weights& weights, GraphBuilder& g);
Outputs s_relu(const Layer& layer, Weights& weights, GraphBuilder& g);
void highway_variables(VariableList& variables);
void parametric_softplus_variables(VariableList& variables);
void s_relu_variables(VariableList& variables);
// tf.keras
Outputs random_fourier_features(const Layer& layer, Weights& weights, GraphBuilder& g);
void random_fourier_features_variables(VariableList& variables);

}  // namespace thaw::keras
