// Constants, inputs, variables and effects.
#include <algorithm>

#include "loaders/tf/import.h"
#include "loaders/tf/ops/numeric.h"
#include "runtime/base/check.h"

namespace thaw::tf {
int Importer::variable_number(const std::string& handle) {
  const auto [found, is_new] =
      variable_numbers_.emplace(handle, static_cast<int>(variable_names_.size()));
  if (is_new) variable_names_.push_back(handle);
  return found->second;
}

// Variables that nothing assigns are constants. Others are state of the session, which the
// outermost graph reads once and sub-graphs get as an input.
ValueId Importer::read(Scope& scope, int variable) {
  const auto known = scope.current.find(variable);
  if (known != scope.current.end()) return known->second;
  const std::string& name = variable_names_[static_cast<std::size_t>(variable)];
  const Tensor& initial = variables_.value(name);
  GraphBuilder& g = scope.builder;
  ValueId value = -1;
  if (!stateful_.contains(name)) {
    value = g.constant(initial, name);
  } else if (scope.parent == nullptr) {
    const VariableId id = g.variable(name, initial);
    scope.stored[variable] = id;
    value = g.add1(ops::VariableRead{id}, {});
  } else {
    value = g.input(name, initial.type());
    scope.captured.push_back(variable);
    scope.captured_inputs[variable] = value;
  }
  scope.current[variable] = value;
  return value;
}

void Importer::assign(Scope& scope, int variable, ValueId value) {
  if (filling_) {  // the path of an asset, which nothing else reads
    scope.current[variable] = value;
    return;
  }
  const std::string& name = variable_names_[static_cast<std::size_t>(variable)];
  read(scope, variable);  // the variable exists, and a sub-graph gets it as an input
  const DType expected = variables_.value(name).dtype(), found = scope.builder.dtype(value);
  if (expected != found) {
    fail(ErrorCode::invalid_argument, "variable '{}' is {}, assigned is {}", printable(name),
         name_of(expected), name_of(found));
  }
  scope.current[variable] = value;
  if (std::ranges::find(scope.assigned, variable) == scope.assigned.end()) {
    scope.assigned.push_back(variable);
  }
  assigned_.insert(name);
}

void Importer::store_variables(Scope& scope) {
  for (int variable : scope.assigned) {
    const auto stored = scope.stored.find(variable);
    if (stored == scope.stored.end()) continue;  // found out just now: the import is run again
    scope.builder.add(ops::VariableAssign{stored->second}, {scope.current.at(variable)}, 0);
  }
}

int Importer::variable_operand(Site& site, int i) {
  if (static_cast<std::size_t>(i) >= site.in.size() ||
      site.in[static_cast<std::size_t>(i)].kind != Edge::Kind::variable) {
    fail(ErrorCode::invalid_argument, "operand {} is not a variable", i);
  }
  return site.in[static_cast<std::size_t>(i)].variable;
}

Importer::Edges Importer::constant(Site& site) {
  const Tensor value = site.node.tensor("value");
  const DType declared = site.node.type("dtype");
  if (value.dtype() != declared) {
    fail(ErrorCode::invalid_argument, "attribute dtype is {}, the value is {}", name_of(declared),
         name_of(value.dtype()));
  }
  return {tensor_edge(site.scope.builder.constant(value))};
}

Importer::Edges Importer::placeholder(Site&) {
  throw Refusal("a placeholder that is not an input of the signature");
}

// Not fed: the default.
Importer::Edges Importer::placeholder_with_default(Site& site) { return {site.in.at(0)}; }

Importer::Edges Importer::pass(Site& site) {
  for (Edge& edge : site.in) {
    // Identity of a reference reads the variable now, before later assignments.
    if (edge.kind == Edge::Kind::variable && edge.reference && site.node.op() != "RefIdentity") {
      edge = tensor_edge(read(site.scope, edge.variable));
    }
  }
  return site.in;
}

// The operands may differ in type: the attribute lists them.
Importer::Edges Importer::pass_all(Site& site) {
  const std::vector<DType> stated = site.node.types("T");
  if (stated.size() != site.in.size()) {
    fail(ErrorCode::invalid_argument, "{} operands, attribute T has {} types", site.in.size(),
         stated.size());
  }
  for (std::size_t i = 0; i < stated.size(); ++i) {
    if (site.in[i].kind != Edge::Kind::tensor) continue;
    const DType found = site.scope.builder.dtype(site.in[i].value);
    if (type_fits(found, stated[i])) continue;
    fail(ErrorCode::invalid_argument, "attribute T says {} of operand {}, which is {}",
         name_of(stated[i]), i, name_of(found));
  }
  return pass(site);
}

Importer::Edges Importer::pass_first(Site& site) {
  if (site.in.empty()) fail(ErrorCode::invalid_argument, "has no operand");
  return {site.in[0]};
}

Importer::Edges Importer::nothing(Site&) { return {}; }

// The message is made of the constant strings among the data.
Importer::Edges Importer::assert_node(Site& site) {
  if (site.in.empty()) fail(ErrorCode::invalid_argument, "has no condition");
  if (site.in[0].kind == Edge::Kind::poison) return {};
  const Tensor* condition = known(site, 0);
  if (condition != nullptr && condition->dtype() == DType::boolean &&
      std::all_of(condition->data<bool>(), condition->data<bool>() + condition->num_elements(),
                  [](bool holds) { return holds; })) {
    return {};
  }
  std::string message;
  for (std::size_t i = 1; i < site.in.size(); ++i) {
    if (site.in[i].kind != Edge::Kind::tensor) continue;
    const Tensor* data = known(site, static_cast<int>(i));
    if (data == nullptr || data->dtype() != DType::string) continue;
    for (std::int64_t k = 0; k < std::min<std::int64_t>(data->num_elements(), 8); ++k) {
      if (!message.empty()) message += ' ';
      message += printable(data->data<std::string>()[k]);
    }
  }
  site.scope.builder.add(ops::Assert{message}, {input(site, 0)}, 0);
  return {};
}

// The name in the file decides which variable it is: shared_name, or without one the node's name.
// Handles at the top level are known to the checkpoint by their node.
Importer::Edges Importer::variable_handle(Site& site) {
  std::string handle = site.node.name();
  if (!site.frame.view.function.empty()) {
    const std::string shared = site.node.text("shared_name");
    if (!shared.empty()) handle = shared;
  }
  return {{Edge::Kind::variable, -1, variable_number(handle), false}};
}

Importer::Edges Importer::variable_reference(Site& site) {
  return {{Edge::Kind::variable, -1, variable_number(site.node.name()), true}};
}

Importer::Edges Importer::read_variable(Site& site) {
  if (!site.in.empty() && site.in[0].kind == Edge::Kind::poison) return {kPoison};
  const ValueId value = read(site.scope, variable_operand(site, 0));
  if (site.node.type("dtype") != site.scope.builder.dtype(value)) {
    fail(ErrorCode::invalid_argument, "attribute dtype is {}, the variable is {}",
         name_of(site.node.type("dtype")), name_of(site.scope.builder.dtype(value)));
  }
  return {tensor_edge(value)};
}

Importer::Edges Importer::assign_variable(Site& site) {
  for (const Edge& edge : site.in) {
    if (edge.kind == Edge::Kind::poison) return {kPoison};
  }
  assign(site.scope, variable_operand(site, 0), input(site, 1));
  return {site.in[0]};
}

Importer::Edges Importer::update_variable(Site& site) {
  for (const Edge& edge : site.in) {
    if (edge.kind == Edge::Kind::poison) return {kPoison};
  }
  const int variable = variable_operand(site, 0);
  const auto kind = site.node.op().starts_with("AssignAdd") ? BinaryKind::add : BinaryKind::sub;
  const ValueId old_value = read(site.scope, variable);
  assign(site.scope, variable, site.scope.builder.binary(kind, old_value, input(site, 1)));
  return {site.in[0]};
}

// The counter of a generator with a seed is a variable of the session.
Importer::Edges Importer::random_node(Site& site) {
  const std::optional<Tensor> start = random_counter(site.node);
  ValueId next = kNoValue;
  if (!start) {
    return import_op(site, [&](OpContext& c) { return stateful_random(c, kNoValue, next); });
  }
  const std::string handle = fmt::format(
      "{}{}/{} (random counter of seeds {}, {})", site.frame.prefix, site.frame.view.function,
      site.node.name(), site.node.integer("seed"), site.node.integer("seed2"));
  variables_.define(handle, *start);
  const int variable = variable_number(handle);
  const ValueId counter = read(site.scope, variable);
  Edges edges = import_op(site, [&](OpContext& c) { return stateful_random(c, counter, next); });
  if (next != kNoValue) assign(site.scope, variable, next);
  return edges;
}

// The state of a random number generator as it was; the variable's counter moves on.
Importer::Edges Importer::skip_random_numbers(Site& site) {
  for (const Edge& edge : site.in) {
    if (edge.kind == Edge::Kind::poison) return {kPoison};
  }
  const int variable = variable_operand(site, 0);
  const ValueId state = read(site.scope, variable);
  GraphBuilder& g = site.scope.builder;
  assign(site.scope, variable,
         g.add1(ops::HostCall{"random_skip", {}, nullptr},
                {state, input(site, 1), g.cast(input(site, 2), DType::uint64)}));
  if (site.node.op() == "RngSkip") return {};
  return {tensor_edge(state)};
}

// Numbers from a generator's state, which moves on.
Importer::Edges Importer::generator_node(Site& site) {
  for (const Edge& edge : site.in) {
    if (edge.kind == Edge::Kind::poison) return {kPoison};
  }
  const int variable = variable_operand(site, 0);
  site.in[0] = tensor_edge(read(site.scope, variable));
  ValueId next = kNoValue;
  Edges edges = import_op(site, [&](OpContext& c) { return draw_from_generator(c, next); });
  assign(site.scope, variable, next);
  return edges;
}

Importer::Edges Importer::is_initialized(Site& site) {
  return {tensor_edge(site.scope.builder.scalar(1, DType::boolean))};
}

Importer::Edges Importer::variable_shape(Site& site) {
  const ValueId value = read(site.scope, variable_operand(site, 0));
  const ops::ShapeQuery query{ShapeQueryKind::shape, site.node.type("out_type")};
  return {tensor_edge(site.scope.builder.add1(query, {value}))};
}

Importer::Edges Importer::gather_variable(Site& site) {
  for (const Edge& edge : site.in) {
    if (edge.kind == Edge::Kind::poison) return {kPoison};
  }
  const ValueId params = read(site.scope, variable_operand(site, 0));
  const ValueId indices = input(site, 1);
  GraphBuilder& g = site.scope.builder;
  if (site.node.op() == "ResourceGatherNd") {
    return {tensor_edge(g.add1(ops::GatherNd{}, {params, indices}))};
  }
  const std::int64_t batch_dims = site.node.integer("batch_dims");
  return {tensor_edge(g.add1(ops::Gather{batch_dims, batch_dims}, {params, indices}))};
}

}  // namespace thaw::tf
