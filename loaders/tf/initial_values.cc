#include "loaders/tf/initial_values.h"

#include "loaders/tf/import.h"
#include "runtime/base/check.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw::tf {
namespace {

// Evaluates a graph without inputs node by node.
Tensor evaluate(const Graph& graph, ValueId result, const Evaluator& evaluator) {
  std::map<ValueId, Tensor> values;
  for (const Node& node : graph.nodes) {
    if (const auto* constant = std::get_if<ops::Constant>(&node.op)) {
      values[node.outputs[0]] = constant->value;
      continue;
    }
    std::vector<Tensor> inputs, outputs;
    std::vector<TensorType> types;
    bool known = !has_effect(node.op);
    for (ValueId input : node.inputs) {
      const auto found = values.find(input);
      known = known && found != values.end();
      if (known) inputs.push_back(found->second);
    }
    for (ValueId output : node.outputs) {
      types.push_back(graph.values[static_cast<std::size_t>(output)].type);
    }
    if (!known || !evaluator(node.op, inputs, types, outputs)) continue;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) values[node.outputs[i]] = outputs[i];
  }
  const auto found = values.find(result);
  if (found == values.end()) {
    throw Refusal("is given its first value by a computation that is not done at load");
  }
  return found->second.clone();
}

// The name of the node without a port.
std::string node_name(const std::string& tensor) { return tensor.substr(0, tensor.find(':')); }

}  // namespace

std::string init_op_of(const MetaGraphDef& meta) {
  for (const SignatureEntry& entry : meta.signature_def()) {
    if (entry.key() != "__saved_model_init_op") continue;
    for (const TensorInfoEntry& output : entry.value().outputs()) {
      return node_name(output.value().name());
    }
  }
  for (const char* key : {"saved_model_main_op", "legacy_init_op"}) {
    for (const CollectionEntry& entry : meta.collection_def()) {
      if (entry.key() == key && entry.value().node_list().value_size() == 1) {
        return node_name(entry.value().node_list().value(0));
      }
    }
  }
  return {};
}

void InitialValues::find_assignments() {
  const GraphView& top = session_.top;
  const int init = top.find(init_op_of(session_.meta));
  if (init < 0) return;
  std::set<int> seen{init};
  std::vector<int> open{init};
  while (!open.empty()) {
    const int number = open.back();
    const GraphView::Entry& entry = top.nodes[static_cast<std::size_t>(number)];
    open.pop_back();
    const std::string& op = entry.node.op();
    if ((op == "Assign" || op == "AssignVariableOp") && entry.data.size() == 2) {
      const Ref handle = entry.data[0];
      if (handle.node >= 0) {
        assignments_[top.nodes[static_cast<std::size_t>(handle.node)].node.name()] = number;
      }
    }
    for (const auto* refs : {&entry.data, &entry.control}) {
      for (const Ref& ref : *refs) {
        if (ref.node >= 0 && seen.insert(ref.node).second) open.push_back(ref.node);
      }
    }
  }
}

std::optional<Tensor> InitialValues::find(const std::string& handle) {
  if (!searched_) find_assignments();
  searched_ = true;
  const auto found = assignments_.find(handle);
  if (found == assignments_.end()) return std::nullopt;
  const std::string what = fmt::format("variable '{}'", printable(handle));
  if (!open_.insert(handle).second) {
    fail(ErrorCode::invalid_argument, "{}: its first value depends on itself", what);
  }
  const GraphView::Entry& assign = session_.top.nodes[static_cast<std::size_t>(found->second)];
  Graph graph;
  Scope scope(graph, session_.evaluator, nullptr);
  Frame frame(session_.top);
  Importer importer(session_.functions, session_.variables, session_.options, session_.evaluator,
                    {});
  const std::vector<Edge> results = importer.import(scope, frame, {assign.data[1]});
  if (!importer.unsupported().empty()) {
    throw UnsupportedError(session_.path, importer.unsupported());
  }
  try {
    Tensor value =
        evaluate(graph, importer.tensor(scope, results[0], "the first value"), session_.evaluator);
    open_.erase(handle);
    return value;
  } catch (const Refusal& refusal) {
    throw UnsupportedError(session_.path, {{assign.node.op(), handle, refusal.what()}});
  }
}

}  // namespace thaw::tf
