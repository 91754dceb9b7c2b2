// The Keras door: saved models of Keras 1, 2 and 3 and of tf.keras become graphs.
//
// Each entry gives one signature, "serving_default", whose inputs and outputs are named after the
// model's input layers and output layers, in the model's own order. All throw Error;
// UnsupportedError lists every layer that cannot be run.
#pragma once

#include <string>

#include "loaders/load.h"
#include "loaders/source/file_tree.h"

namespace thaw {

/// The Keras v3 format: config.json, metadata.json and model.weights.h5, in a zip (`.keras`) or a
/// directory.
LoadedModel load_keras_v3(const FileTree& tree, const LoadOptions& options,
                          const Evaluator& evaluator);

/// A whole model in HDF5 (`.h5`, `.hdf5`, also under the name `.keras`).
/// failed_precondition if the file holds weights only.
LoadedModel load_keras_h5(Bytes file, const LoadOptions& options, const Evaluator& evaluator);

/// An architecture as JSON (`model.to_json()`) or YAML (`model.to_yaml()`), also within a JSON
/// string, and its weights: HDF5 of either layout (`.h5`, `.weights.h5`). failed_precondition if
/// `weights_path` is empty.
LoadedModel load_keras_json(Bytes json, const std::string& weights_path, const LoadOptions& options,
                            const Evaluator& evaluator);

/// The same of an architecture that stands in one folder or archive with its weights (HDF5); those
/// of the options go before.
LoadedModel load_keras_json(const FileTree& tree, const std::string& member,
                            const LoadOptions& options, const Evaluator& evaluator);

}  // namespace thaw
