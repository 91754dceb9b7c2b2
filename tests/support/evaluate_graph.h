// Runs a graph node by node on the reference backend: the plainest way to see what a loader has
// made.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/ir/builder.h"
#include "runtime/ir/graph.h"

namespace thaw::testing {

/// State of the graph's variables between runs.
using Variables = std::vector<Tensor>;
Variables initial_variables(const Graph& graph);

/// The graph's outputs. `variables` is read and updated. Graphs with control flow or tensor lists
/// are not run: throws Error(unimplemented). Types of results are compared with the inferred ones.
std::vector<Tensor> evaluate_graph(const Graph& graph, const std::vector<Tensor>& inputs,
                                   Variables& variables);
std::vector<Tensor> evaluate_graph(const Graph& graph, const std::vector<Tensor>& inputs);

/// Folds constants with the reference backend.
Evaluator reference_folding();

/// "" if `got` is within atol + rtol |expected| everywhere and has its shape; else what differs
/// first. Element types may differ (numbers are compared as doubles).
std::string difference(const Tensor& got, const Tensor& expected, double rtol, double atol);

}  // namespace thaw::testing
