// What the entries of the Keras door share.
#pragma once

#include <string>

#include "loaders/keras/assets.h"
#include "loaders/keras/weights.h"
#include "loaders/load.h"
#include "loaders/source/h5.h"

namespace thaw::keras {

/// Configuration and weights -> graph. `info` has what the container said about itself.
LoadedModel build_model(const KerasModel& model, const ModelWeights& store, ModelInfo info,
                        const LoadOptions& options, const Evaluator& evaluator, Assets assets = {});

/// Calls options.progress, if there is one.
void report(const LoadOptions& options, double fraction, const std::string& what);
/// A member that is a string, else "".
std::string text_of(const Json& json, std::string_view key);
/// The compile_config of a model's configuration as JSON, "" if there is none.
std::string training_config(const Json& config);
/// Who wrote an HDF5 file, by its attributes.
Writer h5_writer(const H5File& file, int fallback_major);

}  // namespace thaw::keras
