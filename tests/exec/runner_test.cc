#include "tests/exec/exec_test_util.h"

namespace thaw::testing {
namespace {

using ::testing::Test;

TEST(Runner, RunsAnMlp) {
  const Graph graph = mlp();
  Runner runner(program_of(graph), {1, 4});
  const std::vector<Tensor> inputs = {random_floats({5, 4}, 9)};
  std::vector<Tensor> outputs;
  runner.run(inputs, outputs);
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_TRUE(identical(outputs[0], evaluate_graph(graph, inputs)[0]));
  EXPECT_TRUE(runner.stats().planned);
  EXPECT_GT(runner.stats().arena_bytes, 0u);
  EXPECT_EQ(runner.stats().plans, 1u);
  const std::string text = runner.plan_text();
  EXPECT_NE(text.find("matmul 'hidden'"), std::string::npos) << text;
  EXPECT_NE(text.find("output 0"), std::string::npos) << text;
  EXPECT_NE(text.find("lower bound"), std::string::npos) << text;
}

TEST(Runner, BatchOfZero) {
  Runner runner(program_of(mlp()), {1, 4});
  std::vector<Tensor> outputs;
  runner.run(std::vector<Tensor>{Tensor(DType::float32, {0, 4})}, outputs);
  EXPECT_EQ(outputs.at(0).type(), (TensorType{DType::float32, {0, 3}}));
}

TEST(Runner, KeepsOutputsThatFitAndReplacesOthers) {
  Runner runner(program_of(mlp()), {1, 4});
  const std::vector<Tensor> inputs = {random_floats({2, 4}, 9)};
  std::vector<Tensor> outputs;
  runner.run(inputs, outputs);
  const void* memory = outputs[0].data();
  runner.run(inputs, outputs);
  EXPECT_EQ(outputs[0].data(), memory);
  runner.run(std::vector<Tensor>{random_floats({3, 4}, 9)}, outputs);
  EXPECT_EQ(outputs[0].shape(), (Shape{3, 3}));
  outputs = {Tensor(DType::int32, {3, 3}), Tensor(DType::int8, {1})};
  runner.run(inputs, outputs);
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(outputs[0].type(), (TensorType{DType::float32, {2, 3}}));
}

TEST(Runner, OutputsNeverOverwriteInputs) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim}});
  const ValueId y = g.unary({UnaryKind::neg}, x);
  g.output("y", y);
  g.output("sum", g.binary(BinaryKind::add, x, y));
  Runner runner(program_of(graph), {1, 4});
  const std::vector<Tensor> inputs = {floats({3}, {1, 2, 3})};
  std::vector<Tensor> outputs = {inputs[0],
                                 inputs[0]};  // the caller hands the same memory in twice
  runner.run(inputs, outputs);
  EXPECT_EQ(to_vector(inputs[0]), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(to_vector(outputs[0]), (std::vector<float>{-1, -2, -3}));
  EXPECT_EQ(to_vector(outputs[1]), (std::vector<float>{0, 0, 0}));
  const std::vector<Tensor> fed_back = {outputs[0]};  // an output becomes the next input
  runner.run(fed_back, outputs);
  EXPECT_EQ(to_vector(fed_back[0]), (std::vector<float>{-1, -2, -3}));
  EXPECT_EQ(to_vector(outputs[0]), (std::vector<float>{1, 2, 3}));
}

TEST(Runner, MisalignedInputsAreCopied) {
  Runner runner(program_of(mlp()), {1, 4});
  const Tensor x = random_floats({2, 4}, 9);
  std::vector<std::byte> bytes(x.size_bytes() + 1);
  std::memcpy(bytes.data() + 1, x.data(), x.size_bytes());
  std::vector<Tensor> expected, outputs;
  runner.run(std::vector<Tensor>{x}, expected);
  runner.run(std::vector<Tensor>{Tensor::borrow(DType::float32, {2, 4}, bytes.data() + 1, nullptr)},
             outputs);
  EXPECT_TRUE(identical(outputs[0], expected[0]));
}

TEST(Runner, InputsThatDoNotFitAreNamed) {
  Runner runner(program_of(mlp()), {1, 4});
  std::vector<Tensor> outputs;
  const auto message = [&](const std::vector<Tensor>& inputs) {
    ErrorCode code = ErrorCode::internal;
    std::string text = error_of([&] { runner.run(inputs, outputs); }, &code);
    EXPECT_EQ(code, ErrorCode::invalid_argument) << text;
    return text;
  };
  EXPECT_EQ(message({}), "expected 1 inputs ('x'), got 0");
  EXPECT_EQ(message({Tensor()}), "input 'x': expected float32[?, 4], got nothing");
  EXPECT_EQ(message({Tensor(DType::float64, {2, 4})}),
            "input 'x': expected float32[?, 4], got float64[2, 4]");
  EXPECT_EQ(message({Tensor(DType::float32, {2, 5})}),
            "input 'x': expected float32[?, 4], got float32[2, 5]");
  EXPECT_EQ(message({Tensor(DType::float32, {4})}),
            "input 'x': expected float32[?, 4], got float32[4]");
  EXPECT_EQ(error_of([&] {
              runner.prepare({Shape{2, 5}});
            }),
            "input 'x': expected float32[?, 4], got shape [2, 5]");
  EXPECT_EQ(error_of([&] {
              runner.prepare({Shape{kUnknownDim, 4}});
            }),
            "input 'x': expected float32[?, 4], got shape [?, 4]");
}

TEST(Runner, UnknownDimensionsThatMustAgreeAreNamed) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim, kUnknownDim}});
  const ValueId y = g.input("y", {DType::float32, {kUnknownDim, kUnknownDim}});
  g.set_scope("product");
  g.output("z", g.matmul(x, y));
  Runner runner(program_of(graph), {1, 4});
  std::vector<Tensor> outputs;
  runner.run(std::vector<Tensor>{random_floats({2, 3}, 1), random_floats({3, 2}, 2)}, outputs);
  const std::string message = error_of([&] {
    runner.run(std::vector<Tensor>{random_floats({2, 3}, 1), random_floats({4, 2}, 2)}, outputs);
  });
  EXPECT_NE(message.find("node 'product' (matmul)"), std::string::npos) << message;
  runner.run(std::vector<Tensor>{random_floats({2, 3}, 1), random_floats({3, 5}, 2)}, outputs);
  EXPECT_EQ(outputs[0].shape(), (Shape{2, 5}));  // a failed run leaves the runner usable
}

TEST(Runner, RunTimeErrorsNameTheNode) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId indices = g.input("indices", {DType::int32, {kUnknownDim}});
  g.set_scope("embedding");
  g.output("rows", g.gather(g.constant(random_floats({4, 2}, 1)), indices));
  Runner runner(program_of(graph), {1, 4});
  std::vector<Tensor> outputs;
  ErrorCode code = ErrorCode::internal;
  const std::string message = error_of(
      [&] {
        runner.run(std::vector<Tensor>{Tensor::from<std::int32_t>({2}, {1, 4})}, outputs);
      },
      &code);
  EXPECT_EQ(code, ErrorCode::invalid_argument);
  EXPECT_EQ(message.rfind("node 'embedding' (gather): ", 0), 0u) << message;
}

TEST(Runner, PlanCacheIsBoundedAndDropsTheLeastRecentlyUsed) {
  ProgramOptions options;
  options.max_plans = 3;
  const auto program = program_of(mlp(), reference_backend(), options);
  const auto shapes = [&] {
    std::vector<std::int64_t> batches;
    for (const auto& entry : program->cached()) batches.push_back(entry->shapes[0][0]);
    return batches;
  };
  for (const std::int64_t batch : {1, 2, 3}) program->compiled({Shape{batch, 4}}, 1);
  EXPECT_EQ(shapes(), (std::vector<std::int64_t>{3, 2, 1}));
  program->compiled({Shape{1, 4}}, 1);
  EXPECT_EQ(shapes(), (std::vector<std::int64_t>{1, 3, 2}));
  EXPECT_EQ(program->plans_compiled(), 3u);
  program->compiled({Shape{4, 4}}, 1);
  EXPECT_EQ(shapes(), (std::vector<std::int64_t>{4, 1, 3}));
  program->compiled({Shape{2, 4}}, 1);
  EXPECT_EQ(program->plans_compiled(), 5u);
  EXPECT_EQ(program->cached().size(), 3u);
}

TEST(Runner, ManyShapesInOneRunnerStayRight) {
  const Graph graph = mlp();
  Runner runner(program_of(graph), {1, 2});  // fewer bindings than shapes, growing arena
  std::vector<Tensor> outputs;
  for (int i = 0; i < 40; ++i) {
    const std::int64_t batch = 1 + (i * 7) % 11;
    const std::vector<Tensor> inputs = {random_floats({batch, 4}, static_cast<unsigned>(i))};
    runner.run(inputs, outputs);
    ASSERT_TRUE(identical(outputs[0], evaluate_graph(graph, inputs)[0])) << "batch " << batch;
  }
}

TEST(Runner, PrepareCompilesOnce) {
  Runner runner(program_of(mlp()), {1, 4});
  runner.prepare({Shape{6, 4}});
  EXPECT_EQ(runner.stats().plans, 1u);
  std::vector<Tensor> outputs;
  runner.run(std::vector<Tensor>{random_floats({6, 4}, 1)}, outputs);
  runner.prepare({Shape{6, 4}});
  EXPECT_EQ(runner.stats().plans, 1u);
}

TEST(Runner, TraceShowsEveryValueInOrder) {
  const Graph graph = mlp();
  Runner runner(program_of(graph), {1, 4});
  const Tensor x = random_floats({2, 4}, 1);
  std::vector<std::string> names;
  std::vector<Tensor> values, outputs;
  runner.trace(std::vector<Tensor>{x}, [&](const std::string& name, const Tensor& value) {
    names.push_back(name);
    values.push_back(value);
  });
  EXPECT_EQ(names, (std::vector<std::string>{"hidden", "hidden", "hidden", "scores", "scores"}));
  for (float element : to_vector(values.at(2))) EXPECT_GE(element, 0);  // behind relu
  runner.run(std::vector<Tensor>{x}, outputs);
  EXPECT_TRUE(identical(values.back(), outputs[0]));
}

TEST(Runner, Float64Precision) {
  ProgramOptions options;
  options.precision = Precision::f64;
  const auto program = program_of(mlp(), reference_backend(), options);
  EXPECT_EQ(program->inputs()[0].type.dtype, DType::float64);
  EXPECT_EQ(program->outputs()[0].type.dtype, DType::float64);
  Runner wide(program, {1, 4});
  Runner narrow(program_of(mlp()), {1, 4});
  const Tensor x = random_floats({4, 4}, 5);
  Tensor x64(DType::float64, {4, 4});
  for (int i = 0; i < 16; ++i) x64.mutable_data<double>()[i] = x.data<float>()[i];
  std::vector<Tensor> exact, outputs;
  wide.run(std::vector<Tensor>{x64}, exact);
  narrow.run(std::vector<Tensor>{x}, outputs);
  bool differs = false;
  for (int i = 0; i < 12; ++i) {
    const double error = exact[0].data<double>()[i] - outputs[0].data<float>()[i];
    EXPECT_LT(std::abs(error), 1e-5);
    differs |= error != 0;
  }
  EXPECT_TRUE(differs) << "float64 results are float32 results";
}

// ---- state ----

// counter += x; y = the counter before, z = behind
Graph counter() {
  Graph graph;
  GraphBuilder g(graph);
  const VariableId variable = g.variable("counter", floats({2}, {10, 20}));
  const ValueId x = g.input("x", {DType::float32, {2}});
  const ValueId before = g.add1(ops::VariableRead{variable}, {});
  const ValueId behind = g.binary(BinaryKind::add, before, x);
  g.add(ops::VariableAssign{variable}, {behind}, 0);
  g.output("before", before);
  g.output("behind", g.add1(ops::VariableRead{variable}, {}));
  return graph;
}

TEST(State, SurvivesRunsUntilReset) {
  const auto program = program_of(counter());
  Runner runner(program, {1, 4}), other(program, {1, 4});
  const std::vector<Tensor> one = {floats({2}, {1, 1})};
  std::vector<Tensor> outputs;
  runner.run(one, outputs);
  EXPECT_TRUE(runner.stats().planned);
  EXPECT_EQ(to_vector(outputs[0]), (std::vector<float>{10, 20}));
  EXPECT_EQ(to_vector(outputs[1]), (std::vector<float>{11, 21}));
  runner.run(one, outputs);
  EXPECT_EQ(to_vector(outputs[0]), (std::vector<float>{11, 21}));
  EXPECT_EQ(to_vector(outputs[1]), (std::vector<float>{12, 22}));
  other.run(one, outputs);  // each runner has its own
  EXPECT_EQ(to_vector(outputs[1]), (std::vector<float>{11, 21}));
  runner.reset();
  runner.run(one, outputs);
  EXPECT_EQ(to_vector(outputs[0]), (std::vector<float>{10, 20}));
}

TEST(State, VariablesThatNothingAssignsAreConstants) {
  Graph graph;
  GraphBuilder g(graph);
  const VariableId variable = g.variable("w", floats({2}, {2, 3}));
  const ValueId x = g.input("x", {DType::float32, {2}});
  g.output("y", g.binary(BinaryKind::mul, x, g.add1(ops::VariableRead{variable}, {})));
  const auto program = program_of(graph);
  for (const Node& node : program->graph().nodes) {
    EXPECT_FALSE(std::holds_alternative<ops::VariableRead>(node.op));
  }
  Runner runner(program, {1, 4});
  std::vector<Tensor> outputs;
  runner.run(std::vector<Tensor>{floats({2}, {1, 1})}, outputs);
  EXPECT_EQ(to_vector(outputs[0]), (std::vector<float>{2, 3}));
}

TEST(State, AssertionsRaiseTheirMessage) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim}});
  const ValueId small = g.binary(BinaryKind::less, x, g.scalar(3, DType::float32));
  g.set_scope("check");
  g.add(ops::Assert{"x must be below 3"}, {small, x}, 0);
  g.output("y", g.unary({UnaryKind::neg}, x));
  Runner runner(program_of(graph), {1, 4});
  std::vector<Tensor> outputs;
  runner.run(std::vector<Tensor>{floats({2}, {1, 2})}, outputs);
  EXPECT_EQ(error_of([&] {
              runner.run(std::vector<Tensor>{floats({2}, {1, 5})}, outputs);
            }),
            "node 'check' (assert): x must be below 3");
}

}  // namespace
}  // namespace thaw::testing
