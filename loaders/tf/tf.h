// The TensorFlow door: SavedModels and frozen graphs.
#pragma once

#include "loaders/load.h"
#include "loaders/source/file_tree.h"

namespace thaw {

/// Imports every signature of a SavedModel, whose saved_model.pb or .pbtxt stands at the tree's
/// root. A signature that is not the default one and cannot be run is left out and noted. The tree
/// may be destroyed afterwards. Throws Error / UnsupportedError.
LoadedModel load_saved_model(const FileTree& tree, const LoadOptions& options,
                             const Evaluator& evaluator);

/// A GraphDef, binary or text. Inputs are `options.inputs` or the placeholders, outputs
/// `options.outputs` or all results that nothing uses.
LoadedModel load_frozen_graph(const Bytes& file, const LoadOptions& options,
                              const Evaluator& evaluator);

}  // namespace thaw
