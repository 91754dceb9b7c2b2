// Specialise: the graph is walked once in order and written anew, every type inferred from the
// types in front of it. What has become constant is evaluated on the way, so that shape arithmetic
// turns into constants before the op that needs them is inferred.
#include <algorithm>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/condition.h"
#include "runtime/ir/infer.h"
#include "runtime/passes/folding.h"
#include "runtime/passes/merge_types.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

constexpr int kMaxDepth = 256;    // nesting of sub-graphs
constexpr int kMaxLoopDepth = 3;  // nesting of loops whose types are sought
constexpr int kMaxRounds = 8;     // until a loop's types settle

void find_assigned(const Graph& graph, std::vector<bool>& assigned) {
  for (const Node& node : graph.nodes) {
    if (const auto* assign = std::get_if<ops::VariableAssign>(&node.op)) {
      if (assign->variable >= 0 && at(assign->variable) < assigned.size()) {
        assigned[at(assign->variable)] = true;
      }
    }
  }
  for (const Graph& sub : graph.subgraphs) find_assigned(sub, assigned);
}

bool all_true(const Tensor& tensor) {
  const bool* elements = tensor.data<bool>();
  return std::all_of(elements, elements + tensor.num_elements(),
                     [](bool element) { return element; });
}

// ValueIds of a source graph -> of the graph being written; -1 where nothing stands yet.
using Map = std::vector<ValueId>;

class Specialiser {
 public:
  Specialiser(const Graph& root, const Evaluator& evaluator)
      : root_(root), evaluator_(evaluator), assigned_(root.variables.size(), false), budget_(root) {
    find_assigned(root, assigned_);
  }

  /// `source` with inputs of these types; where `constants` has a tensor, its uses see the
  /// constant.
  Graph write(const Graph& source, const std::vector<TensorType>& types,
              const std::vector<const Tensor*>& constants);

 private:
  void walk(const Graph& source, Map& map, Graph& out);
  void visit(const Graph& source, const Node& node, Map& map, Graph& out);
  bool fold_shape_query(const Graph& source, const Node& node, Map& map, Graph& out);
  bool fold(const Graph& source, const Node& node, const std::vector<TensorType>& types, Map& map,
            Graph& out);
  bool fold_effect(const Node& node, const Map& map, const Graph& out);
  void branch(const Graph& source, const Node& node, Map& map, Graph& out);
  void loop(const Graph& source, const Node& node, Map& map, Graph& out);
  bool settle_loop(const Graph& body, const std::vector<const Tensor*>& constants,
                   std::vector<TensorType>& types, Graph& written);
  void append(const Graph& source, const Node& node, Op op, const std::vector<TensorType>& types,
              Map& map, Graph& out);
  void append_constant(Tensor value, ValueId from, const Graph& source, const Node& node, Map& map,
                       Graph& out);

  const Graph& root_;
  const Evaluator& evaluator_;
  std::vector<bool> assigned_;
  FoldBudget budget_;
  int depth_ = 0, loop_depth_ = 0;
};

Graph Specialiser::write(const Graph& source, const std::vector<TensorType>& types,
                         const std::vector<const Tensor*>& constants) {
  Graph out;
  out.name = source.name;
  out.input_names = source.input_names;
  out.output_names = source.output_names;
  Map map(source.values.size(), -1);
  for (std::size_t i = 0; i < source.inputs.size(); ++i) {
    const Value& value = source.values[at(source.inputs[i])];
    const auto id = static_cast<ValueId>(out.values.size());
    out.inputs.push_back(id);
    out.values.push_back({value.name, types[i], static_cast<NodeId>(out.nodes.size())});
    out.nodes.push_back({ops::Input{}, {}, {id}, source.nodes[at(value.producer)].name});
    map[at(source.inputs[i])] = id;
    if (i < constants.size() && constants[i] != nullptr) {
      append_constant(*constants[i], source.inputs[i], source, source.nodes[at(value.producer)],
                      map, out);
    }
  }
  walk(source, map, out);
  for (ValueId output : source.outputs) out.outputs.push_back(map[at(output)]);
  return out;
}

void Specialiser::walk(const Graph& source, Map& map, Graph& out) {
  if (++depth_ > kMaxDepth) {
    fail(ErrorCode::resource_exhausted, "sub-graphs are nested deeper than {}", kMaxDepth);
  }
  for (const Node& node : source.nodes) {
    if (std::holds_alternative<ops::Input>(node.op)) continue;  // written with the signature
    const auto* branches = std::get_if<ops::If>(&node.op);
    const Tensor* condition =
        branches == nullptr ? nullptr : constant_of(out, map[at(node.inputs[0])]);
    if (condition == nullptr) {
      try {
        visit(source, node, map, out);
      } catch (const Error& error) {
        throw Error(error.code(), fmt::format("node '{}' ({}): {}", printable(node.name),
                                              name_of(node.op), error.what()));
      }
      continue;
    }
    // A known condition: the branch's nodes stand in place of the if.
    const Graph& taken =
        source.subgraphs[at(is_true(*condition) ? branches->then_graph : branches->else_graph)];
    Map inner(taken.values.size(), -1);
    for (std::size_t i = 0; i < taken.inputs.size(); ++i) {
      inner[at(taken.inputs[i])] = map[at(node.inputs[i + 1])];
    }
    walk(taken, inner, out);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      map[at(node.outputs[i])] = inner[at(taken.outputs[i])];
    }
  }
  --depth_;
}

void Specialiser::visit(const Graph& source, const Node& node, Map& map, Graph& out) {
  if (const auto* constant = std::get_if<ops::Constant>(&node.op)) {
    append_constant(constant->value, node.outputs[0], source, node, map, out);
    return;
  }
  if (const auto* read = std::get_if<ops::VariableRead>(&node.op)) {
    if (!assigned_.at(at(read->variable))) {  // its loaded value for ever
      append_constant(root_.variables[at(read->variable)].initial, node.outputs[0], source, node,
                      map, out);
      return;
    }
  }
  if (std::holds_alternative<ops::If>(node.op)) return branch(source, node, map, out);
  if (std::holds_alternative<ops::While>(node.op)) return loop(source, node, map, out);
  if (fold_shape_query(source, node, map, out) || fold_effect(node, map, out)) return;

  Node probe{node.op, {}, node.outputs, node.name};
  for (ValueId input : node.inputs) probe.inputs.push_back(map[at(input)]);
  const std::vector<TensorType> types = infer_node(out, probe, root_);
  if (!fold(source, node, types, map, out)) append(source, node, node.op, types, map, out);
}

void Specialiser::append(const Graph& source, const Node& node, Op op,
                         const std::vector<TensorType>& types, Map& map, Graph& out) {
  Node copy{std::move(op), {}, {}, node.name};
  for (ValueId input : node.inputs) copy.inputs.push_back(map[at(input)]);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const Value& value = source.values[at(node.outputs[i])];
    const auto id = static_cast<ValueId>(out.values.size());
    // What the importer knew and inference cannot see stays known.
    out.values.push_back(
        {value.name, refine_type(types[i], value.type), static_cast<NodeId>(out.nodes.size())});
    copy.outputs.push_back(id);
    map[at(node.outputs[i])] = id;
  }
  out.nodes.push_back(std::move(copy));
}

void Specialiser::append_constant(Tensor value, ValueId from, const Graph& source, const Node& node,
                                  Map& map, Graph& out) {
  const auto id = static_cast<ValueId>(out.values.size());
  out.values.push_back(
      {source.values[at(from)].name, value.type(), static_cast<NodeId>(out.nodes.size())});
  out.nodes.push_back({ops::Constant{std::move(value)}, {}, {id}, node.name});
  map[at(from)] = id;
}

bool Specialiser::fold_shape_query(const Graph& source, const Node& node, Map& map, Graph& out) {
  const auto* query = std::get_if<ops::ShapeQuery>(&node.op);
  if (query == nullptr) return false;
  Tensor answer = answer_shape_query(*query, out.values[at(map[at(node.inputs[0])])].type.shape);
  if (answer.empty()) return false;
  append_constant(std::move(answer), node.outputs[0], source, node, map, out);
  return true;
}

// An assertion that is known to hold is dropped; one known to fail stays and fails when it runs.
bool Specialiser::fold_effect(const Node& node, const Map& map, const Graph& out) {
  if (!std::holds_alternative<ops::Assert>(node.op)) return false;
  const Tensor* condition = constant_of(out, map[at(node.inputs[0])]);
  return condition != nullptr && condition->dtype() == DType::boolean && all_true(*condition);
}

bool Specialiser::fold(const Graph& source, const Node& node, const std::vector<TensorType>& types,
                       Map& map, Graph& out) {
  if (!evaluator_ || !is_foldable(node)) return false;
  std::vector<Tensor> operands, results;
  for (ValueId input : node.inputs) {
    const Tensor* constant = constant_of(out, map[at(input)]);
    if (constant == nullptr) return false;
    operands.push_back(*constant);
  }
  if (!budget_.admits(node.op, operands, types)) return false;
  try {
    if (!evaluator_(node.op, operands, types, results)) return false;
  } catch (const Error&) {
    return false;  // fails when it runs, if it runs
  }
  THAW_CHECK(results.size() == node.outputs.size(), "evaluating {} gave {} results",
             name_of(node.op), results.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    append_constant(std::move(results[i]), node.outputs[i], source, node, map, out);
  }
  return true;
}

void Specialiser::branch(const Graph& source, const Node& node, Map& map, Graph& out) {
  auto op = std::get<ops::If>(node.op);
  std::vector<TensorType> types;
  std::vector<const Tensor*> constants;
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    types.push_back(out.values[at(map[at(node.inputs[i])])].type);
    constants.push_back(constant_of(out, map[at(node.inputs[i])]));
  }
  std::vector<TensorType> results;
  for (SubgraphId* id : {&op.then_graph, &op.else_graph}) {
    const Graph& original = source.subgraphs[at(*id)];
    THAW_CHECK(
        original.inputs.size() == types.size() && original.outputs.size() == node.outputs.size(),
        "operands and branches of the if do not match");
    Graph written;
    const int depth = depth_;
    try {
      written = write(original, types, constants);
    } catch (const Error& error) {
      // These shapes do not fit this branch, which may never be taken: it fails when it is.
      if (error.code() != ErrorCode::invalid_argument) throw;
      depth_ = depth;
      written = original;
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const TensorType& type = written.values[at(written.outputs[i])].type;
      if (id == &op.then_graph) {
        results.push_back(type);
      } else {
        results[i] = merge_types(results[i], type);
      }
    }
    *id = static_cast<SubgraphId>(out.subgraphs.size());
    out.subgraphs.push_back(std::move(written));
  }
  append(source, node, op, results, map, out);
}

// Raises `types`, which start as those of the loop's operands, until the body gives back what it
// takes.
bool Specialiser::settle_loop(const Graph& body, const std::vector<const Tensor*>& constants,
                              std::vector<TensorType>& types, Graph& written) {
  if (loop_depth_ >= kMaxLoopDepth) return false;
  ++loop_depth_;
  const int depth = depth_;
  bool settled = false;
  try {
    for (int round = 0; round < kMaxRounds && !settled; ++round) {
      written = write(body, types, constants);
      settled = true;
      for (std::size_t i = 0; i < types.size(); ++i) {
        TensorType next = merge_types(types[i], written.values[at(written.outputs[i])].type);
        settled &= next == types[i];
        types[i] = std::move(next);
      }
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::invalid_argument) throw;
    depth_ = depth;  // it fails when it runs, if it runs
    settled = false;
  }
  --loop_depth_;
  return settled;
}

void Specialiser::loop(const Graph& source, const Node& node, Map& map, Graph& out) {
  auto op = std::get<ops::While>(node.op);
  const Graph& cond = source.subgraphs[at(op.cond)];
  const Graph& body = source.subgraphs[at(op.body)];
  const std::size_t count = node.inputs.size();
  THAW_CHECK(body.inputs.size() == count && body.outputs.size() == count &&
                 cond.inputs.size() == count && node.outputs.size() == count,
             "operands, results and sub-graphs of the while do not match");
  std::vector<TensorType> types;
  std::vector<const Tensor*> constants;  // of the variables that the body hands on unchanged
  for (std::size_t i = 0; i < count; ++i) {
    const ValueId operand = map[at(node.inputs[i])];
    types.push_back(out.values[at(operand)].type);
    constants.push_back(body.outputs[i] == body.inputs[i] ? constant_of(out, operand) : nullptr);
  }
  Graph new_body, new_cond;
  bool settled = settle_loop(body, constants, types, new_body);
  if (settled) {
    const int depth = depth_;
    try {
      new_cond = write(cond, types, constants);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::invalid_argument) throw;
      depth_ = depth;
      settled = false;
    }
  }
  if (!settled) {
    new_body = body;
    new_cond = cond;
    for (std::size_t i = 0; i < count; ++i) {
      types[i] =
          merge_types(body.values[at(body.inputs[i])].type, body.values[at(body.outputs[i])].type);
    }
  }
  op.cond = static_cast<SubgraphId>(out.subgraphs.size());
  out.subgraphs.push_back(std::move(new_cond));
  op.body = static_cast<SubgraphId>(out.subgraphs.size());
  out.subgraphs.push_back(std::move(new_body));
  append(source, node, op, types, map, out);
}

}  // namespace

Graph specialise(const Graph& graph, const std::vector<Shape>& input_shapes,
                 const Evaluator& evaluator) {
  if (input_shapes.size() != graph.inputs.size()) {
    fail(ErrorCode::invalid_argument, "expected {} input shapes, got {}", graph.inputs.size(),
         input_shapes.size());
  }
  std::vector<TensorType> types;
  for (std::size_t i = 0; i < input_shapes.size(); ++i) {
    const Value& value = graph.values[at(graph.inputs[i])];
    if (!fits(input_shapes[i], value.type.shape)) {
      fail(ErrorCode::invalid_argument, "input '{}': expected {}, got shape {}",
           printable(graph.input_names[i]), to_string(value.type), input_shapes[i].to_string());
    }
    types.push_back({value.type.dtype, input_shapes[i]});
  }
  Graph out = Specialiser(graph, evaluator).write(graph, types, {});
  out.variables = graph.variables;
  remove_dead_code(out);
#ifndef NDEBUG
  verify(out, "specialise");
#endif
  return out;
}

}  // namespace thaw
