// Many sessions of one program at once; meant to be run under ThreadSanitizer too.
#include <atomic>
#include <thread>

#include "tests/exec/exec_test_util.h"

namespace thaw::testing {
namespace {

void run_from_eight_threads(const std::shared_ptr<const Program>& program, const Graph& graph,
                            bool own_pools) {
  constexpr int kThreads = 8, kRuns = 40, kBatches = 5;
  std::vector<std::vector<Tensor>> inputs, expected;
  for (int batch = 0; batch < kBatches; ++batch) {
    inputs.push_back(random_inputs(static_cast<unsigned>(batch), batch));
    expected.push_back(evaluate_graph(graph, inputs.back()));
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Runner runner(program, {own_pools ? 2 : 1, 3});
      std::vector<Tensor> outputs;
      for (int i = 0; i < kRuns; ++i) {
        const auto batch = static_cast<std::size_t>((t + i * 3) % kBatches);
        runner.run(inputs[batch], outputs);
        for (std::size_t k = 0; k < outputs.size(); ++k) {
          if (!identical(outputs[k], expected[batch][k])) ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(program->cached().size(), 4u);
}

TEST(Concurrency, EightRunnersShareAProgramAndItsSmallPlanCache) {
  const Graph graph = random_graph(11, 40);
  ProgramOptions options;
  options.max_plans = 4;  // fewer than shapes: plans are evicted while others run them
  run_from_eight_threads(program_of(graph, reference_backend(), options), graph, false);
}

TEST(Concurrency, WithWorkerThreadsOfTheirOwn) {
  const Graph graph = random_graph(12, 25);
  ProgramOptions options;
  options.max_plans = 4;
  run_from_eight_threads(program_of(graph, reference_backend(), options), graph, true);
}

TEST(Concurrency, ThreadsThatWantOnePlanCompileItOnce) {
  const auto program = program_of(random_graph(13, 30));
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] { program->compiled({Shape{4, 6}, Shape{4, 6}, Shape{4, 6}}, 1); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(program->plans_compiled(), 1u);
}

TEST(Concurrency, OnTheCpuBackend) {
  const Graph graph = mlp();
  const auto program = program_of(graph, cpu_backend());
  const std::vector<Tensor> inputs = {random_floats({6, 4}, 1)};
  std::vector<Tensor> expected;
  Runner(program, {1, 4}).run(inputs, expected);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      Runner runner(program, {1, 4});
      std::vector<Tensor> outputs;
      for (int i = 0; i < 30; ++i) {
        runner.run(inputs, outputs);
        if (!identical(outputs[0], expected[0])) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace thaw::testing
