// Activations in bfloat16 on a device: what plans share, what stays float32.
#include "tests/exec/device_test_util.h"

namespace thaw::testing {
namespace {

std::shared_ptr<const Program> in_precision(Precision precision, const DeviceBackend& device,
                                            const Graph& graph) {
  ProgramOptions options;
  options.device = &device;
  options.precision = precision;
  options.optimize = true;
  return program_of(graph, reference_backend(), options);
}

/// x [?, 64] -> relu(x w) v.
Graph two_products() {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim, 64}});
  ValueId y = g.matmul(x, g.constant(random_floats({64, 128}, 1)));
  y = g.unary({UnaryKind::relu}, y);
  g.output("y", g.matmul(y, g.constant(random_floats({128, 8}, 2))));
  return graph;
}

std::set<const void*> constants_on_device(const Plan& plan) {
  std::set<const void*> found;
  for (const Place& place : plan.places) {
    if (place.home == Home::device_constant) found.insert(place.uploaded);
  }
  return found;
}

TEST(DeviceNarrow, PlansShareTheRoundedWeights) {
  const FakeBackend device;
  const auto program = in_precision(Precision::bf16, device, two_products());
  Runner runner(program, {1, 4});
  std::vector<Tensor> outputs;
  for (const std::int64_t batch : {3, 5}) {
    runner.run(std::vector<Tensor>{random_floats({batch, 64}, 3)}, outputs);
    EXPECT_EQ(outputs[0].type(), (TensorType{DType::float32, {batch, 8}}));
  }
  const auto cached = program->cached();
  ASSERT_EQ(cached.size(), 2u);
  const std::set<const void*> first = constants_on_device(*cached[0]->plan);
  EXPECT_EQ(first.size(), 2u);
  EXPECT_EQ(first, constants_on_device(*cached[1]->plan));
  std::size_t bytes = 0;
  for (const Place& place : cached[0]->plan->places) {
    if (place.home == Home::device_constant) bytes += place.constant->size_bytes();
  }
  EXPECT_EQ(bytes, 64u * 128 * 2 + 128u * 8 * 4);  // the last product's are float32 here
}

TEST(DeviceNarrow, OtherPrecisionsKeepActivationsInFloat32) {
  const FakeBackend device;
  const Graph graph = two_products();
  const std::vector<Tensor> inputs = {random_floats({4, 64}, 5)};
  const Tensor expected = evaluate_graph(graph, inputs)[0];
  for (const Precision precision : {Precision::f32, Precision::tf32, Precision::fp16}) {
    Runner runner(in_precision(precision, device, graph), {1, 4});
    std::vector<Tensor> outputs;
    runner.run(inputs, outputs);
    EXPECT_TRUE(identical(expected, outputs[0]));
    EXPECT_EQ(runner.plan_text().find("bfloat16"), std::string::npos) << runner.plan_text();
  }
  Runner runner(in_precision(Precision::bf16, device, graph), {1, 4});
  std::vector<Tensor> outputs;
  runner.run(inputs, outputs);
  EXPECT_FALSE(identical(expected, outputs[0]));
  EXPECT_NE(runner.plan_text().find("bfloat16"), std::string::npos) << runner.plan_text();
}

// Inputs that change from run to run, in recordings; twice the same gives the same bits.
TEST(DeviceNarrow, RunsAgain) {
  const FakeBackend device;
  const Graph graph = two_products();
  Runner runner(in_precision(Precision::bf16, device, graph), {1, 4});
  Runner other(in_precision(Precision::bf16, device, graph), {1, 4});
  for (unsigned run = 0; run < 4; ++run) {
    const std::vector<Tensor> inputs = {random_floats({4, 64}, run)};
    std::vector<Tensor> outputs, others;
    runner.run(inputs, outputs);
    other.run(inputs, others);
    EXPECT_TRUE(identical(outputs[0], others[0]));
    const std::vector<float> found = to_vector(outputs[0]),
                             expected = to_vector(evaluate_graph(graph, inputs)[0]);
    float largest = 0, error = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      largest = std::max(largest, std::abs(expected[i]));
      error = std::max(error, std::abs(found[i] - expected[i]));
    }
    EXPECT_LT(error, 4 * 0x1p-8f * largest);  // x, w, their product; the last operands are exact
    EXPECT_GT(error, 0.0f);
  }
}

// What cannot be planned is interpreted on the CPU, in float32.
TEST(DeviceNarrow, InterpretedGraphsStayFloat32) {
  Graph graph = two_products();
  GraphBuilder g(graph);
  const ValueId positive =
      g.binary(BinaryKind::greater, graph.outputs[0], g.scalar(0, DType::float32));
  g.output("where", g.add1(ops::Where{}, {positive}));
  const FakeBackend device;
  Runner runner(in_precision(Precision::bf16, device, graph), {1, 4});
  Runner plain(in_precision(Precision::f32, device, graph), {1, 4});
  const std::vector<Tensor> inputs = {random_floats({4, 64}, 7)};
  std::vector<Tensor> outputs, expected;
  runner.run(inputs, outputs);
  plain.run(inputs, expected);
  EXPECT_FALSE(runner.stats().planned);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(identical(expected[i], outputs[i]));
  }
}

}  // namespace
}  // namespace thaw::testing
