// One graph, three ways to run it that must agree bit for bit on the reference backend.
#include <sstream>

#include "runtime/exec/evaluator.h"
#include "runtime/exec/interpret.h"
#include "runtime/passes/passes.h"
#include "tests/exec/exec_test_util.h"

namespace thaw::testing {
namespace {

std::vector<Tensor> interpret(const Graph& graph, const std::vector<Tensor>& inputs) {
  Interpreter interpreter(graph, reference_backend(), nullptr, 1);
  ThreadPool pool(1);
  std::vector<Tensor> variables;
  return interpreter.run(inputs, variables, pool, nullptr);
}

void expect_identical(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_TRUE(identical(a[i], b[i])) << "output " << i;
}

class Agreement : public ::testing::TestWithParam<unsigned> {};

TEST_P(Agreement, PlannedInterpretedAndEvaluated) {
  const Graph graph = random_graph(GetParam(), 3 + static_cast<int>(GetParam() % 40));
  verify(graph, "random graph");
  Runner runner(program_of(graph), {2, 4});
  std::vector<Tensor> outputs;
  for (const std::int64_t batch : {3, 1, 0, 7, 3}) {
    const std::vector<Tensor> inputs =
        random_inputs(GetParam() * 31 + static_cast<unsigned>(batch), batch);
    std::vector<Tensor> copies;
    for (const Tensor& input : inputs) copies.push_back(input.clone());
    const std::vector<Tensor> expected = evaluate_graph(graph, inputs);
    runner.run(inputs, outputs);
    ASSERT_TRUE(runner.stats().planned) << runner.plan_text();
    ASSERT_NO_FATAL_FAILURE(expect_identical(expected, outputs)) << runner.plan_text();
    runner.run(inputs, outputs);  // into the same outputs
    ASSERT_NO_FATAL_FAILURE(expect_identical(expected, outputs)) << "second run";
    ASSERT_NO_FATAL_FAILURE(expect_identical(expected, interpret(graph, inputs))) << "interpreted";
    ASSERT_NO_FATAL_FAILURE(expect_identical(inputs, copies)) << "an input was written to";
  }
}

// The same on the cpu backend, whose kernels must tolerate what plans do with memory; they need not
// give the reference's bits, but a plan and the interpreter run the same kernels.
TEST_P(Agreement, PlannedAndInterpretedOnTheCpuBackend) {
  const Graph graph = random_graph(GetParam(), 20);
  Runner runner(program_of(graph, cpu_backend()), {1, 4});
  const std::vector<Tensor> inputs = random_inputs(GetParam(), 5);
  const Graph special =
      specialise(graph, {Shape{5, 6}, Shape{5, 6}, Shape{5, 6}}, reference_evaluator());
  Interpreter interpreter(special, cpu_backend(), nullptr, 1);
  ThreadPool pool(1);
  std::vector<Tensor> variables, outputs;
  const std::vector<Tensor> expected = interpreter.run(inputs, variables, pool, nullptr);
  runner.run(inputs, outputs);
  ASSERT_TRUE(runner.stats().planned);
  expect_identical(expected, outputs);
}

INSTANTIATE_TEST_SUITE_P(Random, Agreement, ::testing::Range(0U, 120U));

TEST(Specialise, MakesEveryTypeOfARandomGraphStatic) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    const Graph graph = random_graph(seed, 30);
    const Graph special =
        specialise(graph, {Shape{5, 6}, Shape{5, 6}, Shape{5, 6}}, reference_evaluator());
    verify(special, "specialise");
    for (const Value& value : special.values) EXPECT_TRUE(value.type.shape.is_static());
    for (const Node& node : special.nodes) {
      EXPECT_FALSE(std::holds_alternative<ops::ShapeQuery>(node.op));
    }
    EXPECT_EQ(special.output_names, graph.output_names);
  }
}

}  // namespace
}  // namespace thaw::testing
