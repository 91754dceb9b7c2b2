// From a path to graphs: the one door of the loaders.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/ir/builder.h"
#include "runtime/ir/graph.h"
#include "thaw/model.h"
#include "thaw/options.h"
#include "thaw/thaw.h"

namespace thaw {

/// One callable entry of a model.
struct LoadedSignature {
  std::string name;
  Graph graph;                             // as imported: verified, no passes run
  std::map<std::string, Tensor> defaults;  // of inputs that may be left out
};

struct LoadedModel {
  ModelInfo info;  // `signatures` is filled by load_model from the graphs
  std::vector<LoadedSignature> signatures;
  std::size_t default_signature = 0;
};

/// Opens `path` (a file or a directory), finds out by content what it is and imports it.
/// `evaluator` folds shape arithmetic during import. Throws Error / UnsupportedError; nothing is
/// left behind.
LoadedModel load_model(const std::string& path, const LoadOptions& options,
                       const Evaluator& evaluator);

/// What the loaders' tables hold, each list sorted by name.
std::vector<SupportedLayer> supported_keras_layers();
std::vector<std::string> supported_keras_operations();
std::vector<SupportedOp> supported_tensorflow_ops();

}  // namespace thaw
