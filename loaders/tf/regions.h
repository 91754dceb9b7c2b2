// The structure of TensorFlow 1 control flow: under which predicates a result is computed, and
// which nodes make up a loop. Reads the graph only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "loaders/tf/graph_view.h"

namespace thaw::tf {

/// A result (node, port) that Switch nodes ask, behind identities.
using Predicate = std::pair<int, std::int64_t>;
/// Values that predicates must have for a result to be computed, sorted.
using Conditions = std::vector<std::pair<Predicate, bool>>;

/// One loop, as far as the exits that are asked for need it.
struct LoopNodes {
  struct Variable {
    int merge = -1, enter = -1, next = -1;
    bool unchanged = false;  // the body hands it through
  };
  int condition = -1;  // the LoopCond node
  std::vector<Variable> variables;
  std::vector<int> invariants;  // Enter nodes of what the body reads and does not change
};

/// Answers are kept; the view must outlive the object. Everything throws Error: invalid_argument
/// naming a node for malformed control flow, resource_exhausted when the limits are exceeded.
class Regions {
 public:
  Regions(const GraphView& view, const Limits& limits) : view_(view), limits_(limits) {}

  /// A Merge that joins branches (not the head of a loop).
  bool joins_branches(int node) const;
  /// A Merge that a NextIteration feeds.
  bool heads_loop(int node) const;
  /// The predicate of a Switch; nothing if it is the gate of a loop.
  std::optional<Predicate> predicate(int node) const;

  const Conditions& conditions(const Ref& ref);
  /// Of a node's operands: what must hold for the node itself to run.
  const Conditions& conditions_of_node(int node);
  /// What is left to hold once `decided` is known; nothing if it can never hold.
  std::optional<Conditions> remaining(const Ref& ref, const std::map<Predicate, bool>& decided);

  /// What must be there before the node: operands, then control inputs. An Exit needs what its loop
  /// takes from outside.
  struct Need {
    Ref ref;
    bool control = false;
  };
  std::vector<Need> needs(int node);
  /// The loop that these exits leave.
  LoopNodes loop(const std::vector<int>& exits);
  std::vector<Need> needs(const LoopNodes& loop);
  /// The LoopCond of an Exit's loop, and the Merge whose value it gives out.
  int loop_condition(int exit) const;
  int head_of(int exit) const;
  /// Something uses the second result of this Merge.
  bool uses_index(int merge);

 private:
  using Set = std::size_t;  // an index into sets_
  const GraphView::Entry& entry(int node) const {
    return view_.nodes[static_cast<std::size_t>(node)];
  }
  const std::string& op(int node) const { return entry(node).node.op(); }
  Ref behind_identities(Ref ref) const;
  Set intern(Conditions conditions);
  Set join(Set a, Set b);
  Set set_of(const Ref& ref);
  Set set_of_node(int root);
  Set combine(int node);
  void add_variable(LoopNodes& loop, int merge, std::vector<Ref>& open);
  void charge(std::size_t steps);

  const GraphView& view_;
  const Limits& limits_;
  std::vector<const Conditions*> sets_;  // the keys of numbers_
  std::map<Conditions, Set> numbers_;
  std::unordered_map<int, Set> of_nodes_;
  std::unordered_map<int, std::vector<Need>> exits_;
  std::unordered_set<int> tracing_;
  std::optional<std::unordered_set<int>> index_users_;
  std::uint64_t steps_ = 0;
};

bool is_merge(std::string_view op);
bool is_switch(std::string_view op);
bool is_exit(std::string_view op);
/// The back edge of a loop, which is not followed from inside the loop.
bool closes_loop(std::string_view op);

}  // namespace thaw::tf
