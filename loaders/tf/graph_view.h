// A GraphDef or a function body with its references resolved to node numbers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "loaders/tf/node_view.h"
#include "thaw/error.h"

namespace thaw::tf {

class FunctionDef;
class GraphDef;

/// Where an operand comes from.
struct Ref {
  static constexpr int kMissing = INT32_MIN;
  int node = kMissing;    // a node's number; argument i of the function is -1 - i
  std::int64_t port = 0;  // flat number of the result
  bool is_argument() const { return node < 0 && node != kMissing; }
  int argument() const { return -1 - node; }
};

/// Nodes in file order (which is no order of execution).
struct GraphView {
  struct Entry {
    NodeView node;
    std::vector<Ref> data;     // operands
    std::vector<Ref> control;  // must run before
    std::string missing;       // the first reference that leads nowhere, else empty
  };

  std::string function;  // empty for the top graph
  std::vector<Entry> nodes;
  std::vector<std::string> arguments;  // function only
  std::vector<bool> resource_arguments;
  std::vector<int> argument_types, result_types;  // TensorFlow's numbers; 0: not stated
  std::vector<std::string> result_names;
  std::vector<Ref> results;
  std::vector<Ref> effects;  // nodes that must run although nothing uses them

  /// kMissing when there is no node of that name.
  int find(const std::string& name) const;
  /// Resolves "name", "name:1" as the top graph writes it. Throws Error naming `what`: `absent`
  /// when it leads nowhere (invalid_argument where the file itself says so).
  Ref resolve(const std::string& reference, const std::string& what,
              ErrorCode absent = ErrorCode::not_found) const;

  std::unordered_map<std::string, int> numbers;
  const NameAttrList* bindings = nullptr;
};

/// Throws Error(invalid_argument) for duplicate names and malformed references.
GraphView view_graph(const GraphDef& graph, const Limits& limits,
                     const std::shared_ptr<const void>& owner);
GraphView view_function(const FunctionDef& function, const NameAttrList* bindings,
                        const Limits& limits, const std::shared_ptr<const void>& owner);

}  // namespace thaw::tf
