#include <gmock/gmock.h>

#include <random>

#include "runtime/passes/passes.h"
#include "tests/passes/pass_test_util.h"
#include "thaw/error.h"

namespace thaw {
namespace {

using test::ops_of;
using test::random_constant;

const char* const kBlock = R"(
  %t = identity(%x)
  %c = conv(%t, %w) {strides = [1, 1], dilations = [1, 1], padding = same} @ "conv"
  %b = binary(%c, %o) @ "bias"
  %m = binary(%b, %g) {kind = mul} @ "norm"
  %s = binary(%m, %o) {kind = sub} @ "norm"
  %r = unary(%s) {fn = relu} @ "relu"
  %dead = unary(%s) {fn = exp}
  outputs(%r "y"))";

Graph block() {
  return parse("graph { %x: float32[?, 5, 5, 2] = input()\n" +
               random_constant("w", "float32", {3, 3, 2, 4}, 1) +
               random_constant("o", "float32", {4}, 2) + random_constant("g", "float32", {4}, 3) +
               kBlock + "}");
}

TEST(Pipeline, AConvolutionalBlockBecomesOneNode) {
  Graph graph = block();
  const std::vector<Tensor> inputs = test::random_inputs(graph, 4);
  const std::vector<Tensor> expected = test::run_graph(graph, inputs);
  run_pipeline(graph, {.optimize = true, .verify_after_each = true});
  EXPECT_EQ(ops_of(graph), "input conv+bias+relu");
  EXPECT_EQ(graph.nodes.back().name, "conv");
  EXPECT_EQ(graph.nodes.size(), 4u);  // input, weights, bias, conv
  EXPECT_LE(test::difference(expected[0], test::run_graph(graph, inputs)[0]), 1e-6);
}

TEST(Pipeline, CanBeOff) {
  Graph graph = block();
  const std::string text = to_text(graph, 1000);
  run_pipeline(graph, {.optimize = false, .verify_after_each = true});
  EXPECT_EQ(to_text(graph, 1000), text);
}

TEST(Pipeline, VerifiesWhenAsked) {
  Graph graph = block();
  graph.values[0].type.shape = Shape{1, 5, 5, 3};
  try {
    run_pipeline(graph, {.optimize = true, .verify_after_each = true});
    FAIL() << "a graph with a wrong shape passed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::internal);
    EXPECT_THAT(error.what(), testing::HasSubstr("before the passes"));
  }
}

/// A random chain of ops that the passes look for, with a second use or output here and there.
Graph random_graph(std::mt19937& rng) {
  const auto pick = [&](int n) { return static_cast<int>(rng() % static_cast<unsigned>(n)); };
  std::string text =
      "%v0: float64[?, 6, 3] = input()\n%p0 = constant() {value = int64[3](0, 2, 1)}\n"
      "%s0 = constant() {value = int64[2](-1, 3)}\n%s1 = constant() {value = int64[3](-1, 6, 3)}\n";
  int last = 0;
  std::string outputs;
  const auto add = [&](const std::string& call) {
    text += "%v" + std::to_string(++last) + " = " + call + "\n";
  };
  const auto use = [&] { return "%v" + std::to_string(last); };
  std::vector<int> whole;  // values of the input's shape
  static const char* const kBinary[] = {"add", "sub", "mul", "maximum"};
  static const char* const kUnary[] = {"relu", "tanh", "linear", "neg", "clamp(-1, 1)"};
  for (int i = 0; i < 25; ++i) {
    const std::string k = std::to_string(i);
    whole.push_back(last);
    switch (pick(8)) {
      case 0:
        text += random_constant("w" + k, "float64", {3, 3}, rng());
        add("matmul(" + use() + ", %w" + k + ")" + (pick(2) == 0 ? " {transpose_b = true}" : ""));
        break;
      case 1:
        text += random_constant("w" + k, "float64", {3, 3, 3}, rng());
        add("conv(" + use() + ", %w" + k + ") {strides = [1], dilations = [1], padding = same}");
        break;
      case 2:
      case 3:
      case 4: {
        static const Shape kShapes[] = {{3}, {1}, {}, {1, 1, 3}, {6, 1}, {1, 6, 3}};
        text += random_constant("k" + k, "float64", kShapes[pick(6)], rng());
        const std::string kind = std::string(") {kind = ") + kBinary[pick(4)] + "}";
        add(pick(3) == 0 ? "binary(%k" + k + ", " + use() + kind
                         : "binary(" + use() + ", %k" + k + kind);
        break;
      }
      case 5: add("unary(" + use() + ") {fn = " + kUnary[pick(5)] + "}"); break;
      case 6:
        if (pick(2) == 0) {
          add("transpose(" + use() + ", %p0)");
          add("transpose(" + use() + ", %p0)");
        } else {
          add("reshape(" + use() + ", %s0)");
          add("reshape(" + use() + ", %s1)");
        }
        break;
      default:
        if (pick(2) == 0) add("identity(" + use() + ")");
        if (pick(3) == 0) outputs += use() + ", ";
        if (pick(3) == 0) {
          const int other = whole[static_cast<std::size_t>(pick(static_cast<int>(whole.size())))];
          add("binary(" + use() + ", %v" + std::to_string(other) + ") {kind = squared_difference}");
        }
        break;
    }
    if (pick(6) == 0) add("unary(" + use() + ") {fn = softsign}");  // keeps the numbers small
  }
  return parse("graph {\n" + text + "outputs(" + outputs + use() + ")\n}");
}

TEST(Pipeline, RandomGraphsKeepTheirResults) {
  bool (*const passes[])(Graph&) = {remove_identities, remove_dead_code, fold_batch_norm, fuse_bias,
                                    fuse_activation};
  std::mt19937 rng(12);
  int shrunk = 0;
  for (int i = 0; i < 150; ++i) {
    const Graph before = random_graph(rng);
    verify(before, "before");
    const std::vector<Tensor> inputs =
        test::random_inputs(before, 100 + static_cast<std::uint32_t>(i));
    const std::vector<Tensor> expected = test::run_graph(before, inputs);
    const auto check = [&](const Graph& after) {
      verify(after, "after");
      const std::vector<Tensor> found = test::run_graph(after, inputs);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t k = 0; k < found.size(); ++k) {
        ASSERT_LE(test::difference(expected[k], found[k]), 1e-9)
            << to_text(before, 1000) << to_text(after, 1000);
      }
    };
    for (const auto pass : passes) {
      Graph after = before;
      pass(after);
      check(after);
    }
    Graph after = before;
    run_pipeline(after, {.optimize = true, .verify_after_each = true});
    check(after);
    shrunk += after.nodes.size() < before.nodes.size() ? 1 : 0;
    const std::string text = to_text(after, 1000);
    run_pipeline(after, {});
    EXPECT_EQ(to_text(after, 1000), text);  // a second time changes nothing
    if (HasFailure()) return;
  }
  EXPECT_GE(shrunk, 100);
}

}  // namespace
}  // namespace thaw
