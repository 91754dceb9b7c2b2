// Attention spelled out becomes one node on a device that has a kernel for it, and stays as it is
// on one that has none.
#include "tests/exec/device_test_util.h"

namespace thaw::testing {
namespace {

/// softmax(q k^T) v of three heads.
Graph attention_graph() {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId q = g.input("q", {DType::float32, {2, 3, 5, 8}});
  const ValueId k = g.input("k", {DType::float32, {2, 3, 7, 8}});
  const ValueId v = g.input("v", {DType::float32, {2, 3, 7, 4}});
  ops::MatMul by_keys;
  by_keys.transpose_b = true;
  const ValueId shares = g.add1(ops::Softmax{{-1}}, {g.add1(by_keys, {q, k})});
  g.output("y", g.add1(ops::MatMul{}, {shares, v}));
  return graph;
}

TEST(DeviceAttention, IsOneNodeWhereTheDeviceHasAKernel) {
  const Graph graph = attention_graph();
  const std::vector<Tensor> inputs = {random_floats({2, 3, 5, 8}, 1),
                                      random_floats({2, 3, 7, 8}, 2),
                                      random_floats({2, 3, 7, 4}, 3)};
  const std::vector<float> expected = to_vector(evaluate_graph(graph, inputs)[0]);
  for (const bool attends : {true, false}) {
    const FakeBackend device(attends ? std::set<std::string>{"attention", "reshape", "transpose"}
                                     : std::set<std::string>{"matmul", "softmax"});
    Runner runner(on(device, graph), {1, 4});
    std::vector<Tensor> outputs;
    runner.run(inputs, outputs);
    EXPECT_EQ(runner.plan_text().find("attention") != std::string::npos, attends)
        << runner.plan_text();
    const std::vector<float> found = to_vector(outputs[0]);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 2e-6);
  }
}

}  // namespace
}  // namespace thaw::testing
