// TensorFlow 1 loops: the Exit nodes of one frame become a While. Variables are the Merge nodes at
// its head; what enters and does not change is handed through.
#include <algorithm>

#include "loaders/tf/import_subgraph.h"
#include "runtime/base/check.h"

namespace thaw::tf {

// The exits of the same loop that this frame needs.
std::vector<int> Importer::exits_beside(Frame& frame, int exit) {
  Regions& graph = regions(frame.view);
  const int condition = graph.loop_condition(exit);
  std::vector<int> exits{exit};
  for (int node : needed(frame)) {
    if (node == exit || frame.state(node) != Frame::State::unseen) continue;
    if (!is_exit(frame.view.nodes[static_cast<std::size_t>(node)].node.op())) continue;
    if (graph.loop_condition(node) == condition) exits.push_back(node);
  }
  return exits;
}

// The condition, or one step of the body: what NextIteration nodes get, then the invariants.
Importer::Edges Importer::import_frame(Scope& scope, Site& site, const LoopNodes& nodes, bool body,
                                       const Edges& in) {
  const GraphView& view = site.frame.view;
  const auto entry = [&](int node) -> const GraphView::Entry& {
    return view.nodes[static_cast<std::size_t>(node)];
  };
  Frame inner(view);
  inner.prefix = site.frame.prefix;
  inner.arguments.resize(site.frame.arguments.size());
  std::vector<Ref> roots;
  const std::size_t count = nodes.variables.size();
  for (std::size_t i = 0; i < count; ++i) {
    const LoopNodes::Variable& variable = nodes.variables[i];
    inner.feeds[{variable.merge, 0}] = in[i];
    if (!body) continue;
    roots.push_back(entry(variable.next).data[0]);
    for (const Ref& ref : entry(variable.next).control) inner.effects.push_back(ref);
  }
  for (std::size_t i = 0; i < nodes.invariants.size(); ++i) {
    inner.feeds[{nodes.invariants[i], 0}] = in[count + i];
  }
  if (!body) {
    roots.push_back(entry(nodes.condition).data[0]);
    inner.effects = entry(nodes.condition).control;
  }
  std::erase_if(inner.effects, [&](const Ref& ref) {
    return inner.feeds.contains({ref.node, 0}) || has_no_effect(view, ref.node);
  });
  Edges results = import(scope, inner, roots);
  if (body)
    results.insert(results.end(), in.begin() + static_cast<std::ptrdiff_t>(count), in.end());
  return results;
}

Importer::Edges Importer::exit_node(Site& site) {
  const GraphView& view = site.frame.view;
  const std::vector<int> exits = exits_beside(site.frame, site.number);
  const LoopNodes nodes = regions(view).loop(exits);
  LoopPlan plan;
  plan.name = site.node.name().substr(0, site.node.name().rfind('/'));  // "rnn/while/Exit_2"
  bool is_dead = false;
  const auto add = [&](int enter, bool unchanged) {
    const GraphView::Entry& entry = view.nodes[static_cast<std::size_t>(enter)];
    Edge edge = this->edge(site.frame, entry.data[0]);
    if (edge.reference && entry.node.op() == "Enter") {
      edge = {Edge::Kind::tensor, read(site.scope, edge.variable)};
    }
    is_dead |= edge.kind == Edge::Kind::dead;
    for (const Ref& ref : entry.control) {
      is_dead |= site.frame.state(ref.node) == Frame::State::dead;
    }
    site.in.push_back(edge);
    plan.invariant.push_back(unchanged);
  };
  for (const auto& variable : nodes.variables) add(variable.enter, variable.unchanged);
  for (int enter : nodes.invariants) add(enter, true);
  const auto set = [&](int exit, const Edge& result) {
    Frame::Slot& slot = site.frame.slot(exit);
    slot.state = result.kind == Edge::Kind::poison ? Frame::State::poisoned : Frame::State::done;
    if (result.kind == Edge::Kind::dead) slot.state = Frame::State::dead;
    slot.results = {result};
  };
  if (is_dead) {
    for (int exit : exits) set(exit, {Edge::Kind::dead});
    return {{Edge::Kind::dead}};
  }
  plan.cond = [&](Scope& inner, const Edges& in) {
    return import_frame(inner, site, nodes, false, in);
  };
  plan.body = [&](Scope& inner, const Edges& in) {
    return import_frame(inner, site, nodes, true, in);
  };
  Edges results = settled_loop(site, plan);
  Edge own;
  for (int exit : exits) {
    for (std::size_t i = 0; i < nodes.variables.size(); ++i) {
      if (nodes.variables[i].merge != regions(view).head_of(exit)) continue;
      const Edge result = results[0].kind == Edge::Kind::poison ? results[0] : results[i];
      set(exit, result);
      if (exit == site.number) own = result;
    }
  }
  if (own.kind == Edge::Kind::none) {
    fail(ErrorCode::invalid_argument, "the Merge at the head of its loop has no NextIteration");
  }
  return {own};
}

}  // namespace thaw::tf
