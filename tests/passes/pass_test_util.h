// Running a graph op by op, and saying what became of it.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "runtime/ir/graph.h"
#include "thaw/tensor.h"

namespace thaw::test {

/// The graph of a text without its "graph { }", verified.
Graph graph_of(const std::string& body);

/// A graph, and what a pass is to make of it as ops_of() says it.
struct PassRow {
  std::string name, graph, after;
  double tolerance = -1;  // of difference(); below 0: that of the rows
};

/// Runs the pass on every row: it must give these ops, say whether it changed any, find nothing the
/// second time, and keep the results, to the bit where the tolerance is 0.
void check_rows(const std::vector<PassRow>& rows, bool (*pass)(Graph&), double tolerance = 0);

/// Evaluates every node on the reference backend. Without control flow.
std::vector<Tensor> run_graph(const Graph& graph, const std::vector<Tensor>& inputs);

/// Random inputs for the graph; unknown dimensions become 3.
std::vector<Tensor> random_inputs(const Graph& graph, std::uint32_t seed);

/// Ops in order without constants: "input conv mul add relu"; a fused activation as "conv+relu", a
/// bias as "conv+bias".
std::string ops_of(const Graph& graph);

/// "%name = constant() {value = type(...)}" with random elements in [-2, 2].
std::string random_constant(const std::string& name, const std::string& dtype, const Shape& shape,
                            std::uint32_t seed);

/// The largest difference, over the largest magnitude (at least 1).
double difference(const Tensor& a, const Tensor& b);
bool bitwise_equal(const Tensor& a, const Tensor& b);

/// The elements as double, whatever the dtype.
std::vector<double> numbers(const Tensor& tensor);

}  // namespace thaw::test
