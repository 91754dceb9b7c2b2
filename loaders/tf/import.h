// From a TensorFlow graph to Thaw's: walks what the outputs need, writes calls out, and resolves
// resources.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "loaders/tf/functions.h"
#include "loaders/tf/ops/op_context.h"
#include "loaders/tf/variables.h"
#include "runtime/ir/builder.h"

namespace thaw::tf {

/// What flows along an edge of the TensorFlow graph while it is imported.
struct Edge {
  enum class Kind : std::uint8_t {
    none,      // not computed
    tensor,    // a value of the graph under construction, tensor lists included
    variable,  // a handle of (or a reference to) a variable
    dead,      // behind the branch of a Switch that is not taken
    poison,    // behind a node that cannot be run
  };
  Kind kind = Kind::none;
  ValueId value = -1;
  int variable = -1;
  bool reference = false;  // TensorFlow 1: using it reads the variable
};

/// A graph under construction: the model's, or a sub-graph of control flow. Assignments are turned
/// into values: reading a variable gives what was assigned last in this run, and the outermost
/// graph stores the last values at its end. Sub-graphs take variables that some node assigns as
/// inputs and give them back.
struct Scope {
  Scope(Graph& graph, const Evaluator& evaluator, Scope* outer)
      : builder(graph, evaluator), parent(outer) {}

  GraphBuilder builder;
  Scope* parent;
  std::map<int, ValueId> current;    // of variables
  std::map<int, VariableId> stored;  // outermost graph only
  std::vector<int> captured;         // variables that are inputs, in order of first use
  std::map<int, ValueId> captured_inputs;
  std::vector<int> assigned;  // in order of first assignment
};

/// One graph in the course of its import: the top graph, or one call of a function.
struct Frame {
  explicit Frame(const GraphView& graph)
      : view(graph), state(graph.nodes.size(), State::unseen), results(graph.nodes.size()) {}

  enum class State : std::uint8_t { unseen, open, done, poisoned, dead };
  const GraphView& view;
  std::string prefix;  // of the names of nodes that do not say which layer they belong to
  std::vector<Edge> arguments;
  std::map<std::pair<int, std::int64_t>, Edge> feeds;  // top graph: results given from outside
  std::vector<State> state;
  std::vector<std::vector<Edge>> results;
};

class Importer {
 public:
  /// The references must outlive the importer. `stateful`: variables (by handle) that the model
  /// assigns.
  Importer(FunctionLibrary& functions, Variables& variables, const LoadOptions& options,
           const Evaluator& evaluator, std::set<std::string> stateful);

  /// Imports what `roots` need. Throws Error naming the node; what cannot be run is collected
  /// instead, and the edges behind it are poison.
  std::vector<Edge> import(Scope& scope, Frame& frame, const std::vector<Ref>& roots);
  /// The tensor of an edge. Throws when it is none.
  ValueId tensor(Scope& scope, const Edge& edge, const char* what);
  /// Stores the variables' last values; the end of the outermost graph.
  void store_variables(Scope& scope);

  const std::vector<Unsupported>& unsupported() const { return unsupported_; }
  const std::map<std::string, std::int64_t>& op_counts() const { return op_counts_; }
  /// Handles of variables that nodes assigned.
  const std::set<std::string>& assigned() const { return assigned_; }
  /// Ops of graph structure (calls, control flow, variables) that the importer handles itself.
  static std::vector<std::string> structural_ops();

 private:
  using Edges = std::vector<Edge>;
  /// What a structural node is imported with.
  struct Site {
    Scope& scope;
    Frame& frame;
    const GraphView::Entry& entry;
    const NodeView& node;
    Edges in;
  };
  /// Behind a branch that is not taken.
  bool is_dead(const Site& site) const;
  using Handler = Edges (Importer::*)(Site&);
  using Branch = std::function<Edges(Scope&, const Edges&)>;
  struct SubGraph;
  struct LoopPlan;

  static const std::map<std::string_view, Handler>& handlers();

  void visit(Scope& scope, Frame& frame, int root);
  void import_node(Scope& scope, Frame& frame, int number);
  Edges import_any(Site& site);
  Edges import_op(Site& site, const OpRow& row);
  Edge edge(const Frame& frame, const Ref& ref) const;
  void collect(const NodeView& node, const std::string& why);
  [[noreturn]] void add_place(const Error& error, const NodeView& node, const Frame& frame) const;
  Edges call(Scope& scope, const NodeView::Function& function, const Edges& arguments);
  void set_place(Scope& scope, const Frame& frame, const NodeView& node);
  ValueId input(Site& site, int i);
  const Tensor* known(Site& site, int i);

  // import_state.cc
  int variable_number(const std::string& handle);
  ValueId read(Scope& scope, int variable);
  void assign(Scope& scope, int variable, ValueId value);
  int variable_operand(Site& site, int i);
  Edges constant(Site& site);
  Edges placeholder(Site& site);
  Edges placeholder_with_default(Site& site);
  Edges pass(Site& site);
  Edges pass_first(Site& site);
  Edges nothing(Site& site);
  Edges assert_node(Site& site);
  Edges variable_handle(Site& site);
  Edges variable_reference(Site& site);
  Edges read_variable(Site& site);
  Edges assign_variable(Site& site);
  Edges update_variable(Site& site);
  Edges is_initialized(Site& site);
  Edges variable_shape(Site& site);
  Edges gather_variable(Site& site);

  // import_control.cc
  Edges call_node(Site& site);
  Edges if_node(Site& site);
  Edges case_node(Site& site);
  Edges while_node(Site& site);
  Edges switch_node(Site& site);
  Edges merge_node(Site& site);
  Edges pick(Scope& scope, const Edges& arguments, ValueId condition, const Branch& then_branch,
             const Branch& else_branch);
  Edges pick_case(Scope& scope, const Edges& arguments, ValueId index,
                  const std::vector<Branch>& branches, std::size_t first);
  std::unique_ptr<SubGraph> branch(Scope& scope, const Edges& arguments, const Branch& import_body);
  void share_captures(SubGraph& a, SubGraph& b);

  // import_loop.cc
  std::unique_ptr<SubGraph> enter_loop(Site& site, const LoopPlan& plan,
                                       const NodeView::Function& function);
  bool settle_types(const SubGraph& body, LoopPlan& plan) const;
  Edges loop(Site& site, LoopPlan& plan);
  Edges add_loop(Site& site, const LoopPlan& plan, SubGraph& cond, SubGraph& body,
                 const std::vector<ValueId>& operands);

  FunctionLibrary& functions_;
  Variables& variables_;
  const LoadOptions& options_;
  const Evaluator& evaluator_;
  std::set<std::string> stateful_;

  std::vector<std::string> variable_names_;
  std::map<std::string, int> variable_numbers_;
  std::vector<Unsupported> unsupported_;
  std::map<std::string, std::size_t> unsupported_ops_;  // op and reason -> item
  std::map<std::size_t, std::int64_t> unsupported_counts_;
  std::map<std::string, std::int64_t> op_counts_;
  std::set<std::string> assigned_;
  std::uint64_t imported_nodes_ = 0;
  int depth_ = 0;
  std::string prefix_;  // that the next called function gets
};

}  // namespace thaw::tf
