// Whole SavedModels against the library that wrote them: as written, and with recurrent loops
// raised.
#include <gtest/gtest.h>

#include <set>

#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

struct Param {
  CaseFolder folder;
  bool raise;
};

void PrintTo(const Param& param, std::ostream* out) { *out << param.folder.path; }

std::vector<Param> params(const std::vector<CaseFolder>& folders) {
  std::vector<Param> all;
  for (const CaseFolder& folder : folders) {
    all.push_back({folder, false});
    all.push_back({folder, true});
  }
  return all;
}

std::string param_name(const ::testing::TestParamInfo<Param>& info) {
  return info.param.folder.name + (info.param.raise ? "_raised" : "_as_written");
}

void expect_refused(const tools::Case& test, const std::string& model, const LoadOptions& options) {
  try {
    load_folder(model, options);
    FAIL() << model << " was loaded";
  } catch (const Error& error) {
    for (const std::string& name : test.refuse_names) {
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  }
}

// Loops that no recurrent node is: dilated or channels-first convolutions, convolutional cells
// whose masked steps give zeros, activations that the writer spells out, and Keras 3's
// TimeDistributed, whose loop is a map; and those cases that are about loops.
bool keeps_a_loop(const std::string& name) {
  static const std::set<std::string> kCases{
      "keras3_conv_lstm_channels_first",  "keras3_conv_lstm_ranks",  "keras3_conv_lstm_states",
      "keras3_frozen_wrappers",           "keras3_lstm_activations", "keras3_time_distributed",
      "tfkeras_conv_lstm_channels_first", "tfkeras_conv_lstm_ranks", "tfkeras_lstm_activations"};
  return kCases.contains(name) || name.starts_with("tensorflow") || name.starts_with("numeric");
}

class Models : public ::testing::TestWithParam<Param> {};

TEST_P(Models, PredictWhatTheWriterPredicted) {
  const tools::Case test = tools::read_case(GetParam().folder.path);
  for (const tools::CaseForm& form : test.forms) {
    if (form.kind != "savedmodel") continue;
    LoadOptions options;
    options.raise_recurrent = GetParam().raise;
    options.signature = form.signature;
    if (test.refuse) {
      expect_refused(test, form.model, options);
      continue;
    }
    const LoadedModel model = load_folder(form.model, options);
    EXPECT_EQ(difference(test, form, model), "") << form.model;
    const Graph& graph = model.signatures.at(model.default_signature).graph;
    if (options.raise_recurrent && !keeps_a_loop(GetParam().folder.name)) {
      EXPECT_EQ(count_ops(graph, "while"), 0) << form.model;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, Models, ::testing::ValuesIn(params(golden_cases())), param_name);
INSTANTIATE_TEST_SUITE_P(Corpus, Models, ::testing::ValuesIn(params(corpus_cases())), param_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Models);

}  // namespace
}  // namespace thaw::testing
