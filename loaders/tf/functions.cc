#include "loaders/tf/functions.h"

#include <algorithm>

#include "tf/proto/thaw_tf.pb.h"

namespace thaw::tf {

FunctionLibrary::FunctionLibrary(const GraphDef& graph, const Limits& limits,
                                 const std::shared_ptr<const void>& owner)
    : limits_(limits), owner_(owner) {
  for (const FunctionDef& function : graph.library().function()) {
    const std::string& name = function.signature().name();
    if (!functions_.emplace(name, Function{&function, nullptr, {}, 0, false}).second) {
      fail(ErrorCode::invalid_argument, "two functions are named '{}'", printable(name));
    }
  }
}

FunctionLibrary::Function& FunctionLibrary::find(const std::string& name) {
  const auto found = functions_.find(name);
  if (found == functions_.end()) {
    fail(ErrorCode::not_found, "function '{}' is not in the library", printable(name));
  }
  return found->second;
}

FunctionLibrary::~FunctionLibrary() = default;

std::map<std::string, std::int64_t> FunctionLibrary::body_sizes() const {
  std::map<std::string, std::int64_t> sizes;
  for (const auto& [name, function] : functions_) sizes[name] = function.def->node_def_size();
  return sizes;
}

void FunctionLibrary::each_node(
    const std::function<void(const std::string&, const NodeDef&)>& see) const {
  for (const auto& [name, function] : functions_) {
    for (const NodeDef& node : function.def->node_def()) see(name, node);
  }
}

NodeView::Function FunctionLibrary::direct_call(const NodeView& node) {
  auto& bindings = made_[{&node.def(), nullptr}];
  if (bindings == nullptr) {
    bindings = std::make_unique<NameAttrList>();
    *bindings->mutable_attr() = node.def().attr();
  }
  return {node.op(), bindings.get(), node.bindings()};
}

// Inside a function that is called with attributes, a call may hand them on.
const NameAttrList* FunctionLibrary::resolved(const NodeView::Function& function) {
  const auto stands_for = [](const AttrEntry& entry) {
    return entry.value().value_case() == AttrValue::kPlaceholder;
  };
  if (function.bindings == nullptr || function.outer == nullptr ||
      std::ranges::none_of(function.bindings->attr(), stands_for)) {
    return function.bindings;
  }
  auto& slot = made_[{function.bindings, function.outer}];
  if (slot != nullptr) return slot.get();
  slot = std::make_unique<NameAttrList>(*function.bindings);
  for (AttrEntry& entry : *slot->mutable_attr()) {
    if (!stands_for(entry)) continue;
    const std::string placeholder = entry.value().placeholder();
    for (const AttrEntry& given : function.outer->attr()) {
      if (given.key() != placeholder) continue;
      *entry.mutable_value() = given.value();  // the last one wins, as in a protobuf map
    }
  }
  return slot.get();
}

const GraphView& FunctionLibrary::view(const NodeView::Function& function) {
  Function& entry = find(function.name);
  if (entry.view != nullptr) return *entry.view;
  const NameAttrList* bindings = resolved(function);
  const auto bound = entry.bound.find(bindings);
  if (bound != entry.bound.end()) return *bound->second;
  auto view = std::make_unique<GraphView>(view_function(*entry.def, bindings, limits_, owner_));
  const bool depends_on_call = std::ranges::any_of(
      view->nodes, [](const GraphView::Entry& node) { return node.node.has_placeholder_attrs(); });
  auto& slot = depends_on_call ? entry.bound[bindings] : entry.view;
  slot = std::move(view);
  return *slot;
}

std::uint64_t FunctionLibrary::expanded_size(const std::string& name) { return size_of(name, 0); }

std::uint64_t FunctionLibrary::size_of(const std::string& name, int depth) {
  Function& function = find(name);
  if (function.counting) {
    fail(ErrorCode::invalid_argument, "function '{}' calls itself", printable(name));
  }
  if (function.size > 0) return function.size;
  if (depth > limits_.max_depth) {
    fail(ErrorCode::resource_exhausted, "functions call each other deeper than {}: at '{}'",
         limits_.max_depth, printable(name));
  }
  function.counting = true;
  std::uint64_t size = 1;
  for (const NodeDef& def : function.def->node_def()) {
    const NodeView node(def, nullptr, limits_, owner_);
    ++size;
    if (contains(node.op())) size += size_of(node.op(), depth + 1);
    for (const auto& callee : node.all_functions()) {
      if (contains(callee.name)) size += size_of(callee.name, depth + 1);
    }
    if (size > limits_.max_nodes) {
      fail(ErrorCode::resource_exhausted,
           "function '{}' has more than {} nodes once its calls are written out", printable(name),
           limits_.max_nodes);
    }
  }
  function.counting = false;
  function.size = size;
  return size;
}

}  // namespace thaw::tf
