#include "tests/loaders/keras/cases.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "loaders/keras/keras.h"
#include "loaders/source/json.h"
#include "loaders/source/npz.h"
#include "runtime/base/check.h"
#include "tests/support/evaluate_graph.h"

namespace thaw::testing {
namespace {

std::vector<std::string> strings(const Json& json) {
  std::vector<std::string> result;
  for (const Json& item : json.array())
    result.push_back(item.is_string() ? item.string() : item.at("name").string());
  return result;
}

std::string text(const Json& json, const char* key) {
  const Json* value = json.find(key);
  return value != nullptr && value->is_string() ? value->string() : "";
}

void add_form(const Json& json, KerasCase& test) {
  Form form{text(json, "kind"), test.folder + "/" + text(json, "model"), text(json, "weights")};
  if (form.kind != "keras_v3" && form.kind != "keras_h5" && form.kind != "keras_json_weights")
    return;
  if (!form.weights.empty()) form.weights = test.folder + "/" + form.weights;
  test.forms.push_back(std::move(form));
}

const Tensor& array(const std::vector<std::pair<std::string, Tensor>>& arrays,
                    const std::string& key) {
  for (const auto& [name, tensor] : arrays) {
    if (name == key) return tensor;
  }
  fail(ErrorCode::not_found, "no array {}", key);
}

}  // namespace

std::vector<std::string> case_folders(const std::string& root) {
  std::vector<std::string> folders;
  std::error_code error;
  for (auto it = std::filesystem::recursive_directory_iterator(root, error);
       it != std::filesystem::recursive_directory_iterator(); ++it) {
    if (it.depth() > 2) it.disable_recursion_pending();
    if (it->path().filename() == "case.json") folders.push_back(it->path().parent_path().string());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

KerasCase read_case(const std::string& folder) {
  KerasCase test;
  test.folder = folder;
  const Bytes bytes = read_file(folder + "/case.json", {});
  const Json json = parse_json(bytes.text(), bytes.name, {});
  if (const Json* forms = json.find("forms")) {
    for (const Json& form : forms->array()) add_form(form, test);
  } else {
    add_form(json, test);
  }
  if (test.forms.empty()) return test;
  test.refuse = text(json, "expect") == "refuse";
  if (const Json* names = json.find("refuse_names")) test.refuse_names = strings(*names);
  if (test.refuse) return test;
  test.calls.push_back({strings(json.at("inputs")), strings(json.at("outputs"))});
  if (const Json* then = json.find("then")) {
    for (const Json& call : then->array()) {
      test.calls.push_back({strings(call.at("inputs")), strings(call.at("outputs"))});
    }
  }
  test.rtol = json.at("rtol").number();
  test.atol = json.at("atol").number();
  test.inputs = read_npz(folder + "/inputs.npz", {});
  test.expected = read_npz(folder + "/expected.npz", {});
  return test;
}

LoadedModel load_form(const Form& form, const LoadOptions& options) {
  const Evaluator evaluator = reference_folding();
  if (form.kind == "keras_v3") {
    if (is_directory(form.model))
      return load_keras_v3(*open_directory(form.model, options.limits), options, evaluator);
    Bytes bytes = read_file(form.model, options.limits);
    if (sniff(bytes.data) == FileKind::hdf5)
      return load_keras_h5(std::move(bytes), options, evaluator);
    return load_keras_v3(*open_zip(std::move(bytes), form.model, options.limits), options,
                         evaluator);
  }
  Bytes bytes = read_file(form.model, options.limits);
  if (form.kind == "keras_h5") return load_keras_h5(std::move(bytes), options, evaluator);
  return load_keras_json(std::move(bytes), form.weights, options, evaluator);
}

std::string run_form(const KerasCase& test, const LoadedModel& model) {
  const Graph& graph = model.signatures.at(0).graph;
  Variables variables = initial_variables(graph);
  std::string report;
  for (const CaseCall& call : test.calls) {
    std::vector<Tensor> inputs;
    for (const std::string& key : call.inputs) inputs.push_back(array(test.inputs, key));
    const std::vector<Tensor> outputs = evaluate_graph(graph, inputs, variables);
    if (outputs.size() != call.outputs.size()) {
      return fmt::format("{} outputs instead of {}\n", outputs.size(), call.outputs.size());
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const std::string what =
          difference(outputs[i], array(test.expected, call.outputs[i]), test.rtol, test.atol);
      if (!what.empty()) report += call.outputs[i] + ": " + what + "\n";
    }
  }
  return report;
}

std::string parameter_name(const std::string& folder) {
  const std::filesystem::path path(folder);
  std::string name = path.parent_path().filename().string() + "_" + path.filename().string();
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

}  // namespace thaw::testing
