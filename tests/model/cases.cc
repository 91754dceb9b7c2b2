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
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator();
       ++it) {
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

Session open_form(const tools::CaseForm& form, const SessionOptions& options, LoadOptions load) {
  load.weights = form.weights;
  load.signature = form.signature;
  if (form.kind == "graphdef" || form.kind == "checkpoint_meta") {
    load.inputs.insert(load.inputs.begin(), form.inputs.begin(), form.inputs.end());
    load.outputs = form.outputs;
  }
  const Model model = Model::load(form.model, load);
  return form.signature.empty() ? model.session(options) : model.session(form.signature, options);
}

Session prepared_session(const tools::Case& test, const tools::CaseForm& form) {
  SessionOptions options;
  options.threads = 1;
  Session session = open_form(form, options);
  const auto given =
      tools::select_arrays(test.input_arrays, test.calls.front().inputs, form.inputs, test.folder);
  std::vector<Shape> shapes;
  for (const Tensor& input : tools::match_arrays(given, session.inputs(), "input", test.folder)) {
    shapes.push_back(input.shape());
  }
  session.prepare(shapes);
  return session;
}

FormRun run_form(const tools::Case& test, const tools::CaseForm& form,
                 const SessionOptions& options, LoadOptions load,
                 const std::vector<std::string>& fed_constants) {
  for (const std::string& name : fed_constants) {
    load.inputs.push_back(name.find(':') == std::string::npos ? name + ":0" : name);
  }
  Session session = open_form(form, options, std::move(load));

  // Arrays under the form's names; positional keys count in the model's own order.
  FormRun run;
  for (const tools::CaseCall& call : test.calls) {
    const auto given =
        tools::select_arrays(test.input_arrays, call.inputs, form.inputs, test.folder);
    const auto wanted = tools::select_arrays(tools::expected_of(test, form), call.outputs,
                                             form.outputs, test.folder);
    std::vector<TensorSpec> specs = session.inputs();
    specs.resize(specs.size() - fed_constants.size());  // those keep their own values
    std::vector<Tensor> inputs = tools::match_arrays(given, specs, "input", test.folder);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const TensorSpec& spec = session.inputs()[i];
      std::string note;
      inputs[i] = tools::convert_to(inputs[i], spec.type.dtype, spec.name, note);
    }
    inputs.resize(session.inputs().size());
    const std::vector<Tensor> expected =
        tools::match_arrays(wanted, session.outputs(), "output", test.folder);
    const std::vector<Tensor> results = session.run(inputs);
    for (std::size_t i = 0; i < results.size(); ++i) {
      const Comparison comparison = compare(results[i], expected[i], test.tolerance);
      if (comparison.match) continue;
      run.match = false;
      run.report += fmt::format(
          "{} ({}): {} {} of {} differ, max abs {:.3g}, first at {}: got {}, expected {}\n",
          session.outputs()[i].name, form.model, comparison.problem, comparison.mismatches,
          comparison.elements, comparison.max_abs, fmt::join(comparison.first_index, ","),
          comparison.first_got, comparison.first_expected);
    }
  }
  return run;
}

}  // namespace thaw::testing
