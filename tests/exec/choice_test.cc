// A model on two devices: what runs, and what a failing device changes.
#include "runtime/exec/choice.h"

#include <chrono>
#include <thread>

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

/// The reference backend, each of whose kernels takes a while.
class SlowBackend final : public Backend {
 public:
  const char* name() const override { return "slow"; }
  std::unique_ptr<Kernel> prepare(const Site& site) const override {
    std::unique_ptr<Kernel> kernel = reference_backend().prepare(site);
    return kernel == nullptr ? nullptr : std::make_unique<SlowKernel>(std::move(kernel));
  }

 private:
  class SlowKernel final : public Kernel {
   public:
    explicit SlowKernel(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {
      workspace_ = kernel_->workspace();
    }
    void run(const Args& args) const override {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      kernel_->run(args);
    }

   private:
    std::unique_ptr<Kernel> kernel_;
  };
};

TEST(Choice, TheQuickerOfTheTwoRuns) {
  const SlowBackend slow;
  const test::FakeBackend device, slow_device({}, slow);
  const std::vector<Tensor> inputs = {random_floats({2, 4}, 7)};
  const auto on_device = [&](const test::FakeBackend& gpu, const Backend& backend) {
    ProgramOptions options;
    options.device = &gpu;
    Choice choice(program_of(mlp(), backend), program_of(mlp(), backend, options), {1, 4});
    std::vector<Tensor> outputs;
    choice.runner_for(inputs).run(inputs, outputs);
    EXPECT_TRUE(identical(outputs[0], evaluate_graph(mlp(), inputs)[0]));
    return choice.last().plan_text().find("of them on fake") != std::string::npos;
  };
  EXPECT_TRUE(on_device(device, slow)) << "the host takes longer";
  EXPECT_FALSE(on_device(slow_device, reference_backend())) << "the device takes longer";
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
