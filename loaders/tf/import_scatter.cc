// Parts of variables that are assigned, and variables that live for one run.
#include "loaders/tf/import.h"
#include "loaders/tf/ops/bad_indices.h"
#include "loaders/tf/ops/fused.h"
#include "loaders/tf/ops/run_time_axis.h"
#include "runtime/base/check.h"

namespace thaw::tf {
namespace {

struct Update {
  ScatterKind kind;
  bool negated;
};

// "ResourceScatterNdAdd" -> add
Update update_of(std::string_view op) {
  if (op.ends_with("Add")) return {ScatterKind::add, false};
  if (op.ends_with("Sub")) return {ScatterKind::add, true};
  if (op.ends_with("Max")) return {ScatterKind::max, false};
  if (op.ends_with("Min")) return {ScatterKind::min, false};
  if (op.ends_with("Mul")) return {ScatterKind::mul, false};
  return {ScatterKind::update, false};
}

// One number for all rows stands for rows full of it.
ValueId spread(GraphBuilder& g, ValueId updates, ValueId indices, ValueId whole) {
  const Shape& shape = g.shape(updates);
  if (!shape.has_rank() || shape.rank() != 0) return updates;
  const auto sizes = [&](ValueId value) {
    return g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {value});
  };
  const ValueId row = g.slice_axis(sizes(whole), 0, 1, GraphBuilder::kToEnd);
  return g.add1(ops::BroadcastTo{}, {updates, g.concat({sizes(indices), row}, 0)});
}

}  // namespace

Importer::Edges Importer::scatter_variable(Site& site) {
  for (const Edge& edge : site.in) {
    if (edge.kind == Edge::Kind::poison) return {{Edge::Kind::poison}};
  }
  const std::string& op = site.node.op();
  const int variable = variable_operand(site, 0);
  const ValueId whole = read(site.scope, variable);
  ValueId indices = input(site, 1), updates = input(site, 2);
  GraphBuilder& g = site.scope.builder;
  if (op.find("Nd") == op.npos) {
    updates = spread(g, updates, indices, whole);
    indices = g.expand_dims(indices, -1);
  } else {
    OpContext node{g, site.node, {}};
    if (ignores_bad_indices(node)) {
      keep_good_updates(g, run_time_dims(g, whole), indices, updates);
    }
  }
  if (op.ends_with("Div")) {
    const bool nonzero = op.starts_with("Resource");
    assign(site.scope, variable,
           g.add1(ops::HostCall{"scatter_div", {{"nonzero", nonzero}}, nullptr},
                  {whole, indices, updates}));
    return {site.in[0]};
  }
  const Update update = update_of(op);
  if (update.negated) updates = g.unary({UnaryKind::neg}, updates);
  assign(site.scope, variable, g.add1(ops::Scatter{update.kind}, {whole, indices, updates}));
  return {site.in[0]};
}

// (variable, begin, end, strides, value)
Importer::Edges Importer::assign_slice(Site& site) {
  for (const Edge& edge : site.in) {
    if (edge.kind == Edge::Kind::poison) return {{Edge::Kind::poison}};
  }
  const int variable = variable_operand(site, 0);
  const Edge handle = site.in[0];
  site.in[0] = {Edge::Kind::tensor, read(site.scope, variable)};
  const Edges whole = import_op(site, importers::strided_slice_update);
  assign(site.scope, variable, whole.at(0).value);
  return {handle};
}

// Whatever it holds before it is assigned is never read.
Importer::Edges Importer::temporary_variable(Site& site) {
  const Shape shape = site.node.shape("shape");
  if (!shape.is_static()) throw Refusal("a temporary variable whose shape is not known");
  if (static_cast<std::uint64_t>(shape.num_elements()) > options_.limits.max_total_bytes) {
    fail(ErrorCode::resource_exhausted, "a variable of shape {}", shape.to_string());
  }
  variables_.define(site.node.name(), Tensor(site.node.type("dtype"), shape));
  return {{Edge::Kind::variable, -1, variable_number(site.node.name()), true}};
}

Importer::Edges Importer::destroy_temporary(Site& site) {
  if (!site.in.empty() && site.in[0].kind == Edge::Kind::poison) return {site.in[0]};
  return {{Edge::Kind::tensor, read(site.scope, variable_operand(site, 0))}};
}

Importer::Edges Importer::remote_call(Site& site) {
  if (site.in.empty()) fail(ErrorCode::invalid_argument, "has no target");
  return call(site.scope, site.node.function("f"), Edges(site.in.begin() + 1, site.in.end()));
}

}  // namespace thaw::tf
