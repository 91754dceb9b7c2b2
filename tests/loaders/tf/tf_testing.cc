#include "tests/loaders/tf/tf_testing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "loaders/tf/tf.h"
#include "runtime/exec/evaluator.h"
#include "runtime/exec/interpret.h"
#include "runtime/verify/compare.h"

namespace thaw::testing {
namespace fs = std::filesystem;

LoadedModel load_folder(const std::string& folder, const LoadOptions& options) {
  const auto tree = open_directory(folder, options.limits);
  return load_saved_model(*tree, options, reference_evaluator());
}

std::vector<Tensor> run_graph(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> variables;
  for (const Variable& variable : graph.variables) variables.push_back(variable.initial.clone());
  Interpreter interpreter(graph, reference_backend(), nullptr, 1);
  ThreadPool pool(1);
  return interpreter.run(inputs, variables, pool, nullptr);
}

namespace {

std::vector<CaseFolder> cases_below(const std::string& root) {
  std::vector<CaseFolder> cases;
  if (!fs::is_directory(root)) return cases;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
    if (it.depth() > 2) it.disable_recursion_pending();
    if (it->path().filename() != "case.json") continue;
    std::ifstream file(it->path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text.find("\"savedmodel\"") == std::string::npos) continue;
    const fs::path folder = it->path().parent_path();
    std::string name = folder.parent_path().filename().string() + "_" + folder.filename().string();
    std::replace_if(name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
    cases.push_back({name, folder.string()});
  }
  std::sort(cases.begin(), cases.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return cases;
}

const Tensor& array(const tools::NamedArrays& arrays, const std::string& key) {
  const auto found =
      std::find_if(arrays.begin(), arrays.end(), [&](const auto& entry) { return entry.first == key; });
  if (found == arrays.end()) throw Error(ErrorCode::not_found, "no array " + key);
  return found->second;
}

std::size_t position(const std::vector<std::string>& names, const std::string& name, std::size_t fallback) {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? fallback : static_cast<std::size_t>(found - names.begin());
}

}  // namespace

std::vector<CaseFolder> golden_cases() {
  std::vector<CaseFolder> cases = cases_below(THAW_SOURCE_DIR "/tests/golden");
  for (CaseFolder& demo : cases_below(THAW_SOURCE_DIR "/demo/models")) cases.push_back(demo);
  return cases;
}

std::vector<CaseFolder> corpus_cases() {
  const char* root = std::getenv("THAW_CORPUS");
  return root == nullptr ? std::vector<CaseFolder>{} : cases_below(std::string(root) + "/real");
}

std::string difference(const tools::Case& test, const tools::CaseForm& form, const LoadedModel& model) {
  const LoadedSignature* signature = &model.signatures.at(model.default_signature);
  for (const LoadedSignature& candidate : model.signatures) {
    if (candidate.name == form.signature) signature = &candidate;
  }
  const Graph& graph = signature->graph;
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const std::size_t at = position(form.inputs, graph.input_names[i], i);
    std::string note;
    const DType dtype = graph.values[static_cast<std::size_t>(graph.inputs[i])].type.dtype;
    inputs.push_back(tools::convert_to(array(test.input_arrays, test.inputs.at(at)), dtype,
                                       graph.input_names[i], note));
  }
  const std::vector<Tensor> results = run_graph(graph, inputs);
  std::string report;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::size_t at = position(form.outputs, graph.output_names[i], i);
    const Tensor& expected = array(test.expected_arrays, test.outputs.at(at));
    const Comparison c = compare(results[i], expected, test.tolerance);
    if (c.match) continue;
    report += fmt::format("{}: {} {} of {} differ, max abs {:.3g}, first at {}: got {}, expected {}\n",
                          graph.output_names[i], c.problem, c.mismatches, c.elements, c.max_abs,
                          fmt::join(c.first_index, ","), c.first_got, c.first_expected);
  }
  if (results.size() != test.outputs.size()) {
    report += fmt::format("{} outputs, expected {}\n", results.size(), test.outputs.size());
  }
  return report;
}

int count_ops(const Graph& graph, const std::string& op) {
  int count = 0;
  for (const Node& node : graph.nodes) count += name_of(node.op) == op;
  for (const Graph& sub : graph.subgraphs) count += count_ops(sub, op);
  return count;
}

}  // namespace thaw::testing
