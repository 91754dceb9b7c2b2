// fuse_bias, fuse_activation.
#include "runtime/passes/passes.h"
#include "tests/passes/pass_test_util.h"

namespace thaw {
namespace {

using test::graph_of;
using test::numbers;
using test::ops_of;
using test::random_constant;

const std::string kDense = "%x: float32[?, 3] = input()\n" +
                           random_constant("w", "float32", {3, 4}, 1) +
                           "%c = matmul(%x, %w) @ \"dense\"\n";
const std::string kConv =
    "%x: float32[2, 5, 5, 2] = input()\n" + random_constant("w", "float32", {3, 3, 2, 4}, 1) +
    "%c = conv(%x, %w) {strides = [1, 1], dilations = [1, 1], padding = same} @ \"conv\"\n";
const std::string kVector = random_constant("b", "float32", {4}, 2);
const std::string kAdd = "%y = binary(%c, %b) @ \"add\"\noutputs(%y)";

TEST(FuseBias, Rows) {
  test::check_rows(
      {
          {"matmul", kDense + kVector + kAdd, "input matmul+bias", 1e-6},
          {"conv", kConv + kVector + kAdd, "input conv+bias", 1e-6},
          {"constant in front", kConv + kVector + "%y = binary(%b, %c)\noutputs(%y)",
           "input conv+bias", 1e-6},
          {"rank of the result", kConv + random_constant("b", "float32", {1, 1, 1, 4}, 2) + kAdd,
           "input conv+bias", 1e-6},
          {"scalar", kConv + random_constant("b", "float32", {}, 2) + kAdd, "input conv+bias",
           1e-6},
          {"two in a row",
           kConv + kVector + "%y = binary(%c, %b)\n%z = binary(%y, %b)\noutputs(%z)",
           "input conv+bias", 1e-6},
          {"has a bias",
           "%x: float32[?, 3] = input()\n" + random_constant("w", "float32", {3, 4}, 1) + kVector +
               "%c = matmul(%x, %w, %b)\n" + kAdd,
           "input matmul+bias", 1e-6},
          {"transposed convolution",
           "%x: float32[2, 3, 2] = input()\n" + random_constant("w", "float32", {3, 4, 2}, 1) +
               kVector +
               "%s = constant() {value = int64[1](6)}\n"
               "%c = conv_transpose(%x, %w, %s) {strides = [2], dilations = [1], padding = "
               "same}\n" +
               kAdd,
           "input conv_transpose+bias", 1e-6},
          {"float16",
           "%x: float16[?, 3] = input()\n" + random_constant("w", "float16", {3, 4}, 1) +
               "%c = matmul(%x, %w)\n" + random_constant("b", "float16", {4}, 2) + kAdd,
           "input matmul+bias", 2e-3},
          {"along another axis", kConv + random_constant("b", "float32", {5, 1}, 2) + kAdd,
           "input conv add"},
          {"more dimensions", kDense + random_constant("b", "float32", {1, 1, 4}, 2) + kAdd,
           "input matmul add"},
          {"used twice", kDense + kVector + "%y = binary(%c, %b)\n%z = binary(%y, %c)\noutputs(%z)",
           "input matmul add add"},
          {"also an output", kDense + kVector + "%y = binary(%c, %b)\noutputs(%y, %c)",
           "input matmul add"},
          {"subtraction", kDense + kVector + "%y = binary(%c, %b) {kind = sub}\noutputs(%y)",
           "input matmul sub"},
          {"variable", kDense + "%b: float32[4] = input()\n" + kAdd, "input matmul input add"},
          {"behind an activation",
           "%x: float32[?, 3] = input()\n" + random_constant("w", "float32", {3, 4}, 1) + kVector +
               "%c = matmul(%x, %w) {activation = relu}\n" + kAdd,
           "input matmul+relu add"},
          {"integers",
           "%x: int32[?, 3] = input()\n" + random_constant("w", "int32", {3, 4}, 1) +
               "%c = matmul(%x, %w)\n" + random_constant("b", "int32", {4}, 2) + kAdd,
           "input matmul add"},
      },
      fuse_bias);
}

TEST(FuseBias, Parameters) {
  Graph graph = graph_of(kDense + "%b = constant() {value = float32[1, 4](1, 2, 3, 4)}\n" + kAdd);
  ASSERT_TRUE(fuse_bias(graph));
  const Node& node = graph.nodes.back();
  EXPECT_EQ(node.name, "dense");
  const Tensor& bias = *constant_of(graph, node.inputs[2]);
  EXPECT_EQ(bias.shape(), Shape{4});
  EXPECT_EQ(numbers(bias), (std::vector<double>{1, 2, 3, 4}));

  Graph sums =
      graph_of("%x: float32[?, 3] = input()\n" + random_constant("w", "float32", {3, 2}, 1) +
               "%a = constant() {value = float32[2](10, 20)}\n%c = matmul(%x, %w, %a)\n"
               "%b = constant() {value = float32[](5)}\n" +
               kAdd);
  ASSERT_TRUE(fuse_bias(sums));
  EXPECT_EQ(numbers(*constant_of(sums, sums.nodes.back().inputs[2])),
            (std::vector<double>{15, 25}));

  Graph scalar = graph_of(kDense + "%b = constant() {value = float32[](5)}\n" + kAdd);
  ASSERT_TRUE(fuse_bias(scalar));
  EXPECT_EQ(numbers(*constant_of(scalar, scalar.nodes.back().inputs[2])),
            (std::vector<double>{5, 5, 5, 5}));
}

TEST(FuseBias, ASumThatOverflowsStays) {
  Graph graph =
      graph_of("%x: float32[?, 3] = input()\n" + random_constant("w", "float32", {3, 1}, 1) +
               "%b = constant() {value = float32[1](3e38)}\n%c = matmul(%x, %w, %b)\n" + kAdd);
  EXPECT_FALSE(fuse_bias(graph));
  EXPECT_EQ(ops_of(graph), "input matmul+bias add");
}

TEST(FuseActivation, Rows) {
  const auto unary = [](const std::string& fn) {
    return "%y = unary(%c) {fn = " + fn + "} @ \"act\"\noutputs(%y)";
  };
  test::check_rows(
      {
          {"matmul", kDense + unary("relu"), "input matmul+relu"},
          {"conv", kConv + unary("clamp(0, 6)"), "input conv+clamp"},
          {"transcendental", kConv + unary("sigmoid"), "input conv+sigmoid", 1e-6},
          {"predicate", kDense + unary("is_nan"), "input matmul is_nan"},
          {"used twice", kDense + "%y = unary(%c) {fn = relu}\n%z = binary(%y, %c)\noutputs(%z)",
           "input matmul relu add"},
          {"also an output", kDense + "%y = unary(%c) {fn = relu}\noutputs(%y, %c)",
           "input matmul relu"},
          {"has one",
           "%x: float32[?, 3] = input()\n" + random_constant("w", "float32", {3, 4}, 1) +
               "%c = matmul(%x, %w) {activation = tanh}\n" + unary("relu"),
           "input matmul+tanh relu"},
          {"only the first",
           kDense + "%y = unary(%c) {fn = relu}\n%z = unary(%y) {fn = tanh}\noutputs(%z)",
           "input matmul+relu tanh"},
          {"variable weights",
           "%x: float32[2, 3] = input()\n%w: float32[3, 2] = input()\n%c = matmul(%x, %w)\n" +
               unary("relu"),
           "input input matmul+relu"},
          {"integers",
           "%x: int32[2, 3] = input()\n" + random_constant("w", "int32", {3, 4}, 1) +
               "%c = matmul(%x, %w)\n" + unary("relu"),
           "input matmul relu"},
          {"transposed convolution has none",
           "%x: float32[2, 3, 2] = input()\n" + random_constant("w", "float32", {3, 4, 2}, 1) +
               "%s = constant() {value = int64[1](6)}\n"
               "%c = conv_transpose(%x, %w, %s) {strides = [2], dilations = [1], padding = "
               "same}\n" +
               unary("relu"),
           "input conv_transpose relu"},
      },
      fuse_activation);
}

TEST(FuseActivation, Parameters) {
  Graph graph = graph_of(
      kDense + "%y = unary(%c) {fn = hard_sigmoid(0.2, 0.5)} @ \"act\"\noutputs(%y \"out\")");
  ASSERT_TRUE(fuse_activation(graph));
  const Node& node = graph.nodes.back();
  EXPECT_EQ(std::get<ops::MatMul>(node.op).activation,
            (UnaryFn{UnaryKind::hard_sigmoid, 0.2, 0.5}));
  EXPECT_EQ(node.name, "dense");
  EXPECT_EQ(graph.output_names[0], "out");
}

}  // namespace
}  // namespace thaw
