// Case folders for parametrised tests, and running one form of a case through the public door.
#pragma once

#include <string>
#include <vector>

#include "thaw/thaw.h"
#include "tools/case.h"

namespace thaw::testing {

/// All folders with a case.json below `root` (at most two levels down), sorted; empty if root is
/// absent.
std::vector<std::string> case_folders(const std::string& root);
/// The repo's golden and demo models.
std::vector<std::string> golden_folders();
/// The folder named by the environment variable THAW_CORPUS, or empty.
std::string corpus_root();

/// "tests/golden/keras3/dense_2d" -> "keras3_dense_2d", as gtest wants parameter names.
std::string test_name(const std::string& folder);

/// A session over the form. Throws Error.
Session open_form(const tools::CaseForm& form, const SessionOptions& options,
                  LoadOptions load = {});
/// One on one thread, prepared for the shapes of the case's first call.
Session prepared_session(const tools::Case& test, const tools::CaseForm& form);

struct FormRun {
  bool match = true;
  std::string report;  // what differs
};

/// Loads the form and compares its predictions with the case's. `fed_constants`: Consts of a frozen
/// graph that become inputs, fed with their own values. Throws Error.
FormRun run_form(const tools::Case& test, const tools::CaseForm& form,
                 const SessionOptions& options, LoadOptions load = {},
                 const std::vector<std::string>& fed_constants = {});

}  // namespace thaw::testing
