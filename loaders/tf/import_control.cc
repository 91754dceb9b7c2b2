// Calls, branches and loops. Branches and bodies become sub-graphs that see only their inputs: constants
// are copied in, variables nobody assigns are constants, and variables somebody assigns go in and out as
// values.
#include <algorithm>

#include "loaders/tf/import.h"
#include "runtime/base/check.h"

namespace thaw::tf {
namespace {

constexpr Edge kPoison{Edge::Kind::poison};
constexpr Edge kDead{Edge::Kind::dead};
// A loop variable's shape is made more general until the body agrees. Each round unknowns only grow; what does
// not settle soon becomes wholly unknown.
constexpr int kRoundsBeforeUnknown = 3;
constexpr int kMaxRounds = 2 * kRoundsBeforeUnknown;

Edge tensor_edge(ValueId value) { return {Edge::Kind::tensor, value}; }

bool has_poison(const std::vector<Edge>& edges) {
  return std::ranges::any_of(edges, [](const Edge& e) { return e.kind == Edge::Kind::poison; });
}

// What both shapes have in common.
Shape generalise(const Shape& a, const Shape& b) {
  if (!a.has_rank() || !b.has_rank() || a.rank() != b.rank()) return Shape::unknown_rank();
  Shape common = a;
  for (int i = 0; i < a.rank(); ++i) {
    if (a[i] != b[i]) common[i] = kUnknownDim;
  }
  return common;
}

// The argument that result `i` of a function hands through unchanged, or -1.
int handed_through(const GraphView& view, std::size_t i) {
  Ref ref = view.results[i];
  for (std::size_t steps = 0; steps <= view.nodes.size(); ++steps) {
    if (ref.is_argument()) return ref.argument();
    const GraphView::Entry& entry = view.nodes[static_cast<std::size_t>(ref.node)];
    if (entry.node.op() != "Identity" || entry.data.size() != 1 || !entry.control.empty()) return -1;
    ref = entry.data[0];
    if (ref.node == Ref::kMissing) return -1;
  }
  return -1;
}

}  // namespace

/// A branch or body under construction.
struct Importer::SubGraph {
  SubGraph(const Evaluator& evaluator, Scope& outer) : scope(graph, evaluator, &outer) {}

  Graph graph;
  Scope scope;
  std::vector<ValueId> operands;  // of the outer graph, for the inputs that are not captured variables
  Edges results;
};

Importer::Edges Importer::call_node(Site& site) {
  return call(site.scope, site.node.function("f"), site.in);
}

// Runs `import_body` in a new graph. Constants are copied in, everything else becomes an input.
std::unique_ptr<Importer::SubGraph> Importer::branch(Scope& scope, const Edges& arguments,
                                                     const Branch& import_body) {
  auto sub = std::make_unique<SubGraph>(evaluator_, scope);
  sub->graph.name = scope.builder.scope();
  Edges inner;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const Edge& argument = arguments[i];
    if (argument.kind != Edge::Kind::tensor) {
      inner.push_back(argument);
    } else if (const Tensor* constant = scope.builder.constant_of(argument.value)) {
      inner.push_back(tensor_edge(sub->scope.builder.constant(*constant)));
    } else {
      const std::string name = fmt::format("arg_{}", i);
      inner.push_back(tensor_edge(sub->scope.builder.input(name, scope.builder.type(argument.value))));
      sub->operands.push_back(argument.value);
    }
  }
  sub->results = import_body(sub->scope, inner);
  for (Edge& edge : sub->results) {
    if (edge.kind == Edge::Kind::variable && edge.reference) {
      edge = tensor_edge(read(sub->scope, edge.variable));
    }
  }
  return sub;
}

// Two sub-graphs of one node take the same variables, in the same order, behind their other inputs.
void Importer::share_captures(SubGraph& a, SubGraph& b) {
  std::vector<int> all = a.scope.captured;
  for (int variable : b.scope.captured) {
    if (std::ranges::find(all, variable) == all.end()) all.push_back(variable);
  }
  for (SubGraph* sub : {&a, &b}) {
    for (int variable : all) read(sub->scope, variable);
    Graph& graph = sub->graph;
    const std::size_t own = graph.inputs.size() - all.size();
    std::vector<ValueId> inputs;
    for (ValueId input : graph.inputs) {
      const bool captured = std::ranges::any_of(
          sub->scope.captured_inputs, [&](const auto& entry) { return entry.second == input; });
      if (!captured) inputs.push_back(input);
    }
    THAW_CHECK(inputs.size() == own, "captured inputs of '{}'", graph.name);
    for (int variable : all) inputs.push_back(sub->scope.captured_inputs.at(variable));
    graph.inputs = std::move(inputs);
    graph.input_names.clear();
    for (ValueId input : graph.inputs) {
      graph.input_names.push_back(graph.values[static_cast<std::size_t>(input)].name);
    }
    sub->scope.captured = all;
  }
}

Importer::Edges Importer::pick(Scope& scope, const Edges& arguments, ValueId condition,
                               const Branch& then_branch, const Branch& else_branch) {
  if (const Tensor* known = scope.builder.constant_of(condition)) {
    const Tensor* flag = known->num_elements() == 1 ? known : nullptr;
    if (flag != nullptr && flag->shape().rank() == 0 && flag->dtype() == DType::boolean) {
      return flag->data<bool>()[0] ? then_branch(scope, arguments) : else_branch(scope, arguments);
    }
  }
  const std::string name = scope.builder.scope();
  auto yes = branch(scope, arguments, then_branch), no = branch(scope, arguments, else_branch);
  scope.builder.set_scope(name, fmt::format("node '{}'", printable(name)));
  if (yes->results.size() != no->results.size()) {
    fail(ErrorCode::invalid_argument, "the branches have {} and {} results", yes->results.size(),
         no->results.size());
  }
  if (has_poison(yes->results) || has_poison(no->results)) {
    return Edges(std::max<std::size_t>(1, yes->results.size()), kPoison);
  }
  share_captures(*yes, *no);
  std::vector<int> assigned = yes->scope.assigned;
  for (int variable : no->scope.assigned) {
    if (std::ranges::find(assigned, variable) == assigned.end()) assigned.push_back(variable);
  }
  Edges results = yes->results;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Edge &a = yes->results[i], &b = no->results[i];
    if (a.kind == Edge::Kind::variable && b.kind == a.kind && a.variable == b.variable) continue;
    if (a.kind != Edge::Kind::tensor || b.kind != Edge::Kind::tensor) {
      throw Refusal(fmt::format("result {} is not a tensor in both branches", i));
    }
    const std::string label = fmt::format("result_{}", i);
    yes->scope.builder.output(label, a.value);
    no->scope.builder.output(label, b.value);
    results[i] = {};
  }
  for (int variable : assigned) {
    const std::string& label = variable_names_[static_cast<std::size_t>(variable)];
    yes->scope.builder.output(label, read(yes->scope, variable));
    no->scope.builder.output(label, read(no->scope, variable));
  }
  std::vector<ValueId> operands{condition};
  operands.insert(operands.end(), yes->operands.begin(), yes->operands.end());
  for (int variable : yes->scope.captured) operands.push_back(read(scope, variable));
  const auto outputs = static_cast<int>(yes->graph.outputs.size());
  Graph& graph = scope.builder.graph();
  const auto id = static_cast<SubgraphId>(graph.subgraphs.size());
  graph.subgraphs.push_back(std::move(yes->graph));
  graph.subgraphs.push_back(std::move(no->graph));
  const auto values = scope.builder.add(ops::If{id, id + 1}, operands, outputs);
  std::size_t next = 0;
  for (Edge& edge : results) {
    if (edge.kind == Edge::Kind::none) edge = tensor_edge(values[next++]);
  }
  for (int variable : assigned) assign(scope, variable, values[next++]);
  return results;
}

Importer::Edges Importer::if_node(Site& site) {
  const auto then_function = site.node.function("then_branch");
  const auto else_function = site.node.function("else_branch");
  if (site.in.empty()) fail(ErrorCode::invalid_argument, "has no condition");
  const Edges arguments(site.in.begin() + 1, site.in.end());
  const auto run = [this](const NodeView::Function& function) -> Branch {
    return [this, function](Scope& scope, const Edges& in) { return call(scope, function, in); };
  };
  if (site.in[0].kind == Edge::Kind::poison) {
    call(site.scope, then_function, arguments);
    call(site.scope, else_function, arguments);
    return {kPoison};
  }
  ValueId condition = input(site, 0);
  GraphBuilder& g = site.scope.builder;
  const Shape& shape = g.shape(condition);
  if (g.dtype(condition) == DType::string) throw Refusal("a condition that is a string");
  if (shape.has_rank() && shape.rank() == 0) condition = g.cast(condition, DType::boolean);
  return pick(site.scope, arguments, condition, run(then_function), run(else_function));
}

// An index outside the branches takes the last one.
Importer::Edges Importer::pick_case(Scope& scope, const Edges& arguments, ValueId index,
                                    const std::vector<Branch>& branches, std::size_t first) {
  if (first + 1 == branches.size()) return branches[first](scope, arguments);
  GraphBuilder& g = scope.builder;
  const ValueId is_first =
      g.binary(BinaryKind::equal, index, g.scalar(static_cast<double>(first), DType::int32));
  Edges with_index = arguments;
  with_index.push_back(tensor_edge(index));
  const Branch chosen = [&](Scope& inner, const Edges& in) {
    return branches[first](inner, Edges(in.begin(), in.end() - 1));
  };
  const Branch others = [&](Scope& inner, const Edges& in) {
    return pick_case(inner, Edges(in.begin(), in.end() - 1), in.back().value, branches, first + 1);
  };
  return pick(scope, with_index, is_first, chosen, others);
}

Importer::Edges Importer::case_node(Site& site) {
  std::vector<Branch> branches;
  for (const auto& function : site.node.functions("branches")) {
    branches.push_back(
        [this, function](Scope& scope, const Edges& in) { return call(scope, function, in); });
  }
  if (branches.empty()) fail(ErrorCode::invalid_argument, "has no branches");
  if (branches.size() > static_cast<std::size_t>(options_.limits.max_depth)) {
    fail(ErrorCode::resource_exhausted, "has {} branches", branches.size());
  }
  const ValueId index = input(site, 0);
  const Edges arguments(site.in.begin() + 1, site.in.end());
  return pick_case(site.scope, arguments, index, branches, 0);
}

/// What the operands of a loop are.
struct Importer::LoopPlan {
  NodeView::Function cond, body;
  std::vector<bool> carried;    // operand i changes or is known only at run time: a loop variable
  std::vector<bool> invariant;  // the body hands it through
  std::vector<TensorType> types;
};

namespace {

// Loop variables first, in operand order, then captured variables.
Edge inner_argument(GraphBuilder& inner, const GraphBuilder& outer, const Edge& argument,
                    bool carried, const TensorType& type, std::size_t i) {
  if (argument.kind != Edge::Kind::tensor) return argument;
  if (carried) return tensor_edge(inner.input(fmt::format("var_{}", i), type));
  return tensor_edge(inner.constant(*outer.constant_of(argument.value)));
}

}  // namespace

// One attempt with the types of `plan`; if the body's results are more general, the types are made so and
// nothing is returned.
Importer::Edges Importer::loop(Site& site, LoopPlan& plan) {
  Scope& scope = site.scope;
  const auto enter = [&](const NodeView::Function& function) {
    auto sub = std::make_unique<SubGraph>(evaluator_, scope);
    set_place(scope, site.frame, site.node);
    sub->graph.name = scope.builder.scope();
    Edges inner;
    for (std::size_t i = 0; i < site.in.size(); ++i) {
      inner.push_back(inner_argument(sub->scope.builder, scope.builder, site.in[i], plan.carried[i],
                                     plan.types[i], i));
    }
    sub->results = call(sub->scope, function, inner);
    return sub;
  };
  auto body = enter(plan.body);
  if (body->results.size() != site.in.size()) {
    fail(ErrorCode::invalid_argument, "the body has {} results for {} loop variables",
         body->results.size(), site.in.size());
  }
  bool agreed = true;
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    if (!plan.carried[i] || plan.invariant[i]) continue;
    if (body->results[i].kind != Edge::Kind::tensor) continue;
    const TensorType& next = body->scope.builder.type(body->results[i].value);
    if (next.dtype != plan.types[i].dtype) {
      fail(ErrorCode::invalid_argument, "loop variable {} is {}, the body makes it {}", i,
           name_of(plan.types[i].dtype), name_of(next.dtype));
    }
    const Shape common = generalise(plan.types[i].shape, next.shape);
    agreed &= common == plan.types[i].shape;
    plan.types[i].shape = common;
  }
  if (!agreed) return {};
  auto cond = enter(plan.cond);
  set_place(scope, site.frame, site.node);
  if (has_poison(body->results) || has_poison(cond->results)) {
    return Edges(std::max<std::size_t>(1, site.in.size()), kPoison);
  }
  if (cond->results.size() != 1) {
    fail(ErrorCode::invalid_argument, "the condition has {} results", cond->results.size());
  }
  if (!cond->scope.assigned.empty()) throw Refusal("a loop condition that assigns variables");
  share_captures(*cond, *body);

  Edges results = site.in;  // what does not change
  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    const Edge &before = site.in[i], &after = body->results[i];
    if (!plan.carried[i]) {
      const bool same = before.kind == Edge::Kind::tensor ||
                        (after.kind == before.kind && after.variable == before.variable);
      if (!same) throw Refusal(fmt::format("loop variable {} is a handle that changes", i));
      continue;
    }
    operands.push_back(before.value);
    body->scope.builder.output(fmt::format("var_{}", i),
                               tensor(body->scope, after, "a result of the body"));
  }
  for (int variable : body->scope.captured) {
    operands.push_back(read(scope, variable));
    body->scope.builder.output(variable_names_[static_cast<std::size_t>(variable)],
                               read(body->scope, variable));
  }
  ValueId go_on = tensor(cond->scope, cond->results[0], "the condition");
  const Shape& shape = cond->scope.builder.shape(go_on);
  if (cond->scope.builder.dtype(go_on) == DType::string) throw Refusal("a condition that is a string");
  if (shape.has_rank() && shape.rank() == 0) go_on = cond->scope.builder.cast(go_on, DType::boolean);
  cond->scope.builder.output("condition", go_on);

  Graph& graph = scope.builder.graph();
  const auto id = static_cast<SubgraphId>(graph.subgraphs.size());
  graph.subgraphs.push_back(std::move(cond->graph));
  graph.subgraphs.push_back(std::move(body->graph));
  const auto count = static_cast<int>(operands.size());
  const auto values = scope.builder.add(ops::While{id, id + 1}, operands, count);
  std::size_t next = 0;
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    if (!plan.carried[i]) continue;
    const ValueId value = values[next++];
    if (!plan.invariant[i]) results[i] = tensor_edge(value);
  }
  for (int variable : body->scope.captured) {
    const ValueId value = values[next++];
    if (std::ranges::find(body->scope.assigned, variable) != body->scope.assigned.end()) {
      assign(scope, variable, value);
    }
  }
  return results;
}

Importer::Edges Importer::while_node(Site& site) {
  LoopPlan plan;
  plan.cond = site.node.function("cond");
  plan.body = site.node.function("body");
  const GraphView& view = functions_.view(plan.body);
  if (view.results.size() != site.in.size() || view.arguments.size() != site.in.size()) {
    fail(ErrorCode::invalid_argument, "function '{}' has {} arguments and {} results, expected {}",
         printable(plan.body.name), view.arguments.size(), view.results.size(), site.in.size());
  }
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    Edge& edge = site.in[i];
    if (edge.kind == Edge::Kind::variable && edge.reference) {
      edge = tensor_edge(read(site.scope, edge.variable));
    }
    const bool is_tensor = edge.kind == Edge::Kind::tensor;
    const bool invariant = handed_through(view, i) == static_cast<int>(i);
    const bool constant = is_tensor && site.scope.builder.constant_of(edge.value) != nullptr;
    plan.invariant.push_back(invariant);
    plan.carried.push_back(is_tensor && !(invariant && constant));
    plan.types.push_back(is_tensor ? site.scope.builder.type(edge.value) : TensorType{});
  }
  const auto counts = op_counts_;
  for (int round = 0; round < kMaxRounds; ++round) {
    Edges results = loop(site, plan);
    if (!results.empty() || site.in.empty()) return results;
    op_counts_ = counts;  // the body is imported again
    if (round < kRoundsBeforeUnknown) continue;
    for (std::size_t i = 0; i < plan.types.size(); ++i) {
      if (plan.carried[i] && !plan.invariant[i] && plan.types[i].dtype != DType::tensor_list) {
        plan.types[i].shape = Shape::unknown_rank();
      }
    }
  }
  fail(ErrorCode::internal, "shapes of the loop variables do not settle");
}

// TensorFlow 1 control flow with a known predicate, such as the learning phase: one side is dead.
Importer::Edges Importer::switch_node(Site& site) {
  if (site.in.size() != 2) fail(ErrorCode::invalid_argument, "expected 2 operands");
  for (const Edge& edge : site.in) {
    if (edge.kind == Edge::Kind::poison) return {kPoison};
  }
  const Tensor* predicate = known(site, 1);
  if (predicate == nullptr) {
    throw Refusal("a TensorFlow 1 branch whose predicate is known only at run time");
  }
  if (predicate->dtype() != DType::boolean || predicate->num_elements() != 1) {
    fail(ErrorCode::invalid_argument, "the predicate is {}, not a bool", to_string(predicate->type()));
  }
  const bool taken = predicate->data<bool>()[0];
  return {taken ? kDead : site.in[0], taken ? site.in[0] : kDead};
}

Importer::Edges Importer::merge_node(Site& site) {
  int alive = -1;
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    if (site.in[i].kind == Edge::Kind::poison) return {kPoison};
    if (site.in[i].kind == Edge::Kind::dead) continue;
    if (alive >= 0) throw Refusal("several branches that are taken");
    alive = static_cast<int>(i);
  }
  if (alive < 0) return {kDead, kDead};
  const ValueId index = site.scope.builder.scalar(alive, DType::int32);
  return {site.in[static_cast<std::size_t>(alive)], tensor_edge(index)};
}

}  // namespace thaw::tf
