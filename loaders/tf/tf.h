// The TensorFlow door: SavedModels, frozen graphs, and MetaGraphs with a checkpoint.
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

/// A MetaGraphDef (`.meta`), binary or text, whose variables lie in the checkpoint `prefix` of
/// `tree` (null or a prefix without files: it has none). Inputs and outputs are its signatures',
/// those of the options, or what training and saving do not use.
LoadedModel load_meta_graph(const Bytes& file, const FileTree* tree, const std::string& prefix,
                            const LoadOptions& options, const Evaluator& evaluator);
/// Parses the file to find out.
bool is_meta_graph(const Bytes& file, const Limits& limits);

}  // namespace thaw
