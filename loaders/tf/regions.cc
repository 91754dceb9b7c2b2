#include "loaders/tf/regions.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace thaw::tf {
namespace {

// The analysis may look at each node of the largest graph this often.
constexpr std::uint64_t kStepsPerNode = 16;

bool is_enter(std::string_view op) { return op == "Enter" || op == "RefEnter"; }

}  // namespace

bool is_merge(std::string_view op) { return op == "Merge" || op == "RefMerge"; }
bool is_switch(std::string_view op) { return op == "Switch" || op == "RefSwitch"; }
bool closes_loop(std::string_view op) { return op == "NextIteration" || op == "RefNextIteration"; }
bool is_exit(std::string_view op) { return op == "Exit" || op == "RefExit"; }

void Regions::charge(std::size_t steps) {
  steps_ += steps;
  if (steps_ / kStepsPerNode > limits_.max_nodes) {
    fail(ErrorCode::resource_exhausted, "the control flow is too large to be understood");
  }
}

Ref Regions::behind_identities(Ref ref) const {
  for (std::size_t steps = 0; steps <= view_.nodes.size() && ref.node >= 0; ++steps) {
    const std::string& name = op(ref.node);
    if ((name != "Identity" && name != "RefIdentity") || entry(ref.node).data.empty()) break;
    ref = entry(ref.node).data[0];
  }
  return ref;
}

bool Regions::heads_loop(int node) const {
  if (!is_merge(op(node))) return false;
  return std::ranges::any_of(entry(node).data, [&](const Ref& ref) {
    const Ref source = behind_identities(ref);
    return source.node >= 0 && closes_loop(op(source.node));
  });
}

bool Regions::joins_branches(int node) const { return is_merge(op(node)) && !heads_loop(node); }

std::optional<Predicate> Regions::predicate(int node) const {
  const GraphView::Entry& gate = entry(node);
  if (gate.data.size() != 2) {
    gate.node.fail(ErrorCode::invalid_argument, "expected 2 operands, found {}", gate.data.size());
  }
  const Ref ref = behind_identities(gate.data[1]);
  if (ref.node >= 0 && op(ref.node) == "LoopCond") return std::nullopt;
  return Predicate{ref.node, ref.port};
}

// ---- conditions
// -------------------------------------------------------------------------------------------------

Regions::Set Regions::intern(Conditions conditions) {
  if (conditions.size() > static_cast<std::size_t>(limits_.max_depth)) {
    fail(ErrorCode::resource_exhausted, "branches are nested deeper than {}", limits_.max_depth);
  }
  const auto [found, is_new] = numbers_.emplace(std::move(conditions), sets_.size());
  if (is_new) sets_.push_back(&found->first);
  return found->second;
}

Regions::Set Regions::join(Set a, Set b) {
  if (a == b) return a;
  Conditions all;
  std::ranges::set_union(*sets_[a], *sets_[b], std::back_inserter(all));
  charge(all.size());
  return intern(std::move(all));
}

Regions::Set Regions::set_of(const Ref& ref) {
  if (ref.node < 0) return intern({});
  const Set own = set_of_node(ref.node);
  if (!is_switch(op(ref.node))) return own;
  const auto asked = predicate(ref.node);
  return asked ? join(own, intern({{*asked, ref.port == 1}})) : own;
}

// Depth first without recursion. Inside a loop, conditions count from the loop's head.
Regions::Set Regions::set_of_node(int root) {
  struct Open {
    int node;
    std::vector<Need> needs;
    std::size_t next = 0;
  };
  const auto children = [&](int node) {
    const bool starts = is_enter(op(node)) || heads_loop(node) || closes_loop(op(node));
    return starts ? std::vector<Need>{} : needs(node);
  };
  if (const auto known = of_nodes_.find(root); known != of_nodes_.end()) return known->second;
  std::unordered_set<int> on_path{root};
  std::vector<Open> open;
  open.push_back({root, children(root)});
  while (!open.empty()) {
    Open& top = open.back();
    charge(1);
    if (top.next == top.needs.size()) {
      const int node = top.node;
      of_nodes_[node] = combine(node);
      on_path.erase(node);
      open.pop_back();
      continue;
    }
    const int next = top.needs[top.next++].ref.node;
    if (next < 0 || of_nodes_.contains(next)) continue;
    if (!on_path.insert(next).second) {
      entry(next).node.fail(ErrorCode::invalid_argument, "depends on itself");
    }
    open.push_back({next, children(next)});
  }
  return of_nodes_.at(root);
}

// From the operands, which are known.
Regions::Set Regions::combine(int node) {
  if (is_enter(op(node)) || heads_loop(node) || closes_loop(op(node))) return intern({});
  Set all = intern({});
  std::optional<Conditions> common;
  const bool joins = joins_branches(node);
  for (const Need& need : needs(node)) {
    const Set set =
        need.control && need.ref.node >= 0 ? of_nodes_.at(need.ref.node) : set_of(need.ref);
    if (!joins || need.control) {
      all = join(all, set);
    } else if (!common) {
      common = *sets_[set];
    } else {
      Conditions both;
      std::ranges::set_intersection(*common, *sets_[set], std::back_inserter(both));
      common = std::move(both);
    }
  }
  return common ? join(all, intern(std::move(*common))) : all;
}

const Conditions& Regions::conditions(const Ref& ref) { return *sets_[set_of(ref)]; }
const Conditions& Regions::conditions_of_node(int node) { return *sets_[set_of_node(node)]; }

std::optional<Conditions> Regions::remaining(const Ref& ref,
                                             const std::map<Predicate, bool>& decided) {
  Conditions left;
  for (const auto& [predicate, value] : conditions(ref)) {
    const auto known = decided.find(predicate);
    if (known != decided.end()) {
      if (known->second != value) return std::nullopt;
      continue;
    }
    if (!left.empty() && left.back().first == predicate) return std::nullopt;  // true and false
    left.emplace_back(predicate, value);
  }
  return left;
}

// ---- loops
// ------------------------------------------------------------------------------------------------------

int Regions::loop_condition(int exit) const {
  const GraphView::Entry& leave = entry(exit);
  const Ref gate = leave.data.size() == 1 ? behind_identities(leave.data[0]) : Ref{};
  if (gate.node < 0 || !is_switch(op(gate.node)) || entry(gate.node).data.size() != 2) {
    leave.node.fail(ErrorCode::invalid_argument, "does not leave a loop through a Switch");
  }
  const Ref condition = behind_identities(entry(gate.node).data[1]);
  if (condition.node < 0 || op(condition.node) != "LoopCond" ||
      entry(condition.node).data.empty()) {
    leave.node.fail(ErrorCode::invalid_argument, "the loop that it leaves has no LoopCond");
  }
  return condition.node;
}

int Regions::head_of(int exit) const {
  const Ref gate = behind_identities(entry(exit).data.at(0));
  return behind_identities(entry(gate.node).data.at(0)).node;
}

void Regions::add_variable(LoopNodes& loop, int merge, std::vector<Ref>& open) {
  LoopNodes::Variable variable;
  variable.merge = merge;
  for (const Ref& ref : entry(merge).data) {
    const Ref source = behind_identities(ref);
    if (source.node >= 0 && is_enter(op(source.node))) variable.enter = source.node;
    if (source.node >= 0 && closes_loop(op(source.node))) variable.next = source.node;
  }
  if (variable.enter < 0 || variable.next < 0 || entry(merge).data.size() != 2 ||
      entry(variable.next).data.size() != 1 || entry(variable.enter).data.size() != 1) {
    entry(merge).node.fail(ErrorCode::invalid_argument,
                           "the head of a loop is not an Enter and a NextIteration");
  }
  const Ref next = behind_identities(entry(variable.next).data[0]);
  if (next.node >= 0 && next.port == 1 && is_switch(op(next.node)) &&
      !entry(next.node).data.empty()) {
    variable.unchanged = behind_identities(entry(next.node).data[0]).node == merge;
  }
  loop.variables.push_back(variable);
  for (const Need& need : needs(variable.next)) open.push_back(need.ref);
}

LoopNodes Regions::loop(const std::vector<int>& exits) {
  LoopNodes loop;
  std::vector<Ref> open;
  for (int exit : exits) {
    loop.condition = loop_condition(exit);
    open.push_back(entry(behind_identities(entry(exit).data[0]).node).data[0]);
  }
  open.push_back({loop.condition, 0});
  std::unordered_set<int> seen;
  while (!open.empty()) {
    const int node = open.back().node;
    open.pop_back();
    if (node < 0 || !seen.insert(node).second) continue;
    charge(1);
    if (is_enter(op(node))) {
      loop.invariants.push_back(node);
    } else if (heads_loop(node)) {
      add_variable(loop, node, open);
    } else {
      for (const Need& need : needs(node)) open.push_back(need.ref);
    }
  }
  std::ranges::sort(loop.invariants);
  std::ranges::sort(loop.variables, {}, &LoopNodes::Variable::merge);
  std::optional<std::string> frame;
  const auto check = [&](int enter) {
    const std::string name = entry(enter).node.text("frame_name");
    if (frame && *frame != name) {
      entry(enter).node.fail(ErrorCode::invalid_argument, "enters '{}' in the loop '{}'",
                             printable(name), printable(*frame));
    }
    frame = name;
  };
  for (const auto& variable : loop.variables) check(variable.enter);
  for (int enter : loop.invariants) check(enter);
  return loop;
}

std::vector<Regions::Need> Regions::needs(const LoopNodes& loop) {
  std::vector<Need> all;
  const auto add = [&](int enter) {
    needs(enter);  // that its inputs are there
    for (const Ref& ref : entry(enter).data) all.push_back({ref, false});
    for (const Ref& ref : entry(enter).control) all.push_back({ref, true});
  };
  for (const auto& variable : loop.variables) add(variable.enter);
  for (int enter : loop.invariants) add(enter);
  return all;
}

std::vector<Regions::Need> Regions::needs(int node) {
  if (!entry(node).missing.empty()) {
    entry(node).node.fail(ErrorCode::invalid_argument, "input '{}' is not there",
                          printable(entry(node).missing));
  }
  if (is_exit(op(node))) {
    const auto known = exits_.find(node);
    if (known != exits_.end()) return known->second;
    if (!tracing_.insert(node).second ||
        tracing_.size() > static_cast<std::size_t>(limits_.max_depth)) {
      entry(node).node.fail(ErrorCode::invalid_argument, "loops contain each other, or too deeply");
    }
    std::vector<Need> all = needs(loop({node}));
    tracing_.erase(node);
    return exits_.emplace(node, std::move(all)).first->second;
  }
  std::vector<Need> all;
  for (const Ref& ref : entry(node).data) all.push_back({ref, false});
  for (const Ref& ref : entry(node).control) all.push_back({ref, true});
  return all;
}

bool Regions::uses_index(int merge) {
  if (!index_users_) {
    index_users_.emplace();
    for (const GraphView::Entry& user : view_.nodes) {
      for (const Ref& ref : user.data) {
        if (ref.node >= 0 && ref.port == 1) index_users_->insert(ref.node);
      }
    }
  }
  return index_users_->contains(merge);
}

}  // namespace thaw::tf
