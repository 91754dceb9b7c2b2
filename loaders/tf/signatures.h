// From a MetaGraph's signatures to graphs.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "loaders/load.h"
#include "loaders/tf/functions.h"
#include "loaders/tf/variables.h"

namespace thaw::tf {

class SignatureDef;

/// Everything the import of one MetaGraph shares.
struct Session {
  const MetaGraphDef& meta;
  const LoadOptions& options;
  const Evaluator& evaluator;
  const GraphView& top;
  FunctionLibrary& functions;
  Variables& variables;
  std::string path;
};

/// What a graph is to compute: inputs that are fed, and outputs, with their names.
struct Request {
  struct Input {
    std::string name;
    Ref ref;
    TensorType type;
  };
  std::vector<Input> inputs;
  std::vector<std::pair<std::string, Ref>> outputs;
};

/// A graph as it leaves the loader.
struct Imported {
  Graph graph;
  std::map<std::string, std::int64_t> op_counts;
  std::vector<std::string> notes;
};

/// What a signature asks for. Throws UnsupportedError for inputs and outputs that are no tensors.
Request signature_request(const Session& session, const std::string& name,
                          const SignatureDef& signature);
/// Throws UnsupportedError with everything that cannot be run, Error for damaged graphs.
Imported import_request(const Session& session, const std::string& name, const Request& request);
/// Imports all signatures. One that is not the default and cannot be run is left out and noted.
void import_signatures(const Session& session, LoadedModel& loaded);
void add_notes(ModelInfo& info, const std::vector<std::string>& notes);

/// A GraphDef alone (tf.h).
LoadedModel import_graph_alone(const Bytes& file, bool text, const LoadOptions& options,
                               const Evaluator& evaluator);

}  // namespace thaw::tf
