// Helpers of the execution tests.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "kernels/backend.h"
#include "runtime/exec/runner.h"
#include "runtime/ir/builder.h"

namespace thaw::testing {

/// Bytes that the process has allocated so far (allocation_test.cc counts them); false under
/// sanitizers, which own the allocator.
bool counts_allocations();
std::size_t allocated_bytes();

inline std::shared_ptr<const Program> program_of(const Graph& graph,
                                                 const Backend& backend = reference_backend(),
                                                 const ProgramOptions& options = {}) {
  return std::make_shared<const Program>(graph, backend, options);
}

inline Tensor floats(Shape shape, const std::vector<float>& values) {
  return Tensor::from<float>(std::move(shape), values);
}
inline Tensor scalar(std::int32_t value) { return Tensor::from<std::int32_t>(Shape{}, {value}); }
inline std::vector<float> to_vector(const Tensor& tensor) {
  return {tensor.data<float>(), tensor.data<float>() + tensor.num_elements()};
}

inline Tensor random_floats(Shape shape, unsigned seed) {
  Tensor tensor(DType::float32, std::move(shape));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i)
    tensor.mutable_data<float>()[i] = normal(random);
  return tensor;
}

/// Type and every bit.
inline ::testing::AssertionResult identical(const Tensor& a, const Tensor& b) {
  if (a.type() != b.type()) {
    return ::testing::AssertionFailure() << to_string(a.type()) << " and " << to_string(b.type());
  }
  if (a.size_bytes() == 0 || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << "elements of " << to_string(a.type()) << " differ";
}

/// The message of the Error that `run` throws, its code in `code`; empty if it throws none.
template <class Run>
std::string error_of(const Run& run, ErrorCode* code = nullptr) {
  try {
    run();
  } catch (const Error& error) {
    if (code != nullptr) *code = error.code();
    return error.what();
  }
  return {};
}

/// Every op by evaluate() and nothing else: neither plans nor the interpreter. No control flow.
inline std::vector<Tensor> evaluate_graph(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> values(graph.values.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    values[static_cast<std::size_t>(graph.inputs[i])] = inputs[i];
  }
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<ops::Input>(node.op)) continue;
    std::vector<Tensor> operands, results;
    for (ValueId input : node.inputs) operands.push_back(values[static_cast<std::size_t>(input)]);
    if (const auto* constant = std::get_if<ops::Constant>(&node.op)) {
      results = {constant->value};
    } else if (std::holds_alternative<ops::Identity>(node.op)) {
      results = operands;
    } else {
      results = evaluate(node.op, operands, static_cast<int>(node.outputs.size()));
    }
    for (std::size_t i = 0; i < results.size(); ++i) {
      values[static_cast<std::size_t>(node.outputs[i])] = results[i];
    }
  }
  std::vector<Tensor> outputs;
  for (ValueId output : graph.outputs) outputs.push_back(values[static_cast<std::size_t>(output)]);
  return outputs;
}

/// x [?, 4] -> relu(x w + b) v: what the simplest model is.
inline Graph mlp() {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim, 4}});
  g.set_scope("hidden");
  ValueId y = g.matmul(x, g.constant(random_floats({4, 8}, 1)));
  y = g.binary(BinaryKind::add, y, g.constant(random_floats({8}, 2)));
  y = g.unary({UnaryKind::relu}, y);
  g.set_scope("scores");
  y = g.matmul(y, g.constant(random_floats({8, 3}, 3)));
  g.output("y", g.add1(ops::Softmax{{-1}, false}, {y}));
  return graph;
}

/// A graph of `size` random ops over x [?, 6], z [?, 6], flags [?, 6]; several outputs of every
/// kind.
Graph random_graph(unsigned seed, int size);
std::vector<Tensor> random_inputs(unsigned seed, std::int64_t batch);

}  // namespace thaw::testing
