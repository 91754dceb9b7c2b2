// Every golden and demo model, in every form, on both backends, gives what its writer predicted.
#include <gtest/gtest.h>

#include "tests/model/cases.h"

namespace thaw {
namespace {

class Golden : public ::testing::TestWithParam<std::string> {};

void expect_all_forms(const std::string& folder, const SessionOptions& options,
                      const LoadOptions& load = {}) {
  const tools::Case test = tools::read_case(folder);
  ASSERT_FALSE(test.forms.empty());
  for (const tools::CaseForm& form : test.forms) {
    try {
      const testing::FormRun run = testing::run_form(test, form, options, load);
      EXPECT_TRUE(run.match) << run.report;
    } catch (const Error& error) {
      ADD_FAILURE() << form.model << ": " << error.what();
    }
  }
}

TEST_P(Golden, MatchesOnCpu) { expect_all_forms(GetParam(), SessionOptions{}); }

TEST_P(Golden, MatchesOnReference) {
  SessionOptions options;
  options.device = DeviceKind::reference;
  expect_all_forms(GetParam(), options);
}

// Recurrent loops run as they are written, and no pass touches the graph.
TEST_P(Golden, MatchesUnraisedAndUnoptimised) {
  LoadOptions load;
  load.raise_recurrent = false;
  load.optimize = false;
  expect_all_forms(GetParam(), SessionOptions{}, load);
}

INSTANTIATE_TEST_SUITE_P(Models, Golden, ::testing::ValuesIn(testing::golden_folders()),
                         [](const auto& folder) { return testing::test_name(folder.param); });

}  // namespace
}  // namespace thaw
