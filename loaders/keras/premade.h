// LinearModel and WideDeepModel: tf.keras's model classes whose call is known. They stand as layers
// in other models, or alone as the whole file.
#pragma once

#include <memory>

#include "loaders/keras/table.h"

namespace thaw::keras {

bool is_premade(const std::string& class_name);
/// A model whose only layer is `layer`, with the inputs that its build_config tells; the layer's
/// variables stand where the model's own would. Throws Error(invalid_argument) if the file does not
/// say what the model was built for.
std::unique_ptr<ModelConfig> model_around(LayerConfig layer, const ParseContext& context);

Outputs linear_model(const Layer& layer, Weights& weights, GraphBuilder& g);
void linear_model_variables(VariableList& variables);
Outputs wide_deep_model(const Layer& layer, Weights& weights, GraphBuilder& g);
void wide_deep_model_variables(VariableList& variables);

}  // namespace thaw::keras
