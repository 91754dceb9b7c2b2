// A model takes no more steps as a graph of TensorFlow than as layers of Keras: what its writer
// spelled out is fused again.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/model/cases.h"

namespace thaw {
namespace {

int steps_of(const tools::Case& test, const tools::CaseForm& form) {
  const Session session = testing::prepared_session(test, form);
  EXPECT_TRUE(session.stats().planned) << form.model;
  std::istringstream text(session.plan_text());
  int steps = 0;
  text >> steps;  // "12 steps"
  return steps;
}

class TwinPlans : public ::testing::TestWithParam<const char*> {};

TEST_P(TwinPlans, AsAGraphTakesNoMoreSteps) {
  const tools::Case test =
      tools::read_case(std::string(THAW_SOURCE_DIR) + "/tests/golden/" + GetParam());
  const auto graph = std::ranges::find(test.forms, "savedmodel", &tools::CaseForm::kind);
  ASSERT_NE(graph, test.forms.end());
  const int layers = steps_of(test, test.forms.front());
  EXPECT_GT(layers, 0);
  EXPECT_LE(steps_of(test, *graph), layers);
}

INSTANTIATE_TEST_SUITE_P(
    Golden, TwinPlans,
    ::testing::Values("keras3/dense_2d", "keras3/dense_nd", "keras3/dense_activations",
                      "keras3/batch_of_one", "keras3/cnn_batchnorm", "keras3/batchnorm",
                      "keras3/batchnorm_folding", "keras3/conv2d", "keras3/depthwise",
                      "keras3/layernorm", "keras3/layernorm_axes", "keras3/group_norm_arguments",
                      "keras3/lstm", "keras3/gru", "keras3/rnn_cells", "keras3/conv_lstm",
                      "keras3/residual_net", "tfkeras/dense_nd", "tfkeras/cnn_batchnorm",
                      "tfkeras/batchnorm_folding", "tfkeras/lstm", "tfkeras/rnn_cells",
                      "tfkeras/conv_lstm"),
    [](const auto& param) {
      std::string name = param.param;
      std::replace(name.begin(), name.end(), '/', '_');
      return name;
    });

}  // namespace
}  // namespace thaw
