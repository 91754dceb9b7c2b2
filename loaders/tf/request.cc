#include "loaders/tf/request.h"

#include <algorithm>
#include <unordered_set>

#include "loaders/tf/regions.h"
#include "runtime/base/check.h"

namespace thaw::tf {
namespace {

const NodeView& node_of(const GraphView& top, const Ref& ref) {
  return top.nodes[static_cast<std::size_t>(ref.node)].node;
}

bool is_placeholder(const NodeView& node) {
  return node.op() == "Placeholder" || node.op() == "PlaceholderV2";
}

void add_input(Request& request, const GraphView& top, const std::string& name) {
  const Ref ref = top.resolve(name, "input");
  const NodeView& node = node_of(top, ref);
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

void add_outputs(Request& request, const GraphView& top, std::size_t number) {
  const NodeView& node = top.nodes[number].node;
  const std::int64_t count = node.schema() == nullptr ? 1 : node.num_outputs();
  for (std::int64_t k = 0; k < count; ++k) {
    request.outputs.emplace_back(fmt::format("{}:{}", node.name(), k),
                                 Ref{static_cast<int>(number), k});
  }
}

void add_named(Request& request, const GraphView& top, const LoadOptions& options) {
  for (const std::string& name : options.inputs) add_input(request, top, name);
  for (const std::string& name : options.outputs) {
    request.outputs.emplace_back(name, top.resolve(name, "output"));
  }
}

// Training, saving and what makes first values: no result of the model, and no use of one.
bool is_upkeep(const NodeView& node) {
  static const std::unordered_set<std::string_view> ops{
      "Assert",
      "Const",
      "InitializeTableFromTextFileV2",
      "LookupTableImportV2",
      "MergeSummary",
      "MergeV2Checkpoints",
      "NoOp",
      "Print",
      "PrintV2",
      "Restore",
      "RestoreSlice",
      "RestoreV2",
      "Save",
      "SaveSlices",
      "SaveV2",
      "ShardedFilename",
      "VarHandleOp",
      "Variable",
      "VariableV2",
  };
  const std::string_view op = node.op(), name = node.name();
  if (ops.contains(op) || op.starts_with("Assign") || op.starts_with("Apply") ||
      op.starts_with("ResourceApply") || op.starts_with("Scatter") ||
      op.starts_with("ResourceScatter") || op.starts_with("SparseApply") ||
      op.starts_with("InitializeTable") || op.find("Summary") != op.npos ||
      op.find("Initialized") != op.npos) {
    return true;
  }
  return name.starts_with("save/") || name.starts_with("save_") || name.starts_with("gradients") ||
         name.find("/gradients") != name.npos || name.find("/Initializer/") != name.npos ||
         name.starts_with("report_uninitialized");
}

// Nodes behind one of those that `starts`, and before one that `ends`.
template <class Starts, class Ends>
std::vector<bool> reached_from(const GraphView& top, bool control, Starts starts, Ends ends) {
  std::vector<std::vector<int>> users(top.nodes.size());
  std::vector<bool> reached(top.nodes.size(), false);
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < top.nodes.size(); ++i) {
    const auto add = [&](const Ref& ref) {
      if (ref.node >= 0) users[static_cast<std::size_t>(ref.node)].push_back(static_cast<int>(i));
    };
    for (const Ref& ref : top.nodes[i].data) add(ref);
    if (control) {
      for (const Ref& ref : top.nodes[i].control) add(ref);
    }
    if (starts(top.nodes[i].node)) open.push_back(i);
  }
  for (std::size_t i : open) reached[i] = true;
  while (!open.empty()) {
    const std::size_t node = open.back();
    open.pop_back();
    for (int user : users[node]) {
      if (reached[static_cast<std::size_t>(user)]) continue;
      if (ends(top.nodes[static_cast<std::size_t>(user)].node)) continue;
      reached[static_cast<std::size_t>(user)] = true;
      open.push_back(static_cast<std::size_t>(user));
    }
  }
  return reached;
}

std::vector<bool> behind_placeholders(const GraphView& top) {
  return reached_from(top, false, is_placeholder, [](const NodeView&) { return false; });
}

// Results that are there only sometimes, or once a step: on one side of a branch, or in a loop.
std::vector<bool> inside_control_flow(const GraphView& top, const Limits& limits) {
  const auto enters = [](const NodeView& node) {
    return node.op() == "Enter" || node.op() == "RefEnter";
  };
  std::vector<bool> inside =
      reached_from(top, true, enters, [](const NodeView& node) { return is_exit(node.op()); });
  const bool branches = std::ranges::any_of(
      top.nodes, [](const GraphView::Entry& entry) { return is_switch(entry.node.op()); });
  Regions regions(top, limits);
  for (std::size_t i = 0; branches && i < top.nodes.size(); ++i) {
    const auto node = static_cast<int>(i);
    if (inside[i]) continue;
    try {
      inside[i] = is_switch(top.nodes[i].node.op()) || !regions.conditions_of_node(node).empty();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::invalid_argument) throw;
      // Damage is named when the node is asked for.
    }
  }
  return inside;
}

// The placeholders in front of the outputs, in file order.
void add_needed_inputs(Request& request, const GraphView& top) {
  std::vector<bool> needed(top.nodes.size(), false);
  std::vector<int> open;
  const auto reach = [&](const Ref& ref) {
    if (ref.node < 0 || needed[static_cast<std::size_t>(ref.node)]) return;
    needed[static_cast<std::size_t>(ref.node)] = true;
    open.push_back(ref.node);
  };
  for (const auto& [name, ref] : request.outputs) reach(ref);
  while (!open.empty()) {
    const GraphView::Entry& entry = top.nodes[static_cast<std::size_t>(open.back())];
    open.pop_back();
    for (const Ref& ref : entry.data) reach(ref);
    for (const Ref& ref : entry.control) reach(ref);
  }
  for (std::size_t i = 0; i < top.nodes.size(); ++i) {
    const NodeView& node = top.nodes[i].node;
    if (needed[i] && is_placeholder(node)) add_input(request, top, node.name() + ":0");
  }
}

}  // namespace

Request frozen_request(const GraphView& top, const LoadOptions& options) {
  Request request;
  std::vector<bool> used(top.nodes.size(), false);
  for (const GraphView::Entry& entry : top.nodes) {
    for (const Ref& ref : entry.data) {
      if (ref.node >= 0) used[static_cast<std::size_t>(ref.node)] = true;
    }
  }
  add_named(request, top, options);
  std::vector<bool> inside(top.nodes.size(), false);
  if (options.outputs.empty()) inside = inside_control_flow(top, options.limits);
  for (std::size_t i = 0; i < top.nodes.size(); ++i) {
    const NodeView& node = top.nodes[i].node;
    if (is_placeholder(node) && options.inputs.empty()) add_input(request, top, node.name() + ":0");
    if (!options.outputs.empty() || used[i] || inside[i] || is_placeholder(node) ||
        node.op() == "Const") {
      continue;
    }
    add_outputs(request, top, i);
  }
  if (request.outputs.empty()) fail(ErrorCode::failed_precondition, "the graph has no outputs");
  return request;
}

Request training_request(const GraphView& top, const LoadOptions& options) {
  Request request;
  add_named(request, top, options);
  if (options.outputs.empty()) {
    std::vector<bool> used(top.nodes.size(), false);
    for (const GraphView::Entry& entry : top.nodes) {
      if (is_upkeep(entry.node)) continue;
      for (const Ref& ref : entry.data) {
        if (ref.node >= 0) used[static_cast<std::size_t>(ref.node)] = true;
      }
    }
    const std::vector<bool> computed = behind_placeholders(top);
    const std::vector<bool> inside = inside_control_flow(top, options.limits);
    for (std::size_t i = 0; i < top.nodes.size(); ++i) {
      const NodeView& node = top.nodes[i].node;
      if (computed[i] && !used[i] && !inside[i] && !is_placeholder(node) && !is_upkeep(node)) {
        add_outputs(request, top, i);
      }
    }
  }
  if (request.outputs.empty()) {
    fail(ErrorCode::failed_precondition,
         "no result of the graph depends on an input: name inputs and outputs");
  }
  if (options.inputs.empty()) add_needed_inputs(request, top);
  return request;
}

std::map<std::string, Tensor> constant_inputs(const GraphView& top,
                                              const std::vector<std::string>& names) {
  std::map<std::string, Tensor> defaults;
  for (const std::string& name : names) {
    const NodeView& node = node_of(top, top.resolve(name, "input"));
    if (node.op() == "Const") defaults[name] = node.tensor("value").clone();
  }
  return defaults;
}

}  // namespace thaw::tf
