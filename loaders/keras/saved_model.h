// TFSMLayer: a SavedModel that stands inside a Keras model.
//
// Keras stores the path that its author gave, which seldom holds where the model is opened, and
// which a stranger may have chosen. So a path leads nowhere but beneath the folder that the model's
// file stands in (or beneath the model itself, if that is a folder): the longest end of the path
// that names a folder there is taken ("/home/ada/run/export" may stand as "run/export" or as
// "export" beside the model). Symbolic links that lead out of that folder are refused.
#pragma once

#include <string>

#include "loaders/keras/table.h"
#include "loaders/load.h"

namespace thaw::keras {

/// Opens what the layers of a model name, so that their variables are known before weights are
/// read. `model_path` is the file or folder, or a member of an archive as messages name it. The
/// evaluator must outlive the configuration. Throws Error: not_found naming the layer, the path and
/// where it was looked for, permission_denied for links that lead out.
void open_saved_models(LayerConfig& root, const std::string& model_path, const LoadOptions& options,
                       const Evaluator& evaluator);

void saved_model_variables(VariableList& variables);
Outputs saved_model_layer(const Layer& layer, Weights& weights, GraphBuilder& g);

}  // namespace thaw::keras
