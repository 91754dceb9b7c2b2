#include "tests/support/evaluate_graph.h"

#include <cmath>

#include "kernels/backend.h"
#include "runtime/base/check.h"

namespace thaw::testing {
namespace {

double element(const Tensor& tensor, std::size_t i) {
  switch (tensor.dtype()) {
    case DType::float16: return to_float(tensor.data<float16>()[i]);
    case DType::bfloat16: return to_float(tensor.data<bfloat16>()[i]);
    case DType::float32: return tensor.data<float>()[i];
    case DType::float64: return tensor.data<double>()[i];
    case DType::int8: return tensor.data<std::int8_t>()[i];
    case DType::int16: return tensor.data<std::int16_t>()[i];
    case DType::int32: return tensor.data<std::int32_t>()[i];
    case DType::int64: return static_cast<double>(tensor.data<std::int64_t>()[i]);
    case DType::uint8: return tensor.data<std::uint8_t>()[i];
    case DType::uint16: return tensor.data<std::uint16_t>()[i];
    case DType::uint32: return tensor.data<std::uint32_t>()[i];
    case DType::uint64: return static_cast<double>(tensor.data<std::uint64_t>()[i]);
    case DType::boolean: return tensor.data<bool>()[i] ? 1 : 0;
    default: fail(ErrorCode::invalid_argument, "cannot compare {}", name_of(tensor.dtype()));
  }
}

void check_type(const Node& node, const Tensor& got, const TensorType& inferred) {
  bool fits = got.dtype() == inferred.dtype;
  if (inferred.shape.has_rank()) {
    fits = fits && got.shape().rank() == inferred.shape.rank();
    for (int axis = 0; fits && axis < got.shape().rank(); ++axis) {
      fits = inferred.shape[axis] == kUnknownDim || inferred.shape[axis] == got.shape()[axis];
    }
  }
  if (!fits) {
    fail(ErrorCode::internal, "{} ({}): inferred {}, evaluated to {}", node.name, name_of(node.op),
         to_string(inferred), to_string(got.type()));
  }
}

}  // namespace

Variables initial_variables(const Graph& graph) {
  Variables variables;
  for (const Variable& variable : graph.variables) variables.push_back(variable.initial);
  return variables;
}

std::vector<Tensor> evaluate_graph(const Graph& graph, const std::vector<Tensor>& inputs) {
  Variables variables = initial_variables(graph);
  return evaluate_graph(graph, inputs, variables);
}

std::vector<Tensor> evaluate_graph(const Graph& graph, const std::vector<Tensor>& inputs,
                                   Variables& variables) {
  if (inputs.size() != graph.inputs.size()) {
    fail(ErrorCode::invalid_argument, "the graph has {} inputs, got {}", graph.inputs.size(),
         inputs.size());
  }
  std::vector<Tensor> values(graph.values.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto id = static_cast<std::size_t>(graph.inputs[i]);
    values[id] = inputs[i].dtype() == graph.values[id].type.dtype
                     ? inputs[i]
                     : evaluate(ops::Cast{graph.values[id].type.dtype}, {inputs[i]}, 1)[0];
  }
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<ops::Input>(node.op)) continue;
    std::vector<Tensor> operands;
    for (ValueId id : node.inputs) operands.push_back(values[static_cast<std::size_t>(id)]);
    std::vector<Tensor> results;
    if (const auto* constant = std::get_if<ops::Constant>(&node.op)) {
      results = {constant->value};
    } else if (const auto* read = std::get_if<ops::VariableRead>(&node.op)) {
      results = {variables[static_cast<std::size_t>(read->variable)]};
    } else if (const auto* assign = std::get_if<ops::VariableAssign>(&node.op)) {
      variables[static_cast<std::size_t>(assign->variable)] = operands[0].clone();
    } else {
      results = evaluate(node.op, operands, static_cast<int>(node.outputs.size()));
    }
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto id = static_cast<std::size_t>(node.outputs[i]);
      check_type(node, results[i], graph.values[id].type);
      values[id] = results[i];
    }
  }
  std::vector<Tensor> outputs;
  for (ValueId id : graph.outputs) outputs.push_back(values[static_cast<std::size_t>(id)]);
  return outputs;
}

Evaluator reference_folding() {
  return [](const Op& op, const std::vector<Tensor>& inputs, const std::vector<TensorType>& types,
            std::vector<Tensor>& outputs) {
    try {
      outputs = evaluate(op, inputs, static_cast<int>(types.size()));
      return true;
    } catch (const Error&) {
      return false;
    }
  };
}

std::string difference(const Tensor& got, const Tensor& expected, double rtol, double atol) {
  if (got.shape() != expected.shape()) {
    return fmt::format("shape {} instead of {}", got.shape().to_string(),
                       expected.shape().to_string());
  }
  double worst = 0;
  std::string first;
  for (std::size_t i = 0; i < static_cast<std::size_t>(got.num_elements()); ++i) {
    const double a = element(got, i), b = element(expected, i);
    if ((std::isnan(a) && std::isnan(b)) || a == b) continue;
    const double error = std::abs(a - b);
    if (error <= atol + rtol * std::abs(b)) continue;
    if (first.empty()) first = fmt::format("element {}: {} instead of {}", i, a, b);
    worst = std::isnan(error) || error > worst ? error : worst;
  }
  return first.empty() ? "" : fmt::format("{} (largest difference {})", first, worst);
}

}  // namespace thaw::testing
