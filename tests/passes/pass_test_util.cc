#include "tests/passes/pass_test_util.h"

#include <cmath>
#include <cstring>

#include "kernels/backend.h"

namespace thaw::test {

std::vector<Tensor> run_graph(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> values(graph.values.size());
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    values[static_cast<std::size_t>(graph.inputs[i])] = inputs.at(i);
  }
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<ops::Input>(node.op)) continue;
    if (const auto* constant = std::get_if<ops::Constant>(&node.op)) {
      values[static_cast<std::size_t>(node.outputs[0])] = constant->value;
      continue;
    }
    std::vector<Tensor> operands;
    for (const ValueId id : node.inputs) operands.push_back(values[static_cast<std::size_t>(id)]);
    const std::vector<Tensor> results =
        evaluate(node.op, operands, static_cast<int>(node.outputs.size()));
    for (std::size_t i = 0; i < results.size(); ++i) {
      values[static_cast<std::size_t>(node.outputs[i])] = results[i];
    }
  }
  std::vector<Tensor> outputs;
  for (const ValueId id : graph.outputs) outputs.push_back(values[static_cast<std::size_t>(id)]);
  return outputs;
}

namespace {

double random_number(std::mt19937& rng) {  // few digits, so that every type holds it
  return std::uniform_int_distribution<int>(-128, 128)(rng) / 64.0;
}

}  // namespace

std::string random_constant(const std::string& name, const std::string& dtype, const Shape& shape,
                            std::uint32_t seed) {
  std::mt19937 rng(seed);
  const bool integer = dtype.rfind("int", 0) == 0;
  std::string text = "%" + name + " = constant() {value = " + dtype + shape.to_string() + "(";
  for (std::int64_t i = 0; i < shape.num_elements(); ++i) {
    const double value = random_number(rng);
    text += (i > 0 ? ", " : "") +
            (integer ? std::to_string(static_cast<int>(4 * value)) : std::to_string(value));
  }
  return text + ")}\n";
}

std::vector<Tensor> random_inputs(const Graph& graph, std::uint32_t seed) {
  std::vector<Tensor> inputs;
  for (const ValueId id : graph.inputs) {
    TensorType type = graph.values[static_cast<std::size_t>(id)].type;
    for (int i = 0; i < type.shape.rank(); ++i) {
      if (type.shape[i] < 0) type.shape[i] = 3;
    }
    const std::string text =
        "graph { " + random_constant("x", name_of(type.dtype), type.shape, seed++) + "}";
    inputs.push_back(std::get<ops::Constant>(parse(text).nodes[0].op).value);
  }
  return inputs;
}

std::string ops_of(const Graph& graph) {
  std::string text;
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<ops::Constant>(node.op)) continue;
    text += text.empty() ? "" : " ";
    const UnaryFn* activation = nullptr;
    std::size_t unbiased = 2;
    if (const auto* unary = std::get_if<ops::Unary>(&node.op)) {
      text += name_of(unary->fn.kind);
      continue;
    }
    if (const auto* binary = std::get_if<ops::Binary>(&node.op)) {
      text += name_of(binary->kind);
      continue;
    }
    text += name_of(node.op);
    if (const auto* conv = std::get_if<ops::Conv>(&node.op)) {
      activation = &conv->activation;
    } else if (const auto* matmul = std::get_if<ops::MatMul>(&node.op)) {
      activation = &matmul->activation;
    } else if (std::holds_alternative<ops::ConvTranspose>(node.op)) {
      unbiased = 3;
    } else {
      continue;
    }
    if (node.inputs.size() > unbiased) text += "+bias";
    if (activation != nullptr && activation->kind != UnaryKind::linear) {
      text += std::string("+") + name_of(activation->kind);
    }
  }
  return text;
}

std::vector<double> numbers(const Tensor& tensor) {
  const Tensor wide = evaluate(ops::Cast{DType::float64}, {tensor}, 1)[0];
  return {wide.data<double>(), wide.data<double>() + wide.num_elements()};
}

double difference(const Tensor& a, const Tensor& b) {
  if (a.type() != b.type()) return INFINITY;
  const std::vector<double> x = numbers(a), y = numbers(b);
  double most = 0, scale = 1;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) || std::isnan(y[i])) return INFINITY;
    most = std::max(most, std::abs(x[i] - y[i]));
    scale = std::max(scale, std::abs(x[i]));
  }
  return most / scale;
}

bool bitwise_equal(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() &&
         (a.size_bytes() == 0 || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

Graph graph_of(const std::string& body) {
  Graph graph = parse("graph {\n" + body + "\n}");
  verify(graph, "before");
  return graph;
}

void check_rows(const std::vector<PassRow>& rows, bool (*pass)(Graph&), double tolerance) {
  for (const PassRow& row : rows) {
    SCOPED_TRACE(row.name);
    const Graph before = graph_of(row.graph);
    Graph after = before;
    const bool changed = pass(after);
    verify(after, "after");
    EXPECT_EQ(ops_of(after), row.after);
    EXPECT_EQ(changed, ops_of(before) != row.after);
    EXPECT_FALSE(pass(after));
    const std::vector<Tensor> inputs = random_inputs(before, 5);
    const std::vector<Tensor> expected = run_graph(before, inputs);
    const std::vector<Tensor> found = run_graph(after, inputs);
    ASSERT_EQ(found.size(), expected.size());
    const double most = row.tolerance < 0 ? tolerance : row.tolerance;
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (most == 0) {
        EXPECT_TRUE(bitwise_equal(expected[i], found[i])) << "result " << i;
      } else {
        EXPECT_LE(difference(expected[i], found[i]), most) << "result " << i;
      }
    }
  }
}

}  // namespace thaw::test
