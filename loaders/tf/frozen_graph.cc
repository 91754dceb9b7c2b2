// A GraphDef alone: constants are its weights, and the caller or the placeholders say what its
// inputs are.
#include "loaders/tf/parse.h"
#include "loaders/tf/signatures.h"
#include "runtime/base/check.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw::tf {
namespace {

void add_input(Request& request, const GraphView& top, const std::string& name) {
  const Ref ref = top.resolve(name, "input");
  const NodeView& node = top.nodes[static_cast<std::size_t>(ref.node)].node;
  TensorType type;
  if (node.op() == "Const") {
    type = node.tensor("value").type();
  } else if (node.op().starts_with("Placeholder")) {
    type = {node.type("dtype"), node.shape("shape")};
    if (type.shape.has_rank() && type.shape.rank() == 0) type.shape = Shape::unknown_rank();
  } else {
    node.fail(ErrorCode::invalid_argument, "an input must be a Placeholder or a Const");
  }
  request.inputs.push_back({name, ref, type});
}

Request frozen_request(const GraphView& top, const LoadOptions& options) {
  Request request;
  std::vector<bool> used(top.nodes.size(), false);
  for (const GraphView::Entry& entry : top.nodes) {
    for (const Ref& ref : entry.data) {
      if (ref.node >= 0) used[static_cast<std::size_t>(ref.node)] = true;
    }
  }
  for (const std::string& name : options.inputs) add_input(request, top, name);
  for (const std::string& name : options.outputs) {
    request.outputs.emplace_back(name, top.resolve(name, "output"));
  }
  for (std::size_t i = 0; i < top.nodes.size(); ++i) {
    const NodeView& node = top.nodes[i].node;
    const bool placeholder = node.op() == "Placeholder" || node.op() == "PlaceholderV2";
    if (placeholder && options.inputs.empty()) add_input(request, top, node.name() + ":0");
    if (!options.outputs.empty() || used[i] || placeholder || node.op() == "Const") continue;
    const std::int64_t count = node.schema() == nullptr ? 1 : node.num_outputs();
    for (std::int64_t k = 0; k < count; ++k) {
      request.outputs.emplace_back(fmt::format("{}:{}", node.name(), k),
                                   Ref{static_cast<int>(i), k});
    }
  }
  if (request.outputs.empty()) fail(ErrorCode::failed_precondition, "the graph has no outputs");
  return request;
}

// A Const that is fed keeps its own value as the default.
std::map<std::string, Tensor> constant_inputs(const GraphView& top,
                                              const std::vector<std::string>& names) {
  std::map<std::string, Tensor> defaults;
  for (const std::string& name : names) {
    const Ref ref = top.resolve(name, "input");
    const NodeView& node = top.nodes[static_cast<std::size_t>(ref.node)].node;
    if (node.op() == "Const") defaults[name] = node.tensor("value").clone();
  }
  return defaults;
}

}  // namespace

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
  Imported imported = import_request(session, "default", frozen_request(top, options));
  add_notes(loaded.info, imported.notes);
  loaded.info.op_counts = std::move(imported.op_counts);
  loaded.signatures.push_back(
      {"default", std::move(imported.graph), constant_inputs(top, options.inputs)});
  return loaded;
}

}  // namespace thaw::tf
