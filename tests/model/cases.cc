#include "tests/model/cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "runtime/verify/compare.h"

namespace thaw::testing {
namespace fs = std::filesystem;

std::vector<std::string> case_folders(const std::string& root) {
  std::vector<std::string> folders;
  if (root.empty() || !fs::is_directory(root)) return folders;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
    if (it.depth() > 2) it.disable_recursion_pending();
    if (it->path().filename() == "case.json") folders.push_back(it->path().parent_path().string());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

std::vector<std::string> golden_folders() {
  std::vector<std::string> folders = case_folders(THAW_SOURCE_DIR "/tests/golden");
  const std::vector<std::string> demo = case_folders(THAW_SOURCE_DIR "/demo/models");
  folders.insert(folders.end(), demo.begin(), demo.end());
  return folders;
}

std::string corpus_root() {
  const char* root = std::getenv("THAW_CORPUS");
  return root == nullptr ? "" : root;
}

std::string test_name(const std::string& folder) {
  const fs::path path(folder);
  std::string name = path.parent_path().filename().string() + "_" + path.filename().string();
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

FormRun run_form(const tools::Case& test, const tools::CaseForm& form, const SessionOptions& options,
                 LoadOptions load) {
  load.weights = form.weights;
  if (form.kind == "graphdef" || form.kind == "checkpoint_meta") {
    load.inputs = form.inputs;
    load.outputs = form.outputs;
  }
  const Model model = Model::load(form.model, load);
  Session session = form.signature.empty() ? model.session(options) : model.session(form.signature, options);

  const auto by_key = [](const tools::NamedArrays& arrays, const std::string& key) -> const Tensor& {
    const auto found = std::find_if(arrays.begin(), arrays.end(), [&](const auto& a) { return a.first == key; });
    if (found == arrays.end()) throw Error(ErrorCode::not_found, "no array " + key);
    return found->second;
  };
  // The form's names, looked up in the session's order; positional keys count in the model's own order.
  const auto position_of = [](const std::vector<std::string>& names, const TensorSpec& spec, std::size_t i) {
    const auto found = std::find(names.begin(), names.end(), spec.name);
    return found == names.end() ? i : static_cast<std::size_t>(found - names.begin());
  };
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < session.inputs().size(); ++i) {
    const TensorSpec& spec = session.inputs()[i];
    std::string note;
    inputs.push_back(tools::convert_to(by_key(test.input_arrays, test.inputs.at(position_of(form.inputs, spec, i))),
                                       spec.type.dtype, spec.name, note));
  }
  FormRun run;
  const std::vector<Tensor> results = session.run(inputs);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const TensorSpec& spec = session.outputs()[i];
    const Tensor& expected = by_key(test.expected_arrays, test.outputs.at(position_of(form.outputs, spec, i)));
    const Comparison comparison = compare(results[i], expected, test.tolerance);
    if (comparison.match) continue;
    run.match = false;
    run.report += fmt::format("{} ({}): {} {} of {} differ, max abs {:.3g}, first at {}: got {}, expected {}\n",
                              spec.name, form.model, comparison.problem, comparison.mismatches,
                              comparison.elements, comparison.max_abs, fmt::join(comparison.first_index, ","),
                              comparison.first_got, comparison.first_expected);
  }
  if (results.size() != test.outputs.size()) {
    run.match = false;
    run.report += fmt::format("{} outputs, expected {}\n", results.size(), test.outputs.size());
  }
  return run;
}

}  // namespace thaw::testing
