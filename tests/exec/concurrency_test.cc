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

/// The reference backend, whose kernels write down how many threads they are given.
class WatchingBackend final : public Backend {
 public:
  const char* name() const override { return "watching"; }
  std::unique_ptr<Kernel> prepare(const Site& site) const override {
    std::unique_ptr<Kernel> kernel = reference_backend().prepare(site);
    return kernel == nullptr ? nullptr : std::make_unique<Watched>(std::move(kernel), threads_);
  }
  int threads() const { return threads_; }

 private:
  class Watched final : public Kernel {
   public:
    Watched(std::unique_ptr<Kernel> kernel, std::atomic<int>& threads)
        : kernel_(std::move(kernel)), threads_(threads) {
      workspace_ = kernel_->workspace();
    }
    void run(const Args& args) const override {
      threads_ = args.pool->threads();
      kernel_->run(args);
    }

   private:
    std::unique_ptr<Kernel> kernel_;
    std::atomic<int>& threads_;
  };

  mutable std::atomic<int> threads_{0};
};

TEST(Concurrency, RunsThatFindTheProcessorsBusyUseOneThread) {
  const WatchingBackend backend;
  const auto program = program_of(random_graph(14, 20), backend);
  const std::vector<Tensor> inputs = random_inputs(3, 2);
  Runner two(program, {2, 4}), one(program, {1, 4});
  std::vector<Tensor> first, outputs;
  two.run(inputs, first);
  EXPECT_EQ(backend.threads(), 2);
  program->busy_threads() += 1000;  // other sessions
  two.run(inputs, outputs);
  EXPECT_EQ(backend.threads(), 1);
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(identical(outputs[i], first[i]));
  program->busy_threads() -= 1000;
  two.run(inputs, outputs);
  EXPECT_EQ(backend.threads(), 2);
  one.run(inputs, outputs);
  EXPECT_EQ(backend.threads(), 1);
  EXPECT_ANY_THROW(two.run({}, outputs));
  EXPECT_EQ(program->busy_threads(), 0);
}

}  // namespace
}  // namespace thaw::testing
