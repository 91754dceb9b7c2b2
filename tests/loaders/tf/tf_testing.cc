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

LoadedModel load_folder(const std::string& path, const LoadOptions& options) {
  const auto tree = is_directory(path)
                        ? open_directory(path, options.limits)
                        : open_zip(read_file(path, options.limits), path, options.limits);
  return load_saved_model(*tree, options, reference_evaluator());
}

std::vector<Tensor> run_graph(const Graph& graph, const std::vector<Tensor>& inputs,
                              std::vector<Tensor>& variables) {
  Interpreter interpreter(graph, reference_backend(), nullptr, 1);
  ThreadPool pool(1);
  return interpreter.run(inputs, variables, pool, nullptr);
}

std::vector<Tensor> run_graph(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> variables;
  for (const Variable& variable : graph.variables) variables.push_back(variable.initial.clone());
  return run_graph(graph, inputs, variables);
}

namespace {

std::vector<CaseFolder> cases_below(const std::string& root) {
  std::vector<CaseFolder> cases;
  if (!fs::is_directory(root)) return cases;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator();
       ++it) {
    if (it.depth() > 2) it.disable_recursion_pending();
    if (it->path().filename() != "case.json") continue;
    std::ifstream file(it->path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text.find("\"savedmodel\"") == std::string::npos) continue;
    const fs::path folder = it->path().parent_path();
    std::string name = folder.parent_path().filename().string() + "_" + folder.filename().string();
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
    cases.push_back({name, folder.string()});
  }
  std::sort(cases.begin(), cases.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return cases;
}

std::vector<TensorSpec> specs_of(const Graph& graph, const std::vector<ValueId>& values,
                                 const std::vector<std::string>& names) {
  std::vector<TensorSpec> specs;
  for (std::size_t i = 0; i < values.size(); ++i) {
    specs.push_back({names[i], graph.values[static_cast<std::size_t>(values[i])].type});
  }
  return specs;
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

std::string difference(const tools::Case& test, const tools::CaseForm& form,
                       const LoadedModel& model) {
  const LoadedSignature* signature = &model.signatures.at(model.default_signature);
  for (const LoadedSignature& candidate : model.signatures) {
    if (candidate.name == form.signature) signature = &candidate;
  }
  const Graph& graph = signature->graph;
  const auto arguments = specs_of(graph, graph.inputs, graph.input_names);
  const auto answers = specs_of(graph, graph.outputs, graph.output_names);
  std::vector<Tensor> variables;
  for (const Variable& variable : graph.variables) variables.push_back(variable.initial.clone());
  std::string report;
  for (const tools::CaseCall& call : test.calls) {
    const auto given =
        tools::select_arrays(test.input_arrays, call.inputs, form.inputs, test.folder);
    const auto wanted = tools::select_arrays(tools::expected_of(test, form), call.outputs,
                                             form.outputs, test.folder);
    std::vector<Tensor> inputs = tools::match_arrays(given, arguments, "input", test.folder);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      std::string note;
      inputs[i] = tools::convert_to(inputs[i], arguments[i].type.dtype, arguments[i].name, note);
    }
    const std::vector<Tensor> expected =
        tools::match_arrays(wanted, answers, "output", test.folder);
    const std::vector<Tensor> results = run_graph(graph, inputs, variables);
    for (std::size_t i = 0; i < results.size(); ++i) {
      const Comparison c = compare(results[i], expected[i], test.tolerance);
      if (c.match) continue;
      report +=
          fmt::format("{}: {} {} of {} differ, max abs {:.3g}, first at {}: got {}, expected {}\n",
                      answers[i].name, c.problem, c.mismatches, c.elements, c.max_abs,
                      fmt::join(c.first_index, ","), c.first_got, c.first_expected);
    }
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
