// Plans that run partly on a device: placement, copies, recordings, life time, errors.
#include <algorithm>

#include "runtime/exec/evaluator.h"
#include "runtime/passes/passes.h"
#include "tests/exec/device_test_util.h"

namespace thaw::testing {
namespace {

class OnDevice : public ::testing::TestWithParam<unsigned> {};

TEST_P(OnDevice, AgreesWithTheReferenceInEveryRun) {
  const Graph graph = random_graph(GetParam(), 3 + static_cast<int>(GetParam() % 40));
  const FakeBackend device(some_ops(GetParam()));
  {
    Runner runner(on(device, graph), {1, 4});
    std::vector<Tensor> outputs;
    const auto run_once = [&](const std::vector<Tensor>& inputs, bool into_new) {
      if (into_new) outputs.clear();
      runner.run(inputs, outputs);
      return outputs;
    };
    expect_reference_in_every_run(graph, GetParam(), runner, run_once);
  }
  EXPECT_EQ(device.device().counts().alive, 0);
}

TEST_P(OnDevice, TheGraphIsSoundAndTracesAlike) {
  const Graph graph = random_graph(GetParam(), 20);
  const FakeBackend device(some_ops(GetParam()));
  Runner host(program_of(graph), {1, 4}), runner(on(device, graph), {1, 4});
  const std::vector<Tensor> inputs = random_inputs(GetParam(), 5);
  using Trace = std::vector<std::pair<std::string, Tensor>>;
  const auto trace = [&](Runner& from) {
    Trace values;
    from.trace(inputs, [&](const std::string& name, const Tensor& value) {
      values.emplace_back(name, value);
    });
    return values;
  };
  const Trace expected = trace(host), found = trace(runner);
  // What the device computes in passing is not shown; the rest comes in the same order.
  EXPECT_GE(2 * found.size(), expected.size());
  auto next = expected.begin();
  for (const auto& [name, value] : found) {
    next = std::find_if(next, expected.end(), [&, &name = name, &value = value](const auto& one) {
      return one.first == name && identical(one.second, value);
    });
    ASSERT_NE(next, expected.end()) << name;
    ++next;
  }
  std::string why;
  const Graph special =
      specialise(graph, {Shape{5, 6}, Shape{5, 6}, Shape{5, 6}}, reference_evaluator());
  const auto plan = compile(Graph(special), reference_backend(), nullptr, 1, why, &device);
  ASSERT_NE(plan, nullptr) << why;
  verify(plan->graph, "placed");
}

INSTANTIATE_TEST_SUITE_P(Random, OnDevice, ::testing::Range(0U, 60U));

TEST(Device, WeightsAreUploadedOnceForAllSessions) {
  const FakeBackend device;
  const auto program = on(device, mlp());
  Runner first(program, {1, 4});
  first.prepare({Shape{2, 4}});
  const int constants = device.device().counts().device_allocations - 1;  // without the arena
  EXPECT_EQ(constants, 3);
  Runner second(program, {1, 4});
  second.prepare({Shape{2, 4}});
  second.prepare({Shape{1, 4}});
  EXPECT_EQ(device.device().counts().device_allocations, constants + 2);
}

/// Products of matrices whose kernel keeps the weights in a form of its own.
class PackingBackend final : public DeviceBackend {
 public:
  const char* name() const override { return "packing"; }
  const test::FakeDevice& device() const override { return device_; }
  std::unique_ptr<DeviceKernel> prepare(const Site& site) const override {
    if (!std::holds_alternative<ops::MatMul>(site.op) || site.constants[1] == nullptr) {
      return nullptr;
    }
    return std::make_unique<PackedProduct>(site.constants[1]->clone());
  }

 private:
  class PackedProduct final : public DeviceKernel {
   public:
    explicit PackedProduct(Tensor weights) : weights_(std::move(weights)) {}
    OperandUse use(std::size_t operand) const override {
      return operand == 1 ? OperandUse::nothing : OperandUse::elements;
    }
    void enqueue(const Args& args, const Queue& queue) const override {
      const View x = args.in[0], y = args.out[0];
      dynamic_cast<cuda::HostStream&>(queue.stream).enqueue([this, x, y] {
        const std::vector<Tensor> product =
            evaluate(ops::MatMul{},
                     {Tensor::borrow(DType::float32, x.type->shape, x.data, nullptr), weights_}, 1);
        std::memcpy(y.data, product[0].data(), product[0].size_bytes());
      });
    }

   private:
    Tensor weights_;
  };
  test::FakeDevice device_;
};

TEST(Device, WeightsThatAKernelHasPackedAreNotUploadedBesides) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim, 4}});
  g.output("y", g.matmul(x, g.constant(random_floats({4, 3}, 5))));
  const PackingBackend device;
  Runner runner(on(device, graph), {1, 4});
  const std::vector<Tensor> inputs = {random_floats({2, 4}, 6)};
  std::vector<Tensor> outputs;
  runner.run(inputs, outputs);
  EXPECT_TRUE(identical(outputs[0], evaluate_graph(graph, inputs)[0]));
  EXPECT_EQ(device.device().counts().device_allocations, 1) << "the arena";
  EXPECT_EQ(device.device().counts().uploads, 1) << "the input";
}

TEST(Device, RepeatedRunsReplayOneRecording) {
  const FakeBackend device;
  Runner runner(on(device, mlp()), {1, 4});
  std::vector<Tensor> outputs;
  for (int run = 0; run < 5; ++run) runner.run(std::vector{random_floats({2, 4}, 7)}, outputs);
  EXPECT_EQ(device.device().counts().recordings, 1);
  EXPECT_EQ(device.device().counts().launches, 4);
  // Two weights and a bias at compilation; one input in the first run and one in the recording.
  EXPECT_EQ(device.device().counts().uploads, 5);
}

// Also inputs that are only needed later, as they are or reshaped: no step of the host stands
// between those of the device.
TEST(Device, InputsComeTogetherBeforeAnythingRuns) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim, 4}}),
                late = g.input("late", {DType::float32, {kUnknownDim, 3}}),
                flat = g.input("flat", {DType::float32, {kUnknownDim}});
  const ValueId hidden =
      g.unary({UnaryKind::tanh}, g.matmul(x, g.constant(random_floats({4, 3}, 5))));
  const ValueId sum = g.binary(BinaryKind::add, hidden, late);
  const ValueId rows = g.add1(ops::ExpandDims{{1}}, {flat});
  g.output("y", g.unary({UnaryKind::tanh}, g.binary(BinaryKind::mul, sum, rows)));
  g.output("z", sum);
  const FakeBackend device;
  Runner runner(on(device, graph), {1, 4});
  std::vector<Tensor> outputs;
  for (unsigned run = 0; run < 4; ++run) {
    const std::vector<Tensor> inputs = {random_floats({2, 4}, run), random_floats({2, 3}, run + 7),
                                        random_floats({2}, run + 9)};
    runner.run(inputs, outputs);
    const std::vector<Tensor> expected = evaluate_graph(graph, inputs);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_TRUE(identical(outputs[i], expected[i])) << i;
  }
  EXPECT_EQ(device.device().counts().recordings, 1) << runner.plan_text();
  // All inputs, then both outputs with the fault; in the first run and in the recording.
  EXPECT_EQ(device.device().counts().transfers, 4);
}

TEST(Device, ThePlanShowsWhatRunsWhereAndEveryCopy) {
  const FakeBackend device({"matmul"});
  Runner runner(on(device, mlp()), {1, 4});
  runner.prepare({Shape{2, 4}});
  const std::string text = runner.plan_text();
  for (const char* part :
       {"of them on fake (fake)", "[upload]", "[download]", "device matmul 'hidden'",
        "device constant", "device memory", "softmax 'scores' [reference]"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
  EXPECT_EQ(text.find("device softmax"), std::string::npos) << text;
}

TEST(Device, AnIndexOutOfRangeIsAnErrorOfTheNode) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId index = g.input("index", {DType::int32, {kUnknownDim}});
  g.set_scope("look-up");
  const ValueId rows = g.add1(ops::Gather{0, 0}, {g.constant(random_floats({4, 3}, 1)), index});
  g.output("y", g.unary({UnaryKind::tanh}, rows));
  const FakeBackend device;
  Runner runner(on(device, graph), {1, 4});
  std::vector<Tensor> outputs;
  const std::vector<Tensor> good = {Tensor::from<std::int32_t>({2}, {0, 3})},
                            bad = {Tensor::from<std::int32_t>({2}, {0, 4})};
  for (int run = 0; run < 3; ++run) {
    runner.run(good, outputs);
    ErrorCode code{};
    const std::string message = error_of([&] { runner.run(bad, outputs); }, &code);
    EXPECT_EQ(code, ErrorCode::invalid_argument);
    EXPECT_EQ(message, "node 'look-up' (gather): indices[1] = 2 is not in [0, 3)");
  }
}

TEST(Device, AFailedDeviceIsADeviceErrorFromThenOn) {
  FakeBackend device;
  Runner runner(on(device, mlp()), {1, 4});
  std::vector<Tensor> outputs;
  const std::vector<Tensor> inputs = {random_floats({2, 4}, 7)};
  runner.run(inputs, outputs);
  device.device().fail_after(2);
  for (int run = 0; run < 3; ++run) {
    ErrorCode code{};
    const std::string message = error_of([&] { runner.run(inputs, outputs); }, &code);
    EXPECT_EQ(code, ErrorCode::device);
    for (const char* part : {"one of ", " nodes, '", "'scores'", "the fake device has failed"}) {
      EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
    }
  }
}

TEST(Device, StateStaysWithTheSession) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {2}});
  graph.variables.push_back({"total", floats({2}, {1, 2})});
  const ValueId total = g.add1(ops::VariableRead{0}, {});
  const ValueId sum = g.binary(BinaryKind::add, total, x);
  g.add(ops::VariableAssign{0}, {sum}, 0);
  g.output("sum", sum);
  const FakeBackend device;
  Runner runner(on(device, graph), {1, 4}), other(on(device, graph), {1, 4});
  std::vector<Tensor> outputs;
  for (int run = 1; run < 4; ++run) {
    runner.run(std::vector{floats({2}, {10, 20})}, outputs);
    EXPECT_EQ(to_vector(outputs[0]), (std::vector<float>{1.0F + 10.0F * run, 2.0F + 20.0F * run}));
  }
  runner.reset();
  runner.run(std::vector{floats({2}, {0, 0})}, outputs);
  EXPECT_EQ(to_vector(outputs[0]), (std::vector<float>{1, 2}));
}

}  // namespace
}  // namespace thaw::testing
