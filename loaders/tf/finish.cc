#include "loaders/tf/finish.h"

namespace thaw::tf {
namespace {

bool has_effect_inside(const Graph& graph, const Node& node);

bool any_effect(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<ops::Input>(node.op) && has_effect_inside(graph, node)) return true;
  }
  return false;
}

bool has_effect_inside(const Graph& graph, const Node& node) {
  if (const auto* branch = std::get_if<ops::If>(&node.op)) {
    return any_effect(graph.subgraphs[at(branch->then_graph)]) ||
           any_effect(graph.subgraphs[at(branch->else_graph)]);
  }
  if (const auto* loop = std::get_if<ops::While>(&node.op)) {
    return any_effect(graph.subgraphs[at(loop->cond)]) ||
           any_effect(graph.subgraphs[at(loop->body)]);
  }
  return has_effect(node.op);
}

// Calls `visit` on every reference to a sub-graph.
template <class Visit>
void for_each_subgraph(Graph& graph, Visit visit) {
  for (Node& node : graph.nodes) {
    if (auto* branch = std::get_if<ops::If>(&node.op)) {
      visit(branch->then_graph);
      visit(branch->else_graph);
    } else if (auto* loop = std::get_if<ops::While>(&node.op)) {
      visit(loop->cond);
      visit(loop->body);
    }
  }
}

void drop_subgraphs(Graph& graph) {
  std::vector<SubgraphId> renumbered(graph.subgraphs.size(), -1);
  std::vector<Graph> kept;
  for_each_subgraph(graph, [&](SubgraphId& id) {
    if (renumbered[at(id)] < 0) {
      renumbered[at(id)] = static_cast<SubgraphId>(kept.size());
      kept.push_back(std::move(graph.subgraphs[at(id)]));
    }
    id = renumbered[at(id)];
  });
  graph.subgraphs = std::move(kept);
}

}  // namespace

void drop_unused(Graph& graph) {
  std::vector<int> uses = use_counts(graph);
  // Users stand behind producers, so one pass from the end sees every node after its users.
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    Node& node = graph.nodes[i];
    if (std::holds_alternative<std::monostate>(node.op) ||
        std::holds_alternative<ops::Input>(node.op) || has_effect_inside(graph, node)) {
      continue;
    }
    bool used = false;
    for (ValueId output : node.outputs) used |= uses[at(output)] > 0;
    if (used) continue;
    for (ValueId input : node.inputs) --uses[at(input)];
    node.op = std::monostate{};
    node.inputs.clear();
  }
  normalize(graph);
  drop_subgraphs(graph);
  for (Graph& sub : graph.subgraphs) drop_unused(sub);
}

}  // namespace thaw::tf
