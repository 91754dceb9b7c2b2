// Loading and running SavedModels in tests, op by op on the reference backend.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "loaders/load.h"
#include "tools/case.h"

namespace thaw::testing {

/// A SavedModel's folder, or a zip archive of its files.
LoadedModel load_folder(const std::string& path, const LoadOptions& options = {});

/// Inputs by position. `variables` is the state, which the run updates.
std::vector<Tensor> run_graph(const Graph& graph, const std::vector<Tensor>& inputs,
                              std::vector<Tensor>& variables);
/// From the variables' initial values.
std::vector<Tensor> run_graph(const Graph& graph, const std::vector<Tensor>& inputs);

/// A case folder that has a SavedModel.
struct CaseFolder {
  std::string name, path;
};
/// Below tests/golden and demo/models of the repo.
std::vector<CaseFolder> golden_cases();
/// Below $THAW_CORPUS/real; empty without the variable.
std::vector<CaseFolder> corpus_cases();

/// Runs the form's signature; empty if all outputs match, else what differs.
std::string difference(const tools::Case& test, const tools::CaseForm& form,
                       const LoadedModel& model);

/// How many nodes of the graph and its sub-graphs have this op.
int count_ops(const Graph& graph, const std::string& op);

}  // namespace thaw::testing
