// The order of import: what a node needs before the node. Merge nodes that wait for a predicate
// known only at run time become branches, with everything in front of the branch imported first.
#include <unordered_set>

#include "loaders/tf/import_subgraph.h"
#include "runtime/base/check.h"

namespace thaw::tf {
namespace {

constexpr std::size_t kLongestCycle = 1000;  // characters of a message

// Ops without an effect that have no importer of their own kind; only control inputs name some.
bool is_known_pure(std::string_view op) {
  static const std::unordered_set<std::string_view> names{
      "AudioSummary",
      "AudioSummaryV2",
      "Const",
      "ControlTrigger",
      "HistogramSummary",
      "Identity",
      "IdentityN",
      "ImageSummary",
      "IsVariableInitialized",
      "MergeSummary",
      "NoOp",
      "Placeholder",
      "PlaceholderV2",
      "PlaceholderWithDefault",
      "ReadVariableOp",
      "RefIdentity",
      "ResourceGather",
      "ResourceGatherNd",
      "ScalarSummary",
      "TensorSummary",
      "TensorSummaryV2",
      "Timestamp",
      "VarHandleOp",
      "VarIsInitializedOp",
      "Variable",
      "VariableShape",
      "VariableV2",
  };
  return names.contains(op) || (find_op(op) != nullptr && op.find("Table") == op.npos);
}

}  // namespace

// A node on the way, and what must be there before it.
struct Importer::Open {
  int node;
  std::vector<Regions::Need> needs;
  std::size_t next = 0;
  std::optional<Predicate> asked;      // a Merge: the predicate that is wanted first
  std::unique_ptr<Branches> branches;  // a Merge that becomes a branch
  bool plain = false;
};

// A control input on what has no effect orders nothing that can be seen.
bool Importer::has_no_effect(const GraphView& view, int root) {
  auto& known = effects_[&view];
  if (const auto found = known.find(root); found != known.end()) return found->second;
  struct Path {
    int node;
    std::size_t next = 0;
  };
  std::vector<Path> open{{root}};
  std::unordered_set<int> seen{root}, on_path{root};
  bool pure = true;
  while (pure && !open.empty()) {
    const int node = open.back().node;
    const GraphView::Entry& entry = view.nodes[static_cast<std::size_t>(node)];
    pure = is_known_pure(entry.node.op()) && !functions_.contains(entry.node.op());
    const std::size_t next = open.back().next++;
    if (!pure || next == entry.data.size() + entry.control.size()) {
      on_path.erase(node);
      open.pop_back();
      continue;
    }
    const Ref& ref =
        next < entry.data.size() ? entry.data[next] : entry.control[next - entry.data.size()];
    if (on_path.contains(ref.node)) pure = false;  // a cycle: followed, and found
    if (ref.node < 0 || !seen.insert(ref.node).second) continue;
    if (const auto found = known.find(ref.node); found != known.end()) {
      pure = found->second;
    } else {
      on_path.insert(ref.node);
      open.push_back({ref.node});
    }
  }
  if (pure) {
    for (int node : seen) known[node] = true;
  }
  known[root] = pure;
  return pure;
}

void Importer::begin(Frame& frame, Open& open) {
  const GraphView::Entry& entry = frame.view.nodes[static_cast<std::size_t>(open.node)];
  if (!entry.missing.empty()) {
    entry.node.fail(ErrorCode::invalid_argument, "input '{}' is not there",
                    printable(entry.missing));
  }
  const std::string& op = entry.node.op();
  if (is_merge(op) || is_exit(op) || is_switch(op)) {
    Regions& graph = regions(frame.view);
    if (is_exit(op)) {
      open.needs = graph.needs(graph.loop(exits_beside(frame, open.node)));
    } else if (is_switch(op)) {
      open.needs = graph.needs(open.node);
      const auto predicate = graph.predicate(open.node);
      // The gate of a loop, and a switch whose side is known, only hand their data on.
      if (!predicate || frame.decided.contains(*predicate)) {
        open.needs.erase(open.needs.begin() + 1);
      }
    }
    return;
  }
  if (closes_loop(entry.node.op())) return;
  for (const Ref& ref : entry.data) open.needs.push_back({ref, false});
  for (const Ref& ref : entry.control) {
    if (!has_no_effect(frame.view, ref.node)) open.needs.push_back({ref, true});
  }
}

// What to do once everything that was asked for is there.
Importer::Step Importer::go_on(Scope& scope, Frame& frame, Open& open) {
  const GraphView::Entry& entry = frame.view.nodes[static_cast<std::size_t>(open.node)];
  if (open.plain || !is_merge(entry.node.op()) || !regions(frame.view).joins_branches(open.node)) {
    return Step::import;
  }
  if (open.branches != nullptr) {
    import_branches(scope, frame, *open.branches);
    return Step::finished;
  }
  open.next = 0;
  while (const auto predicate = undecided(frame, open.node)) {
    const Ref ref{predicate->first, predicate->second};
    if (open.asked != predicate) {
      open.asked = predicate;
      open.needs = {{ref, false}};
      return Step::more;
    }
    const Edge known = edge(frame, ref);
    if (known.kind != Edge::Kind::tensor && !known.reference) break;  // dead, or cannot be run
    const Tensor* value = scope.builder.constant_of(tensor(scope, known, "the predicate"));
    if (value == nullptr || value->dtype() != DType::boolean || value->num_elements() != 1) {
      open.branches = gather_branches(frame, open.node, *predicate);
      open.needs = open.branches->outside;
      return Step::more;
    }
    frame.decided[*predicate] = value->data<bool>()[0];
  }
  open.plain = true;
  open.needs.clear();
  const std::vector<bool> is_alive = alive(frame, open.node);
  for (std::size_t i = 0; i < entry.data.size(); ++i) {
    if (is_alive[i]) open.needs.push_back({entry.data[i], false});
  }
  for (const Ref& ref : entry.control) open.needs.push_back({ref, true});
  return Step::more;
}

// Depth first without recursion: what a node needs before the node.
void Importer::visit(Scope& scope, Frame& frame, int root) {
  if (frame.state(root) != Frame::State::unseen) return;
  std::vector<Open> open;
  const auto enter = [&](int node) {
    frame.slot(node).state = Frame::State::open;
    open.push_back({node, {}, 0, {}, nullptr, false});
    begin(frame, open.back());
  };
  enter(root);
  while (!open.empty()) {
    Open& top = open.back();
    if (top.next == top.needs.size()) {
      const Step step = go_on(scope, frame, top);
      if (step == Step::more) continue;
      const int node = top.node;
      open.pop_back();
      if (step == Step::import) import_node(scope, frame, node);
      continue;
    }
    const Ref ref = top.needs[top.next++].ref;
    if (ref.node < 0 || frame.feeds.contains({ref.node, ref.port})) continue;
    const Frame::State state = frame.state(ref.node);
    if (state == Frame::State::open) {
      std::string cycle;
      for (const Open& step : open) {
        if (step.node == ref.node || !cycle.empty()) {
          const auto& node = frame.view.nodes[static_cast<std::size_t>(step.node)].node;
          cycle += fmt::format("'{}' needs ", printable(node.name()));
        }
        if (cycle.size() > kLongestCycle) break;
      }
      const auto& node = frame.view.nodes[static_cast<std::size_t>(ref.node)].node;
      node.fail(ErrorCode::invalid_argument, "depends on itself: {}'{}'", cycle,
                printable(node.name()));
    }
    if (state == Frame::State::unseen) enter(ref.node);
  }
}

}  // namespace thaw::tf
