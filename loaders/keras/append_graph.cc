#include "loaders/keras/append_graph.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// Variables are those of the whole model, sub-graphs those of their own graph.
void renumber_variables(Graph& graph, const std::vector<VariableId>& variables) {
  for (Node& node : graph.nodes) {
    if (auto* read = std::get_if<ops::VariableRead>(&node.op)) {
      read->variable = variables.at(at(read->variable));
    } else if (auto* assign = std::get_if<ops::VariableAssign>(&node.op)) {
      assign->variable = variables.at(at(assign->variable));
    }
  }
  for (Graph& sub : graph.subgraphs) renumber_variables(sub, variables);
}

std::vector<VariableId> add_variables(GraphBuilder& g, const Graph& part,
                                      const std::string& owner) {
  std::vector<VariableId> ids;
  for (const Variable& variable : part.variables) {
    const std::string name = owner + "/" + variable.name;
    const auto& all = g.graph().variables;
    const auto known = std::find_if(all.begin(), all.end(),
                                    [&](const Variable& other) { return other.name == name; });
    ids.push_back(known == all.end() ? g.variable(name, variable.initial)
                                     : static_cast<VariableId>(known - all.begin()));
  }
  return ids;
}

void move_subgraphs(Op& op, SubgraphId by) {
  if (auto* branch = std::get_if<ops::If>(&op)) {
    branch->then_graph += by;
    branch->else_graph += by;
  } else if (auto* loop = std::get_if<ops::While>(&op)) {
    loop->cond += by;
    loop->body += by;
  }
}

}  // namespace

std::vector<ValueId> append_graph(GraphBuilder& g, Graph part, const std::vector<ValueId>& operands,
                                  const std::string& owner) {
  THAW_CHECK(operands.size() == part.inputs.size(), "an operand for each input");
  const std::string scope = g.scope();
  renumber_variables(part, add_variables(g, part, owner));
  const auto first = static_cast<SubgraphId>(g.graph().subgraphs.size());
  std::move(part.subgraphs.begin(), part.subgraphs.end(), std::back_inserter(g.graph().subgraphs));
  std::vector<ValueId> values(part.values.size(), -1);
  for (std::size_t i = 0; i < operands.size(); ++i) values[at(part.inputs[i])] = operands[i];
  for (Node& node : part.nodes) {
    if (std::holds_alternative<ops::Input>(node.op)) continue;
    g.set_scope(scope + "/" + node.name);
    if (auto* constant = std::get_if<ops::Constant>(&node.op)) {
      values[at(node.outputs[0])] = g.constant(std::move(constant->value));
      continue;
    }
    move_subgraphs(node.op, first);
    std::vector<ValueId> inputs;
    for (const ValueId input : node.inputs) inputs.push_back(values[at(input)]);
    const std::vector<ValueId> results =
        g.add(std::move(node.op), std::move(inputs), static_cast<int>(node.outputs.size()));
    for (std::size_t i = 0; i < results.size(); ++i) values[at(node.outputs[i])] = results[i];
  }
  std::vector<ValueId> outputs;
  for (const ValueId output : part.outputs) outputs.push_back(values[at(output)]);
  return outputs;
}

}  // namespace thaw::keras
