#include "tools/case.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "loaders/source/file_tree.h"
#include "loaders/source/json.h"
#include "loaders/source/npz.h"
#include "runtime/base/check.h"

namespace thaw::tools {
namespace {

bool is_file(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

std::string text_or(const Json& object, const char* key, const std::string& fallback) {
  const Json* value = object.find(key);
  return value == nullptr || value->is_null() ? fallback : value->string();
}

double number_or(const Json& object, const char* key, double fallback) {
  const Json* value = object.find(key);
  return value == nullptr ? fallback : value->number();
}

// A list of names, each a string or an object with a "name".
std::vector<std::string> names_of(const Json& object, const char* key) {
  std::vector<std::string> names;
  const Json* list = object.find(key);
  if (list == nullptr) return names;
  for (const Json& item : list->array()) {
    names.push_back(item.is_string() ? item.string() : item.at("name").string());
  }
  return names;
}

// Names in a case stay inside its folder.
std::string inside(const std::string& folder, const std::string& name) {
  if (name.empty()) return "";
  if (name.front() == '/' || name.find("..") != std::string::npos) {
    fail(ErrorCode::permission_denied, "{}/case.json: '{}' leaves the folder", folder,
         printable(name));
  }
  return folder + "/" + name;
}

CaseForm read_form(const Json& object, const Case& owner) {
  CaseForm form;
  form.kind = text_or(object, "kind", "");
  form.model = inside(owner.folder, object.at("model").string());
  form.weights = inside(owner.folder, text_or(object, "weights", ""));
  form.signature = text_or(object, "signature", "");
  const std::string expected = inside(owner.folder, text_or(object, "expected", ""));
  if (!expected.empty()) form.expected_arrays = read_npz(expected, Limits());
  form.inputs = names_of(object, "inputs");
  form.outputs = names_of(object, "outputs");
  const CaseCall& call = owner.calls.front();
  if (form.inputs.empty()) form.inputs = call.inputs;
  if (form.outputs.empty()) form.outputs = call.outputs;
  if (form.inputs.size() != call.inputs.size() || form.outputs.size() != call.outputs.size()) {
    fail(ErrorCode::invalid_argument,
         "{}/case.json: form '{}' names {} inputs and {} outputs, the case {} and {}", owner.folder,
         form.model, form.inputs.size(), form.outputs.size(), call.inputs.size(),
         call.outputs.size());
  }
  return form;
}

// The case's own call, then those of "then".
std::vector<CaseCall> read_calls(const Json& json, const std::string& file) {
  std::vector<CaseCall> calls = {{names_of(json, "inputs"), names_of(json, "outputs")}};
  const Json* then = json.find("then");
  if (then == nullptr) return calls;
  for (const Json& item : then->array()) {
    calls.push_back({names_of(item, "inputs"), names_of(item, "outputs")});
    if (calls.back().inputs.size() != calls[0].inputs.size() ||
        calls.back().outputs.size() != calls[0].outputs.size()) {
      fail(ErrorCode::invalid_argument,
           "{}: a call of 'then' has other inputs or outputs than the first", file);
    }
  }
  return calls;
}

}  // namespace

bool is_case_folder(const std::string& path) { return is_file(path + "/case.json"); }

Case read_case(const std::string& folder) {
  const Limits limits;
  Case result;
  result.folder = folder;
  while (result.folder.size() > 1 && result.folder.back() == '/') result.folder.pop_back();
  const std::string file = result.folder + "/case.json";
  const Json json = parse_json(read_file(file, limits).text(), file, limits);
  result.calls = read_calls(json, file);
  result.const_inputs = names_of(json, "const_inputs");
  result.refuse_names = names_of(json, "refuse_names");
  result.tolerance = {number_or(json, "rtol", 1e-4), number_or(json, "atol", 1e-5)};
  const std::string expect = text_or(json, "expect", "match");
  if (expect != "match" && expect != "refuse") {
    fail(ErrorCode::invalid_argument, "{}: expect is '{}', not match or refuse", file,
         printable(expect));
  }
  result.refuse = expect == "refuse";
  if (const Json* forms = json.find("forms")) {
    for (const Json& form : forms->array()) result.forms.push_back(read_form(form, result));
  } else {
    result.forms.push_back(read_form(json, result));
  }
  result.input_arrays = read_npz(result.folder + "/inputs.npz", limits);
  result.expected_arrays = read_npz(result.folder + "/expected.npz", limits);
  return result;
}

NamedArrays select_arrays(const NamedArrays& arrays, const std::vector<std::string>& keys,
                          const std::vector<std::string>& to, const std::string& folder) {
  NamedArrays selected;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto found = std::find_if(arrays.begin(), arrays.end(),
                                    [&](const auto& entry) { return entry.first == keys[i]; });
    if (found == arrays.end())
      fail(ErrorCode::not_found, "{}: no array '{}'", folder, printable(keys[i]));
    selected.emplace_back(to[i], found->second);
  }
  return selected;
}

}  // namespace thaw::tools
