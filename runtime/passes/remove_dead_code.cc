// Drops nodes whose results nothing uses, and sub-graphs that nothing names.
#include <algorithm>

#include "runtime/passes/pass_util.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

bool any_effect(const Graph& graph);

/// Visits the sub-graph ids of an if or while.
template <class NodeT, class Visit>
void visit_subgraphs(NodeT& node, Visit visit) {
  if (auto* branch = std::get_if<ops::If>(&node.op)) {
    visit(branch->then_graph);
    visit(branch->else_graph);
  } else if (auto* loop = std::get_if<ops::While>(&node.op)) {
    visit(loop->cond);
    visit(loop->body);
  }
}

/// Kept whatever uses it: inputs are part of the interface; an if or while has its sub-graphs'
/// effects.
bool must_stay(const Graph& graph, const Node& node) {
  if (has_effect(node.op) || std::holds_alternative<ops::Input>(node.op)) return true;
  bool effect = false;
  visit_subgraphs(node, [&](SubgraphId id) {
    effect = effect || any_effect(graph.subgraphs[static_cast<std::size_t>(id)]);
  });
  return effect;
}

bool any_effect(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
    return !std::holds_alternative<ops::Input>(node.op) && must_stay(graph, node);
  });
}

bool remove_unused_nodes(Graph& graph) {
  std::vector<bool> used(graph.values.size(), false);
  for (const ValueId id : graph.outputs) used[static_cast<std::size_t>(id)] = true;
  bool changed = false;
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {  // users stand behind what they use
    Node& node = graph.nodes[i];
    const bool alive = std::any_of(node.outputs.begin(), node.outputs.end(),
                                   [&](ValueId id) { return used[static_cast<std::size_t>(id)]; });
    if (!alive && !must_stay(graph, node)) {
      empty_node(graph, static_cast<NodeId>(i));
      changed = true;
      continue;
    }
    for (const ValueId id : node.inputs) used[static_cast<std::size_t>(id)] = true;
  }
  return changed;
}

bool remove_unused_subgraphs(Graph& graph) {
  std::vector<SubgraphId> renumbered(graph.subgraphs.size(), -1);
  for (const Node& node : graph.nodes) {
    visit_subgraphs(node, [&](SubgraphId id) { renumbered[static_cast<std::size_t>(id)] = 0; });
  }
  if (std::find(renumbered.begin(), renumbered.end(), -1) == renumbered.end()) return false;
  std::vector<Graph> kept;
  for (std::size_t i = 0; i < renumbered.size(); ++i) {
    if (renumbered[i] < 0) continue;
    renumbered[i] = static_cast<SubgraphId>(kept.size());
    kept.push_back(std::move(graph.subgraphs[i]));
  }
  graph.subgraphs = std::move(kept);
  for (Node& node : graph.nodes) {
    visit_subgraphs(node, [&](SubgraphId& id) { id = renumbered[static_cast<std::size_t>(id)]; });
  }
  return true;
}

}  // namespace

bool remove_dead_code(Graph& graph) {
  const bool nodes = remove_unused_nodes(graph);
  if (nodes) normalize(graph);
  const bool subgraphs = remove_unused_subgraphs(graph);
  const bool inside = for_subgraphs(graph, remove_dead_code);
  return nodes || subgraphs || inside;
}

}  // namespace thaw
