// A signature of a SavedModel as a Keras layer calls it.
#include <algorithm>
#include <set>

#include "loaders/saved_model_endpoint.h"
#include "loaders/tf/opened_model.h"
#include "runtime/base/check.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw {
namespace tf {
namespace {

const SignatureDef& find_signature(const MetaGraphDef& meta, const std::string& endpoint,
                                   const std::string& path) {
  std::set<std::string> names;
  for (const SignatureEntry& entry : meta.signature_def()) {
    if (entry.key() == endpoint) return entry.value();
    if (!entry.key().starts_with("__")) names.insert(entry.key());  // not the initialiser
  }
  fail(ErrorCode::not_found, "'{}' has no endpoint '{}' among its signatures: {}", printable(path),
       printable(endpoint), printable(fmt::format("{}", fmt::join(names, ", "))));
}

bool is_child_of_root(const SavedObjectGraph& objects, const std::string& name) {
  if (objects.nodes_size() == 0) return false;
  const auto& children = objects.nodes(0).children();
  return std::any_of(children.begin(), children.end(),
                     [&](const ObjectReference& child) { return child.local_name() == name; });
}

bool is_call(const NodeView& node) {
  return node.op() == "StatefulPartitionedCall" || node.op() == "PartitionedCall";
}

// The one call in the top graph that computes all of the signature's results; null if there is
// none.
const GraphView::Entry* call_of(const Request& request, const GraphView& top) {
  const GraphView::Entry* call = nullptr;
  for (const auto& [name, ref] : request.outputs) {
    if (ref.node < 0) return nullptr;
    const GraphView::Entry& entry = top.nodes[static_cast<std::size_t>(ref.node)];
    if (!is_call(entry.node) || (call != nullptr && call != &entry)) return nullptr;
    call = &entry;
  }
  return call;
}

class Endpoint final : public SavedModelEndpoint {
 public:
  Endpoint(const std::string& folder, const std::string& endpoint, const LoadOptions& options,
           const Evaluator& evaluator)
      : options_(imported_options(options)),
        tree_(open_directory(folder, options_.limits)),
        model_(open(evaluator)),
        name_(endpoint),
        request_(signature_request(model_->session(), endpoint,
                                   find_signature(model_->meta(), endpoint, folder))),
        is_attribute_(is_child_of_root(model_->meta().object_graph_def(), endpoint)) {
    const GraphView::Entry* call = call_of(request_, model_->top());
    if (call != nullptr) {
      find_variables(*call);
      find_order(*call);
    } else if (request_.inputs.size() == 1) {
      order_ = {request_.inputs[0].name};
    }
  }

  const std::vector<Variable>& variables() const override { return variables_; }
  const std::vector<std::string>& argument_order() const override { return order_; }
  bool is_attribute() const override { return is_attribute_; }

  Graph graph(const std::vector<Tensor>& values) const override {
    THAW_CHECK(values.size() == handles_.size(), "a value for each variable");
    for (std::size_t i = 0; i < values.size(); ++i)
      model_->variables().define(handles_[i], values[i]);
    return import_request(model_->session(), name_, request_).graph;
  }

 private:
  static LoadOptions imported_options(const LoadOptions& options) {
    LoadOptions own;
    own.raise_recurrent = options.raise_recurrent;
    own.custom = options.custom;
    own.limits = options.limits;
    return own;
  }

  std::unique_ptr<OpenedModel> open(const Evaluator& evaluator) const {
    bool text = false;
    const Bytes file = read_saved_model(*tree_, text);
    Parsed<SavedModel> parsed = parse_saved_model(file, text, options_.limits);
    if (parsed.message->meta_graphs_size() == 0)
      fail(ErrorCode::invalid_argument, "'{}' has no graph", printable(file.name));
    return std::make_unique<OpenedModel>(*tree_, std::move(parsed), file.name, options_, evaluator);
  }

  // What the call captures stands behind its arguments, in the order of the function's captures.
  void find_variables(const GraphView::Entry& call) {
    const MetaGraphDef& meta = model_->meta();
    const std::vector<NodeView::Function> functions = call.node.all_functions();
    const SavedConcreteFunction* captures = nullptr;
    for (const auto& entry : meta.object_graph_def().concrete_functions()) {
      if (!functions.empty() && entry.key() == functions[0].name) captures = &entry.value();
    }
    const int bound = captures == nullptr ? 0 : captures->bound_inputs_size();
    const auto first = static_cast<int>(call.data.size()) - bound;
    std::vector<std::pair<std::string, Variable>> frozen;
    std::set<std::string> seen;
    for (std::size_t i = 0; i < call.data.size(); ++i) {
      const Ref& ref = call.data[i];
      if (ref.node < 0) continue;
      const NodeView& node = model_->top().nodes[static_cast<std::size_t>(ref.node)].node;
      if (node.op() != "VarHandleOp" || !seen.insert(node.name()).second) continue;
      Variable variable{node.type("dtype"), node.shape("shape"), true};
      const int capture = static_cast<int>(i) - first;
      if (capture >= 0 && capture < bound) {
        const int object = captures->bound_inputs(capture);
        const auto& objects = meta.object_graph_def();
        if (object >= 0 && object < objects.nodes_size())
          variable.trainable = objects.nodes(object).variable().trainable();
      }
      if (!variable.trainable) {
        frozen.emplace_back(node.name(), variable);
        continue;
      }
      handles_.push_back(node.name());
      variables_.push_back(variable);
    }
    for (auto& [handle, variable] : frozen) {
      handles_.push_back(handle);
      variables_.push_back(variable);
    }
  }

  // A signature takes its inputs by name and hands them to the function that was saved, in that
  // function's own order.
  void find_order(const GraphView::Entry& call) {
    if (request_.inputs.size() == 1) {
      order_ = {request_.inputs[0].name};
      return;
    }
    const std::vector<NodeView::Function> functions = call.node.all_functions();
    if (functions.size() != 1 || !model_->functions().contains(functions[0].name)) return;
    const GraphView& wrapper = model_->functions().view(functions[0]);
    std::vector<std::string> order;
    for (const GraphView::Entry& entry : wrapper.nodes) {
      if (!is_call(entry.node)) continue;
      if (!order.empty()) return;  // no plain wrapper
      for (const Ref& ref : entry.data) {
        if (!ref.is_argument()) return;
        if (const std::string name = input_at(call, ref.argument()); !name.empty())
          order.push_back(name);
      }
    }
    if (std::set<std::string>(order.begin(), order.end()).size() == request_.inputs.size() &&
        order.size() == request_.inputs.size()) {
      order_ = std::move(order);
    }
  }

  // The signature's input that is operand `i` of the call; empty for a captured one.
  std::string input_at(const GraphView::Entry& call, int i) const {
    if (i < 0 || static_cast<std::size_t>(i) >= call.data.size()) return {};
    const Ref& ref = call.data[static_cast<std::size_t>(i)];
    for (const Request::Input& input : request_.inputs) {
      if (input.ref.node == ref.node && input.ref.port == ref.port) return input.name;
    }
    return {};
  }

  LoadOptions options_;
  std::unique_ptr<FileTree> tree_;
  std::unique_ptr<OpenedModel> model_;
  std::string name_;
  Request request_;
  bool is_attribute_;
  std::vector<std::string> handles_, order_;
  std::vector<Variable> variables_;
};

}  // namespace
}  // namespace tf

std::shared_ptr<const SavedModelEndpoint> open_saved_model_endpoint(const std::string& folder,
                                                                    const std::string& endpoint,
                                                                    const LoadOptions& options,
                                                                    const Evaluator& evaluator) {
  return std::make_shared<tf::Endpoint>(folder, endpoint, options, evaluator);
}

}  // namespace thaw
