// From a TensorFlow graph to Thaw's: walks what the outputs need, writes calls out, and resolves
// resources.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "loaders/tf/functions.h"
#include "loaders/tf/ops/op_context.h"
#include "loaders/tf/regions.h"
#include "loaders/tf/variables.h"
#include "runtime/ir/builder.h"

namespace thaw::tf {

/// What flows along an edge of the TensorFlow graph while it is imported.
struct Edge {
  enum class Kind : std::uint8_t {
    none,      // not computed
    tensor,    // a value of the graph under construction, tensor lists included
    variable,  // a handle of (or a reference to) a variable
    array,     // a handle of a TensorFlow 1 tensor array; its items are a list in its flow
    table,     // a handle of a lookup table
    stored,    // a tensor of the checkpoint that nothing has asked for yet
    branch,    // behind a Switch whose side is decided at run time
    dead,      // behind the branch of a Switch that is not taken
    poison,    // behind a node that cannot be run
  };
  Kind kind = Kind::none;
  ValueId value = -1;
  int variable = -1;       // or array, table, stored tensor
  bool reference = false;  // TensorFlow 1: using it reads the variable
};
inline constexpr Edge kPoison{Edge::Kind::poison};
inline Edge tensor_edge(ValueId value) { return {Edge::Kind::tensor, value}; }
inline bool has_poison(const std::vector<Edge>& edges) {
  return std::ranges::any_of(edges, [](const Edge& e) { return e.kind == Edge::Kind::poison; });
}

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

/// One graph in the course of its import: the top graph, one call of a function, or a branch or a
/// loop body of TensorFlow 1, which is a part of such a graph under another builder.
struct Frame {
  explicit Frame(const GraphView& graph) : view(graph) {}

  enum class State : std::uint8_t { unseen, open, done, poisoned, dead };
  struct Slot {
    State state = State::unseen;
    std::vector<Edge> results;
  };
  Slot& slot(int node) { return slots[node]; }
  State state(int node) const {
    const auto found = slots.find(node);
    return found == slots.end() ? State::unseen : found->second.state;
  }

  const GraphView& view;
  std::string prefix;  // of the names of nodes that do not say which layer they belong to
  std::vector<Edge> arguments;
  std::map<std::pair<int, std::int64_t>, Edge> feeds;  // results given from outside
  std::map<Predicate, bool> decided;                   // which sides of branches this is
  std::unordered_map<int, Slot> slots;
  std::vector<Ref> roots;                 // what is asked of it
  std::vector<Ref> effects;               // nodes that run although nothing uses them
  std::optional<std::vector<int>> order;  // nodes that the roots need, operands first
};

class Importer {
 public:
  /// The references must outlive the importer. `stateful`: variables (by handle) that the model
  /// assigns.
  Importer(FunctionLibrary& functions, Variables& variables, const LoadOptions& options,
           const Evaluator& evaluator, std::set<std::string> stateful);
  ~Importer();

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
    int number = -1;  // of the node
  };
  /// Behind a branch that is not taken.
  bool is_dead(const Site& site) const;
  using Handler = Edges (Importer::*)(Site&);
  using Branch = std::function<Edges(Scope&, const Edges&)>;
  struct SubGraph;
  struct LoopPlan;
  /// What a tensor array's handle tells beside its items.
  struct Array {
    DType dtype = DType::invalid;
    Shape element_shape = Shape::unknown_rank();
    bool grows = false;
  };

  static const std::map<std::string_view, Handler>& handlers();

  // import_visit.cc
  struct Open;
  struct Branches;
  enum class Step : std::uint8_t { more, import, finished };
  void visit(Scope& scope, Frame& frame, int root);
  void begin(Frame& frame, Open& open);
  Step go_on(Scope& scope, Frame& frame, Open& open);
  void guard(Scope& scope, Frame& frame, int number, const std::function<void()>& run);
  void import_node(Scope& scope, Frame& frame, int number);
  Edges import_any(Site& site);
  using OpImport = std::function<Results(OpContext&)>;
  Edges import_op(Site& site, const OpImport& import, int kind = 0);
  Edge edge(const Frame& frame, const Ref& ref) const;
  Regions& regions(const GraphView& view);
  bool has_no_effect(const GraphView& view, int node);
  void collect(const NodeView& node, const std::string& why);
  [[noreturn]] void add_place(const Error& error, const NodeView& node, const Frame& frame) const;
  Edges call(Scope& scope, const NodeView::Function& function, const Edges& arguments);
  void check_types(const Scope& scope, const GraphView& view, const Edges& edges,
                   const std::vector<int>& stated, const char* what) const;
  static bool type_fits(DType found, DType stated);
  void check_attribute(const Site& site) const;
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
  Edges pass_all(Site& site);
  Edges pass_first(Site& site);
  Edges nothing(Site& site);
  Edges assert_node(Site& site);
  Edges variable_handle(Site& site);
  Edges variable_reference(Site& site);
  Edges read_variable(Site& site);
  Edges assign_variable(Site& site);
  Edges update_variable(Site& site);
  Edges random_node(Site& site);
  Edges skip_random_numbers(Site& site);
  Edges generator_node(Site& site);
  Edges is_initialized(Site& site);
  Edges variable_shape(Site& site);
  Edges gather_variable(Site& site);

  // import_scatter.cc
  Edges scatter_variable(Site& site);
  Edges assign_slice(Site& site);
  Edges temporary_variable(Site& site);
  Edges destroy_temporary(Site& site);
  Edges remote_call(Site& site);

  // import_table.cc
  Edges table_handle(Site& site);
  Edges find_in_table(Site& site);
  Edges table_size(Site& site);
  Edges export_table(Site& site);
  Edges change_table(Site& site);
  Edges fill_table(Site& site);
  void fill_with(Site& site, int number);
  Edges restored(Site& site);
  int table_operand(Site& site, int i);
  const Table& table_of(Site& site);
  Tensor content(Site& site, int i);
  void fill_tables();
  void run_initialisers(Scope& scope, Frame& frame, int except);
  void run_initialiser(Scope& scope, Frame& frame, int number);
  bool fills_tables(const NodeView::Function& function, std::set<std::string>& seen);

  // import_array.cc
  Edges array(Site& site);
  Edges array_write(Site& site);
  Edges array_read(Site& site);
  Edges array_gather(Site& site);
  Edges array_scatter(Site& site);
  Edges array_size(Site& site);
  Edges array_concat(Site& site);
  Edges array_split(Site& site);
  ValueId flow(Site& site, int i);
  Array& array_of(Site& site);

  // import_branch.cc
  const std::vector<int>& needed(Frame& frame);
  std::optional<Predicate> undecided(Frame& frame, int merge);
  std::vector<bool> alive(Frame& frame, int merge);
  std::unique_ptr<Branches> gather_branches(Frame& frame, int merge, const Predicate& predicate);
  void find_outside(Frame& frame, Branches& branches);
  void import_branches(Scope& scope, Frame& frame, const Branches& branches);
  Edges import_side(Scope& scope, const Frame& frame, const Branches& branches, bool side,
                    const Edges& in);

  // import_frames.cc
  std::vector<int> exits_beside(Frame& frame, int exit);
  Edges exit_node(Site& site);
  Edges import_frame(Scope& scope, Site& site, const LoopNodes& nodes, bool body, const Edges& in);

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
  std::unique_ptr<SubGraph> enter_loop(Site& site, const LoopPlan& plan, const Branch& part);
  bool settle_types(const SubGraph& body, LoopPlan& plan) const;
  Edges loop(Site& site, LoopPlan& plan);
  Edges settled_loop(Site& site, LoopPlan& plan);
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
  std::map<const GraphView*, std::unique_ptr<Regions>> regions_;
  std::map<const GraphView*, std::unordered_map<int, bool>> effects_;  // of nodes, as far as known
  std::vector<Array> arrays_;
  std::vector<std::string> stored_keys_;  // of tensors of the checkpoint
  bool filling_ = false;                  // tables, by running initialisers
  std::uint64_t imported_nodes_ = 0;
  int depth_ = 0;
  std::string prefix_;  // that the next called function gets
};

}  // namespace thaw::tf
