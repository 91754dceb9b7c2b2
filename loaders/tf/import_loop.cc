// Loops: the condition and the body become sub-graphs. What the body hands through unchanged is no
// result of the loop, and constants among it are copied in.
#include <algorithm>

#include "loaders/tf/import_subgraph.h"
#include "runtime/base/check.h"

namespace thaw::tf {
namespace {

// A loop variable's shape is made more general until the body agrees. Each round unknowns only
// grow; what does not settle soon becomes wholly unknown.
constexpr int kRoundsBeforeUnknown = 3;
constexpr int kMaxRounds = 2 * kRoundsBeforeUnknown;

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
    if (entry.node.op() != "Identity" || entry.data.size() != 1 || !entry.control.empty())
      return -1;
    ref = entry.data[0];
    if (ref.node == Ref::kMissing) return -1;
  }
  return -1;
}

// Loop variables first, in operand order, then captured variables.
Edge inner_argument(GraphBuilder& inner, const GraphBuilder& outer, const Edge& argument,
                    bool carried, const TensorType& type, std::size_t i) {
  if (argument.kind != Edge::Kind::tensor) return argument;
  if (carried) return tensor_edge(inner.input(fmt::format("var_{}", i), type));
  return tensor_edge(inner.constant(*outer.constant_of(argument.value)));
}

}  // namespace

std::unique_ptr<Importer::SubGraph> Importer::enter_loop(Site& site, const LoopPlan& plan,
                                                         const Branch& part) {
  auto sub = std::make_unique<SubGraph>(evaluator_, site.scope);
  set_place(site.scope, site.frame, site.node);
  if (!plan.name.empty()) site.scope.builder.set_scope(plan.name, site.node.description());
  sub->graph.name = site.scope.builder.scope();
  Edges inner;
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    inner.push_back(inner_argument(sub->scope.builder, site.scope.builder, site.in[i],
                                   plan.carried[i], plan.types[i], i));
  }
  sub->results = part(sub->scope, inner);
  set_place(site.scope, site.frame, site.node);
  if (!plan.name.empty()) site.scope.builder.set_scope(plan.name, site.node.description());
  return sub;
}

// Makes the types as general as the body's results; true if they already were.
bool Importer::settle_types(const SubGraph& body, LoopPlan& plan) const {
  bool settled = true;
  for (std::size_t i = 0; i < plan.types.size(); ++i) {
    if (!plan.carried[i] || plan.invariant[i]) continue;
    if (body.results[i].kind != Edge::Kind::tensor) continue;
    const TensorType& next = body.scope.builder.type(body.results[i].value);
    if (next.dtype != plan.types[i].dtype) {
      fail(ErrorCode::invalid_argument, "loop variable {} is {}, the body makes it {}", i,
           name_of(plan.types[i].dtype), name_of(next.dtype));
    }
    const Shape common = generalise(plan.types[i].shape, next.shape);
    settled &= common == plan.types[i].shape;
    plan.types[i].shape = common;
  }
  return settled;
}

// One attempt with the types of `plan`; if they turn out too narrow, they are widened and nothing
// is returned.
Importer::Edges Importer::loop(Site& site, LoopPlan& plan) {
  auto body = enter_loop(site, plan, plan.body);
  if (!settle_types(*body, plan)) return {};
  auto cond = enter_loop(site, plan, plan.cond);
  if (has_poison(body->results) || has_poison(cond->results)) {
    return Edges(std::max<std::size_t>(1, site.in.size()), kPoison);
  }
  if (cond->results.size() != 1) {
    fail(ErrorCode::invalid_argument, "the condition has {} results", cond->results.size());
  }
  if (!cond->scope.assigned.empty()) throw Refusal("a loop condition that assigns variables");
  share_captures(*cond, *body);
  GraphBuilder& g = cond->scope.builder;
  ValueId go_on = tensor(cond->scope, cond->results[0], "the condition");
  if (g.dtype(go_on) == DType::string) throw Refusal("a condition that is a string");
  if (g.shape(go_on) == Shape{}) go_on = g.cast(go_on, DType::boolean);
  g.output("condition", go_on);

  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    const Edge &before = site.in[i], &after = body->results[i];
    if (plan.carried[i]) {
      operands.push_back(before.value);
      body->scope.builder.output(fmt::format("var_{}", i),
                                 tensor(body->scope, after, "a result of the body"));
    } else if (before.kind != Edge::Kind::tensor &&
               (after.kind != before.kind || after.variable != before.variable)) {
      throw Refusal(fmt::format("loop variable {} is a handle that changes", i));
    }
  }
  for (int variable : body->scope.captured) {
    operands.push_back(read(site.scope, variable));
    body->scope.builder.output(variable_names_[static_cast<std::size_t>(variable)],
                               read(body->scope, variable));
  }
  return add_loop(site, plan, *cond, *body, operands);
}

// The While node itself. What does not change is what it was before.
Importer::Edges Importer::add_loop(Site& site, const LoopPlan& plan, SubGraph& cond, SubGraph& body,
                                   const std::vector<ValueId>& operands) {
  Graph& graph = site.scope.builder.graph();
  const auto id = static_cast<SubgraphId>(graph.subgraphs.size());
  graph.subgraphs.push_back(std::move(cond.graph));
  graph.subgraphs.push_back(std::move(body.graph));
  const auto values =
      site.scope.builder.add(ops::While{id, id + 1}, operands, static_cast<int>(operands.size()));
  Edges results = site.in;
  std::size_t next = 0;
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    if (!plan.carried[i]) continue;
    const ValueId value = values[next++];
    if (!plan.invariant[i]) results[i] = tensor_edge(value);
  }
  for (int variable : body.scope.captured) {
    const ValueId value = values[next++];
    if (std::ranges::find(body.scope.assigned, variable) != body.scope.assigned.end()) {
      assign(site.scope, variable, value);
    }
  }
  return results;
}

Importer::Edges Importer::while_node(Site& site) {
  LoopPlan plan;
  const NodeView::Function cond = site.node.function("cond"), body = site.node.function("body");
  plan.cond = [&](Scope& inner, const Edges& in) { return call(inner, cond, in); };
  plan.body = [&](Scope& inner, const Edges& in) { return call(inner, body, in); };
  const GraphView& view = functions_.view(body);
  if (view.results.size() != site.in.size() || view.arguments.size() != site.in.size()) {
    fail(ErrorCode::invalid_argument, "function '{}' has {} arguments and {} results, expected {}",
         printable(body.name), view.arguments.size(), view.results.size(), site.in.size());
  }
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    Edge& edge = site.in[i];
    if (edge.kind == Edge::Kind::variable && edge.reference) {
      edge = tensor_edge(read(site.scope, edge.variable));
    }
    plan.invariant.push_back(handed_through(view, i) == static_cast<int>(i));
  }
  return settled_loop(site, plan);
}

// Imports the loop until the types of its variables are as general as the body makes them.
Importer::Edges Importer::settled_loop(Site& site, LoopPlan& plan) {
  for (std::size_t i = 0; i < site.in.size(); ++i) {
    const Edge& edge = site.in[i];
    const bool is_tensor = edge.kind == Edge::Kind::tensor;
    const bool constant = is_tensor && site.scope.builder.constant_of(edge.value) != nullptr;
    plan.carried.push_back(is_tensor && !(plan.invariant[i] && constant));
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

}  // namespace thaw::tf
