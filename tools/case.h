// A folder with a saved model, inputs and the outputs it must give (docs/case-format.md).
#pragma once

#include <string>
#include <vector>

#include "runtime/verify/compare.h"
#include "tools/arrays.h"

namespace thaw::tools {

/// One saved form of the case's model.
struct CaseForm {
  std::string kind;                          // "keras_h5", "savedmodel", "graphdef", ...
  std::string model, weights;                // full paths
  std::string signature;                     // empty: the default one
  std::vector<std::string> inputs, outputs;  // the form's own names, parallel to the case's keys
  NamedArrays expected_arrays;  // of a form that answers differently; empty: the case's
};

/// One prediction: keys of the arrays, in the model's order.
struct CaseCall {
  std::vector<std::string> inputs, outputs;
};

struct Case {
  std::string folder;
  std::vector<CaseForm> forms;
  std::vector<CaseCall> calls;  // of one session in this order, without a reset; at least one
  Tolerance tolerance;
  bool refuse = false;  // the model must be refused, naming each of refuse_names
  std::vector<std::string> refuse_names;
  std::vector<std::string> const_inputs;  // Consts of a frozen graph that are also run as inputs
  NamedArrays input_arrays, expected_arrays;
};

bool is_case_folder(const std::string& path);
/// Throws Error naming the file and the key that does not fit.
Case read_case(const std::string& folder);

/// What the form must answer: its own arrays or the case's.
inline const NamedArrays& expected_of(const Case& test, const CaseForm& form) {
  return form.expected_arrays.empty() ? test.expected_arrays : form.expected_arrays;
}

/// The arrays of one call under the names `to` (the form's own).
/// Throws Error(not_found) for an array that the files lack.
NamedArrays select_arrays(const NamedArrays& arrays, const std::vector<std::string>& keys,
                          const std::vector<std::string>& to, const std::string& folder);

}  // namespace thaw::tools
