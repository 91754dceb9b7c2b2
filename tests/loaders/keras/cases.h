// Case folders (case.json, inputs.npz, expected.npz and the saved forms) for the tests of the Keras
// door.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "loaders/load.h"

namespace thaw::testing {

struct Form {
  std::string kind, model, weights;  // full paths
};

struct CaseCall {
  std::vector<std::string> inputs, outputs;  // keys
};

struct KerasCase {
  std::string folder;
  std::vector<Form> forms;      // those that the Keras door opens
  std::vector<CaseCall> calls;  // one after the other
  double rtol = 0, atol = 0;
  bool refuse = false;
  std::vector<std::string> refuse_names;
  std::vector<std::pair<std::string, Tensor>> inputs, expected;
};

/// Folders with a case.json at most two levels below `root`, sorted.
std::vector<std::string> case_folders(const std::string& root);
KerasCase read_case(const std::string& folder);
/// Opens one form with the entry that fits its kind.
LoadedModel load_form(const Form& form, const LoadOptions& options = {});
/// Runs all calls of the case; "" or what differs.
std::string run_form(const KerasCase& test, const LoadedModel& model);
/// A name that gtest accepts.
std::string parameter_name(const std::string& folder);

}  // namespace thaw::testing
