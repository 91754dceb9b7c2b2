#include <functional>
#include <set>

#include "runtime/base/check.h"
#include "runtime/ir/graph.h"
#include "runtime/ir/infer_util.h"

namespace thaw {
namespace {

/// Sub-graphs are values, so their nesting is finite; a bound keeps the recursion off the stack's
/// end.
constexpr int kMaxSubgraphDepth = 256;

class Verifier {
 public:
  Verifier(const Graph& root, const std::string& stage) : root_(root), stage_(stage) {}

  void check(const Graph& graph, int depth) {
    if (depth > kMaxSubgraphDepth)
      bad(graph, "sub-graphs are nested more than {} deep", kMaxSubgraphDepth);
    if (depth > 0 && !graph.variables.empty()) {
      bad(graph, "expected variables in the outermost graph only, found {}",
          graph.variables.size());
    }
    for (const Variable& variable : graph.variables) {
      if (variable.initial.empty())
        bad(graph, "variable '{}' has no value", printable(variable.name));
    }
    for (const Graph& subgraph : graph.subgraphs) check(subgraph, depth + 1);
    check_interface(graph);
    check_producers(graph);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) check_node(graph, static_cast<NodeId>(i));
  }

 private:
  template <class... Args>
  [[noreturn]] void bad(const Graph& graph, fmt::format_string<Args...> format,
                        Args&&... args) const {
    fail(ErrorCode::internal, "{}: graph '{}': {}", stage_, printable(graph.name),
         fmt::format(format, std::forward<Args>(args)...));
  }

  static std::string describe(const Graph& graph, NodeId id) {
    const Node& node = graph.nodes[static_cast<std::size_t>(id)];
    return fmt::format("node {} '{}' ({})", id, printable(node.name), name_of(node.op));
  }

  static bool in_range(const Graph& graph, ValueId id) {
    return id >= 0 && static_cast<std::size_t>(id) < graph.values.size();
  }

  void check_interface(const Graph& graph) const {
    if (graph.inputs.size() != graph.input_names.size()) {
      bad(graph, "{} inputs, but {} names", graph.inputs.size(), graph.input_names.size());
    }
    if (graph.outputs.size() != graph.output_names.size()) {
      bad(graph, "{} outputs, but {} names", graph.outputs.size(), graph.output_names.size());
    }
    std::set<ValueId> inputs;
    for (const ValueId id : graph.inputs) {
      if (!in_range(graph, id)) bad(graph, "input %{} does not exist", id);
      if (!inputs.insert(id).second) bad(graph, "input %{} is listed twice", id);
      const NodeId producer = graph.values[static_cast<std::size_t>(id)].producer;
      const bool known = producer >= 0 && static_cast<std::size_t>(producer) < graph.nodes.size();
      if (!known || producer_as<ops::Input>(graph, id) == nullptr) {
        bad(graph, "input %{} is not produced by an input node", id);
      }
    }
    for (const ValueId id : graph.outputs) {
      if (!in_range(graph, id)) bad(graph, "output %{} does not exist", id);
    }
    std::size_t nodes = 0;
    for (const Node& node : graph.nodes)
      nodes += std::holds_alternative<ops::Input>(node.op) ? 1 : 0;
    if (nodes != inputs.size()) {
      bad(graph, "{} input nodes, but {} inputs are listed", nodes, inputs.size());
    }
  }

  /// Each value is exactly one result of the node it names.
  void check_producers(const Graph& graph) const {
    std::vector<NodeId> producers(graph.values.size(), kNoNode);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const auto node = static_cast<NodeId>(i);
      for (const ValueId id : graph.nodes[i].outputs) {
        if (!in_range(graph, id))
          bad(graph, "{}: result %{} does not exist", describe(graph, node), id);
        NodeId& producer = producers[static_cast<std::size_t>(id)];
        if (producer != kNoNode) {
          bad(graph, "{}: result %{} is already produced by {}", describe(graph, node), id,
              describe(graph, producer));
        }
        producer = node;
      }
    }
    for (std::size_t i = 0; i < graph.values.size(); ++i) {
      if (producers[i] == kNoNode) bad(graph, "no node produces %{}", i);
      if (graph.values[i].producer != producers[i]) {
        bad(graph, "%{} names node {} as its producer, but {} produces it", i,
            graph.values[i].producer, describe(graph, producers[i]));
      }
    }
  }

  void check_node(const Graph& graph, NodeId id) const {
    const Node& node = graph.nodes[static_cast<std::size_t>(id)];
    if (std::holds_alternative<std::monostate>(node.op)) bad(graph, "node {} is empty", id);
    for (const ValueId operand : node.inputs) {
      if (!in_range(graph, operand)) {
        bad(graph, "{}: operand %{} does not exist", describe(graph, id), operand);
      }
      if (graph.values[static_cast<std::size_t>(operand)].producer >= id) {
        bad(graph, "{}: operand %{} is produced behind it", describe(graph, id), operand);
      }
    }
    if (std::holds_alternative<ops::Input>(node.op)) {
      check_input(graph, id);
    } else {
      check_types(graph, id);
    }
  }

  void check_input(const Graph& graph, NodeId id) const {
    const Node& node = graph.nodes[static_cast<std::size_t>(id)];
    if (!node.inputs.empty() || node.outputs.size() != 1) {
      bad(graph, "{}: expected no operand and 1 result, found {} and {}", describe(graph, id),
          node.inputs.size(), node.outputs.size());
    }
    if (graph.values[static_cast<std::size_t>(node.outputs[0])].type.dtype == DType::invalid) {
      bad(graph, "{}: its type is invalid", describe(graph, id));
    }
  }

  void check_types(const Graph& graph, NodeId id) const {
    const Node& node = graph.nodes[static_cast<std::size_t>(id)];
    std::vector<TensorType> types;
    try {
      types = infer_node(graph, node, root_);
    } catch (const Error& error) {
      bad(graph, "{}: {}", describe(graph, id), error.what());
    }
    if (types.size() != node.outputs.size()) {
      bad(graph, "{}: expected {} result(s), found {}", describe(graph, id), types.size(),
          node.outputs.size());
    }
    for (std::size_t i = 0; i < types.size(); ++i) {
      const TensorType& stored = graph.values[static_cast<std::size_t>(node.outputs[i])].type;
      if (stored.dtype != types[i].dtype || !inference::compatible(stored.shape, types[i].shape)) {
        bad(graph, "{}: result {} is {}, but stored as {}", describe(graph, id), i,
            to_string(types[i]), to_string(stored));
      }
    }
  }

  const Graph& root_;
  const std::string& stage_;
};

}  // namespace

void verify(const Graph& graph, const std::string& stage) {
  Verifier(graph, stage).check(graph, 0);
}

}  // namespace thaw
