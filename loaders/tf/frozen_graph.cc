// A GraphDef alone: constants are its weights, and the caller or the placeholders say what its
// inputs are.
#include "loaders/tf/model_info.h"
#include "loaders/tf/parse.h"
#include "loaders/tf/request.h"
#include "runtime/base/check.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw::tf {

LoadedModel import_graph_alone(const Bytes& file, bool text, const LoadOptions& options,
                               const Evaluator& evaluator) {
  const Parsed<GraphDef> parsed = parse_graph_def(file, text, options.limits);
  if (parsed.message->node_size() == 0) {
    fail(ErrorCode::data_loss, "'{}' holds neither a SavedModel nor a graph", file.name);
  }
  LoadedModel loaded;
  loaded.info.path = file.name;
  loaded.info.format = "TensorFlow frozen graph";
  loaded.info.writer =
      fmt::format("TensorFlow graph version {}", parsed.message->versions().producer());
  loaded.info.file_bytes = file.size();
  const MetaGraphDef meta;
  const GraphView top = view_graph(*parsed.message, options.limits, parsed.owner);
  FunctionLibrary functions(*parsed.message, options.limits, parsed.owner);
  Variables variables(meta, top, functions, nullptr, options.limits);
  const Session session{meta, options, evaluator, top, functions, variables, file.name};
  describe_graph(session, loaded.info);
  Imported imported = import_request(session, "default", frozen_request(top, options));
  add_notes(loaded.info, imported.notes);
  loaded.info.op_counts = std::move(imported.op_counts);
  count_weights(imported.graph, loaded.info);
  loaded.signatures.push_back(
      {"default", std::move(imported.graph), constant_inputs(top, options.inputs)});
  return loaded;
}

}  // namespace thaw::tf
