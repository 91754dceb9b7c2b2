// A model on two devices: what runs, and what a failing device changes.
#include "runtime/exec/choice.h"

#include "tests/exec/exec_test_util.h"
#include "tests/support/fake_device.h"

namespace thaw::testing {
namespace {

TEST(Choice, WithoutARivalTheFirstRuns) {
  const auto program = program_of(mlp());
  Choice choice(program, nullptr, {1, 4});
  const std::vector<Tensor> inputs = {random_floats({2, 4}, 7)};
  std::vector<Tensor> outputs;
  choice.runner_for(inputs).run(inputs, outputs);
  EXPECT_EQ(&choice.runner_for(inputs), &choice.last());
  EXPECT_EQ(program->plans_compiled(), 1u);
}

TEST(Choice, BothAreMeasuredOncePerShapes) {
  const test::FakeBackend device;
  ProgramOptions options;
  options.device = &device;
  const auto host = program_of(mlp()), rival = program_of(mlp(), reference_backend(), options);
  Choice choice(host, rival, {1, 4});
  for (const std::int64_t batch : {2, 3, 2}) {
    const std::vector<Tensor> inputs = {random_floats({batch, 4}, 7)};
    std::vector<Tensor> outputs, expected;
    choice.runner_for(inputs).run(inputs, outputs);
    Runner(host, {1, 4}).run(inputs, expected);
    ASSERT_EQ(outputs.size(), expected.size());
    EXPECT_TRUE(identical(outputs[0], expected[0]));
  }
  EXPECT_EQ(rival->plans_compiled(), 2u);
  const int replays = device.device().counts().launches;
  const std::vector<Tensor> again = {random_floats({3, 4}, 7)};
  choice.runner_for(again);
  EXPECT_EQ(device.device().counts().launches, replays) << "it is known";
}

TEST(Choice, ARivalThatFailsLoses) {
  test::FakeBackend device;
  ProgramOptions options;
  options.device = &device;
  const auto host = program_of(mlp()), rival = program_of(mlp(), reference_backend(), options);
  Choice choice(host, rival, {1, 4});
  device.device().fail_after(0);
  const std::vector<Tensor> inputs = {random_floats({2, 4}, 7)};
  std::vector<Tensor> outputs;
  choice.runner_for(inputs).run(inputs, outputs);
  EXPECT_EQ(outputs.size(), 1u);
  EXPECT_EQ(choice.last().plan_text().find("of them on fake"), std::string::npos);
}

}  // namespace
}  // namespace thaw::testing
