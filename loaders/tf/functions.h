// The function library of a MetaGraph.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "loaders/tf/graph_view.h"

namespace thaw::tf {

/// Functions by name, viewed on first use. References the parsed file, which must outlive it.
class FunctionLibrary {
 public:
  /// Throws Error(invalid_argument) for duplicate names.
  FunctionLibrary(const GraphDef& graph, const Limits& limits,
                  const std::shared_ptr<const void>& owner);
  ~FunctionLibrary();

  bool contains(const std::string& name) const { return functions_.contains(name); }
  /// Nodes that each function's own body has.
  std::map<std::string, std::int64_t> body_sizes() const;
  /// Calls `see` with the name of a function and each node of its own body, by function.
  void each_node(const std::function<void(const std::string&, const NodeDef&)>& see) const;
  /// A call whose op is the function's name: the node's attributes are the function's.
  NodeView::Function direct_call(const NodeView& node);
  /// Throws Error(not_found).
  const GraphView& view(const NodeView::Function& function);

  /// Nodes of a function once every call in it is written out, sub-graphs of control flow included.
  /// Throws Error: invalid_argument naming the functions of a cycle, resource_exhausted when the
  /// limits on nodes or on the depth of calls are exceeded. Nothing is expanded for it.
  std::uint64_t expanded_size(const std::string& name);

 private:
  struct Function {
    const FunctionDef* def = nullptr;
    std::unique_ptr<GraphView> view;  // shared by all calls, unless attributes depend on the call
    std::map<const NameAttrList*, std::unique_ptr<GraphView>> bound;
    std::uint64_t size = 0;  // 0: not counted yet
    bool counting = false;
  };
  Function& find(const std::string& name);
  const NameAttrList* resolved(const NodeView::Function& function);
  std::uint64_t size_of(const std::string& name, int depth);

  std::map<std::string, Function> functions_;
  // Bindings made from others; views refer to them.
  std::map<std::pair<const void*, const void*>, std::unique_ptr<NameAttrList>> made_;
  const Limits& limits_;
  const std::shared_ptr<const void>& owner_;
};

}  // namespace thaw::tf
