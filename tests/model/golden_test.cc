// Every golden and demo model, in every form, on both backends, gives what its writer predicted.
#include <gtest/gtest.h>

#include <map>

#include "tests/model/cases.h"

namespace thaw {
namespace {

// Goldens of layers that the Keras door does not import yet: every Keras form must be refused by
// this name. Their SavedModels run.
const std::map<std::string, std::string> kRefusedClasses = {
    {"conv_lstm", "ConvLSTM"},
    {"locally_connected", "LocallyConnected"},
    {"operators", "unknown"},
    {"other_norms", "Normalization"},
};

class Golden : public ::testing::TestWithParam<std::string> {};

void expect_all_forms(const std::string& folder, const SessionOptions& options,
                      const LoadOptions& load = {}) {
  const tools::Case test = tools::read_case(folder);
  ASSERT_FALSE(test.forms.empty());
  const auto refused = kRefusedClasses.find(folder.substr(folder.rfind('/') + 1));
  for (const tools::CaseForm& form : test.forms) {
    const bool must_refuse = refused != kRefusedClasses.end() && form.kind != "savedmodel";
    try {
      const testing::FormRun run = testing::run_form(test, form, options, load);
      EXPECT_TRUE(run.match) << run.report;
      EXPECT_FALSE(must_refuse) << form.model << " runs: take it from kRefusedClasses";
    } catch (const UnsupportedError& error) {
      EXPECT_TRUE(must_refuse &&
                  std::string(error.what()).find(refused->second) != std::string::npos)
          << form.model << ": " << error.what();
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
