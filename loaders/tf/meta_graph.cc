// MetaGraphs of TensorFlow 1: a graph made for training, with its variables in a checkpoint.
#include "loaders/source/checkpoint_v1.h"
#include "loaders/tf/initial_values.h"
#include "loaders/tf/model_info.h"
#include "loaders/tf/parse.h"
#include "loaders/tf/request.h"
#include "loaders/tf/tf.h"
#include "runtime/base/check.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw {
namespace tf {
namespace {

std::unique_ptr<TensorBundle> open_checkpoint(const FileTree* tree, const std::string& prefix,
                                              const Limits& limits) {
  if (tree == nullptr || prefix.empty()) return nullptr;
  if (!tree->contains(prefix + ".index") && checkpoint_v1_files(*tree, prefix).empty()) {
    return nullptr;
  }
  return TensorBundle::open(*tree, prefix, limits);
}

}  // namespace
}  // namespace tf

LoadedModel load_meta_graph(const Bytes& file, const FileTree* tree, const std::string& prefix,
                            const LoadOptions& options, const Evaluator& evaluator) {
  const bool text = sniff(file.data) == FileKind::protobuf_text;
  const auto parsed = tf::parse_meta_graph(file, text, options.limits);
  const tf::MetaGraphDef& meta = *parsed.message;
  if (meta.graph_def().node_size() == 0) {
    fail(ErrorCode::data_loss, "'{}' holds no graph", file.name);
  }
  LoadedModel loaded;
  loaded.info.path = file.name;
  loaded.info.format = "TensorFlow MetaGraph";
  loaded.info.writer = "TensorFlow " + printable(meta.meta_info_def().tensorflow_version());
  loaded.info.file_bytes = file.size();

  const auto bundle = tf::open_checkpoint(tree, prefix, options.limits);
  if (bundle == nullptr) {
    loaded.info.notes.push_back("no checkpoint: only what needs no variables can be run");
  }
  const tf::GraphView top = tf::view_graph(meta.graph_def(), options.limits, parsed.owner);
  tf::FunctionLibrary functions(meta.graph_def(), options.limits, parsed.owner);
  tf::Variables variables(meta, top, functions, bundle.get(), options.limits);
  const tf::Session session{meta, options, evaluator, top, functions, variables, file.name};
  tf::InitialValues initial(session);
  variables.set_fallback([&](const std::string& handle) { return initial.find(handle); });
  tf::describe_graph(session, loaded.info);
  if (meta.signature_def_size() > 0 && options.inputs.empty() && options.outputs.empty()) {
    tf::import_signatures(session, loaded);
  } else {
    const tf::Request request = tf::training_request(top, options);
    tf::Imported imported = tf::import_request(session, "default", request);
    tf::add_notes(loaded.info, imported.notes);
    loaded.info.op_counts = std::move(imported.op_counts);
    loaded.signatures.push_back(
        {"default", std::move(imported.graph), tf::constant_inputs(top, options.inputs)});
  }
  loaded.info.parameters = variables.elements();
  loaded.info.weight_bytes = variables.bytes();
  return loaded;
}

bool is_meta_graph(const Bytes& file, const Limits& limits) {
  return tf::is_meta_graph(file, sniff(file.data) == FileKind::protobuf_text, limits);
}

}  // namespace thaw
