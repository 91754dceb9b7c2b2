// Calls and branches. Branches become sub-graphs that see only their inputs: constants
// are copied in, variables nobody assigns are constants, and variables somebody assigns go in and
// out as values.
#include <algorithm>

#include "loaders/tf/import_subgraph.h"
#include "runtime/base/check.h"

namespace thaw::tf {
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
      inner.push_back(
          tensor_edge(sub->scope.builder.input(name, scope.builder.type(argument.value))));
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
    const bool handles = a.kind == Edge::Kind::variable || a.kind == Edge::Kind::array ||
                         a.kind == Edge::Kind::table || a.kind == Edge::Kind::dead;
    if (handles && b.kind == a.kind && a.variable == b.variable) continue;
    if (a.kind == Edge::Kind::dead || b.kind == Edge::Kind::dead) {
      throw Refusal("a result that exists only on one side of a branch decided at run time");
    }
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

}  // namespace thaw::tf
