// TensorFlow 1 branches: Merge nodes that wait for the same predicate become one If. Its sides are
// the same part of the graph, imported with the predicate decided either way.
#include <algorithm>

#include "loaders/tf/import_subgraph.h"
#include "runtime/base/check.h"

namespace thaw::tf {
namespace {

bool waits_for(const Conditions& conditions, const Predicate& predicate) {
  return std::ranges::any_of(conditions, [&](const auto& c) { return c.first == predicate; });
}

}  // namespace

// What the frame's roots need, operands before users; loops count as one node, their exits.
const std::vector<int>& Importer::needed(Frame& frame) {
  if (frame.order) return *frame.order;
  struct Path {
    int node;
    std::vector<Regions::Need> needs;
    std::size_t next = 0;
  };
  Regions& graph = regions(frame.view);
  std::vector<int> order;
  std::unordered_set<int> seen;
  std::vector<Path> open;
  const auto enter = [&](const Ref& ref) {
    if (ref.node < 0 || frame.feeds.contains({ref.node, ref.port})) return;
    if (seen.insert(ref.node).second) {
      // Only the body of a loop follows its heads.
      const bool stops = graph.heads_loop(ref.node);
      open.push_back({ref.node, stops ? std::vector<Regions::Need>{} : graph.needs(ref.node)});
    }
  };
  std::vector<Ref> roots = frame.roots;
  roots.insert(roots.end(), frame.effects.begin(), frame.effects.end());
  for (const Ref& root : roots) {
    enter(root);
    while (!open.empty()) {
      Path& top = open.back();
      if (top.next < top.needs.size()) {
        const Ref ref = top.needs[top.next++].ref;
        if (ref.node >= 0 && graph.remaining(ref, frame.decided)) enter(ref);
        continue;
      }
      order.push_back(top.node);
      open.pop_back();
    }
  }
  return frame.order.emplace(std::move(order));
}

// Which operands of a Merge can be there, as far as predicates are decided.
std::vector<bool> Importer::alive(Frame& frame, int merge) {
  Regions& graph = regions(frame.view);
  std::vector<bool> result;
  for (const Ref& ref : frame.view.nodes[static_cast<std::size_t>(merge)].data) {
    result.push_back(graph.remaining(ref, frame.decided).has_value());
  }
  return result;
}

// The outermost predicate that decides which operand of the Merge is there.
std::optional<Predicate> Importer::undecided(Frame& frame, int merge) {
  Regions& graph = regions(frame.view);
  std::vector<Conditions> operands;
  for (const Ref& ref : frame.view.nodes[static_cast<std::size_t>(merge)].data) {
    if (auto left = graph.remaining(ref, frame.decided)) operands.push_back(std::move(*left));
  }
  std::optional<Predicate> any;
  for (const Conditions& operand : operands) {
    for (const auto& [predicate, value] : operand) {
      const auto before = graph.remaining({predicate.first, predicate.second}, frame.decided);
      if (before && !before->empty()) continue;  // asked only inside another branch
      const bool in_all = std::ranges::all_of(
          operands, [&](const Conditions& other) { return waits_for(other, predicate); });
      if (in_all) return predicate;
      if (!any) any = predicate;
    }
  }
  return any;
}

// All merges of the same branch, unless one depends on another: then the branch was written twice.
std::unique_ptr<Importer::Branches> Importer::gather_branches(Frame& frame, int merge,
                                                              const Predicate& predicate) {
  Regions& graph = regions(frame.view);
  auto branches = std::make_unique<Branches>();
  branches->predicate = predicate;
  const Conditions own = graph.conditions_of_node(merge);
  std::set<int> candidates;
  for (int node : needed(frame)) {
    if (graph.joins_branches(node) &&
        (node == merge || frame.state(node) == Frame::State::unseen) &&
        graph.conditions_of_node(node) == own && undecided(frame, node) == predicate) {
      candidates.insert(node);
    }
  }
  std::unordered_map<int, int> level;  // how many such merges stand on the way to a node
  std::vector<std::pair<int, int>> found;
  for (int node : candidates.size() > 1 ? needed(frame) : std::vector<int>{}) {
    int above = 0;
    for (const Regions::Need& need : graph.needs(node)) {
      const auto known = level.find(need.ref.node);
      if (known != level.end()) above = std::max(above, known->second);
    }
    const bool same = candidates.contains(node);
    if (same) found.emplace_back(node, above);
    level[node] = above + (same ? 1 : 0);
  }
  for (const auto& [node, above] : found) {
    if (above == level[merge] - 1) branches->merges.push_back(node);
  }
  if (branches->merges.empty()) branches->merges = {merge};
  for (int node : branches->merges) {
    const bool asked = std::ranges::any_of(
        frame.roots, [&](const Ref& root) { return root.node == node && root.port == 1; });
    branches->indexed.push_back(asked || graph.uses_index(node));
  }
  find_outside(frame, *branches);
  return branches;
}

// Walks back from the merges as far as results wait for the predicate.
void Importer::find_outside(Frame& frame, Branches& branches) {
  Regions& graph = regions(frame.view);
  std::vector<Regions::Need> open;
  std::unordered_set<int> seen;
  std::set<std::tuple<int, std::int64_t, bool>> known;
  for (int merge : branches.merges) {
    for (const Regions::Need& need : graph.needs(merge)) open.push_back(need);
  }
  while (!open.empty()) {
    const auto [ref, control] = open.back();
    open.pop_back();
    if (ref.node == Ref::kMissing) continue;
    const bool fed = ref.is_argument() || frame.feeds.contains({ref.node, ref.port});
    if (!fed && !control && !graph.remaining(ref, frame.decided)) continue;
    const Conditions* conditions =
        fed ? nullptr : &(control ? graph.conditions_of_node(ref.node) : graph.conditions(ref));
    if (conditions != nullptr && waits_for(*conditions, branches.predicate)) {
      if (!seen.insert(ref.node).second) continue;
      for (const Regions::Need& need : graph.needs(ref.node)) open.push_back(need);
    } else if (known.emplace(ref.node, control ? 0 : ref.port, control).second) {
      branches.outside.push_back({ref, control});
    }
  }
  const Ref asked{branches.predicate.first, branches.predicate.second};
  if (known.emplace(asked.node, asked.port, false).second) {
    branches.outside.push_back({asked, false});
  }
}

Importer::Edges Importer::import_side(Scope& scope, const Frame& frame, const Branches& branches,
                                      bool side, const Edges& in) {
  Frame inner(frame.view);
  inner.prefix = frame.prefix;
  inner.arguments.resize(frame.arguments.size());
  inner.decided = frame.decided;
  inner.decided[branches.predicate] = side;
  for (std::size_t i = 0; i < branches.outside.size(); ++i) {
    const auto& [ref, control] = branches.outside[i];
    if (ref.is_argument()) {
      inner.arguments[static_cast<std::size_t>(ref.argument())] = in[i];
      continue;
    }
    if (!control) inner.feeds[{ref.node, ref.port}] = in[i];
    const auto outer = frame.state(ref.node);
    if (outer != Frame::State::unseen) inner.slot(ref.node).state = outer;
  }
  std::vector<Ref> roots;
  for (std::size_t i = 0; i < branches.merges.size(); ++i) {
    roots.push_back({branches.merges[i], 0});
    if (branches.indexed[i]) roots.push_back({branches.merges[i], 1});
  }
  return import(scope, inner, roots);
}

void Importer::import_branches(Scope& scope, Frame& frame, const Branches& branches) {
  for (int merge : branches.merges) {
    frame.slot(merge).state = Frame::State::done;
    ++imported_nodes_;
  }
  guard(scope, frame, branches.merges[0], [&] {
    GraphBuilder& g = scope.builder;
    const Ref asked{branches.predicate.first, branches.predicate.second};
    const ValueId condition = tensor(scope, edge(frame, asked), "the predicate");
    const Shape& shape = g.shape(condition);
    if (g.dtype(condition) != DType::boolean || (shape.has_rank() && shape.rank() != 0)) {
      fail(ErrorCode::invalid_argument, "the predicate is {}, not a bool",
           to_string(g.type(condition)));
    }
    Edges outside;
    for (const auto& [ref, control] : branches.outside) {
      outside.push_back(control ? Edge{} : edge(frame, ref));
    }
    const auto side = [&](bool taken) -> Branch {
      return [this, &frame, &branches, taken](Scope& inner, const Edges& in) {
        return import_side(inner, frame, branches, taken, in);
      };
    };
    const Edges results = pick(scope, outside, condition, side(true), side(false));
    std::size_t next = 0;
    for (std::size_t i = 0; i < branches.merges.size(); ++i) {
      Frame::Slot& slot = frame.slot(branches.merges[i]);
      const Edge first = results[0].kind == Edge::Kind::poison ? kPoison : results[next++];
      if (first.kind == Edge::Kind::poison) slot.state = Frame::State::poisoned;
      if (first.kind == Edge::Kind::dead) slot.state = Frame::State::dead;
      slot.results = {first};
      if (branches.indexed[i] && first.kind != Edge::Kind::poison) {
        slot.results.push_back(results[next++]);
      }
    }
  });
  if (frame.state(branches.merges[0]) == Frame::State::poisoned) {
    for (int merge : branches.merges) frame.slot(merge).state = Frame::State::poisoned;
  }
}

// Only one side of a Switch goes on: the other is dead. What is decided at run time shows where the
// sides meet; a result that is used before exists only sometimes.
Importer::Edges Importer::switch_node(Site& site) {
  const auto asked = regions(site.frame.view).predicate(site.number);
  const Edge data = site.in.at(0);
  if (data.kind == Edge::Kind::poison) return {kPoison};
  if (!asked) return {Edge{}, data};  // the gate of a loop, inside the loop
  constexpr Edge kDead{Edge::Kind::dead}, kBranch{Edge::Kind::branch};
  bool taken = false;
  const auto decided = site.frame.decided.find(*asked);
  if (decided != site.frame.decided.end()) {
    taken = decided->second;
  } else {
    const Edge predicate = edge(site.frame, site.entry.data[1]);
    if (predicate.kind == Edge::Kind::poison) return {kPoison};
    if (predicate.kind == Edge::Kind::dead) return {kDead, kDead};
    const ValueId value = tensor(site.scope, predicate, "the predicate");
    const Tensor* known = site.scope.builder.constant_of(value);
    if (known == nullptr) return {kBranch, kBranch};
    if (known->dtype() != DType::boolean || known->num_elements() != 1) {
      fail(ErrorCode::invalid_argument, "the predicate is {}, not a bool",
           to_string(known->type()));
    }
    taken = known->data<bool>()[0];
  }
  return {taken ? kDead : data, taken ? data : kDead};
}

// Only one operand is there.
Importer::Edges Importer::merge_node(Site& site) {
  if (regions(site.frame.view).heads_loop(site.number)) {
    throw Refusal(
        "stands inside a TensorFlow 1 loop; only what leaves it through an Exit is a result");
  }
  constexpr Edge kDead{Edge::Kind::dead};
  int there = -1;
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    if (site.in[i].kind == Edge::Kind::poison) return {kPoison};
    if (site.in[i].kind == Edge::Kind::dead) continue;
    if (there >= 0) throw Refusal("several branches that are taken");
    there = static_cast<int>(i);
  }
  if (there < 0) {
    site.frame.slot(site.number).state = Frame::State::dead;
    return {kDead, kDead};
  }
  const ValueId index = site.scope.builder.scalar(there, DType::int32);
  return {site.in[static_cast<std::size_t>(there)], {Edge::Kind::tensor, index}};
}

}  // namespace thaw::tf
