// fuse_elementwise.
#include "runtime/passes/passes.h"
#include "tests/passes/pass_test_util.h"

namespace thaw {
namespace {

constexpr auto kEvery = [](const Op&, DType) { return true; };

/// The expressions of the graph's elementwise nodes, in order.
std::vector<std::string> expressions(const Graph& graph) {
  std::vector<std::string> result;
  for (const Node& node : graph.nodes) {
    if (const auto* op = std::get_if<ops::Elementwise>(&node.op)) result.push_back(op->expression);
  }
  return result;
}

/// What becomes of a graph; its results must stay as they were to the bit.
std::vector<std::string> fused(const std::string& body,
                               FunctionRef<bool(const Op&, DType)> fusible) {
  const Graph before = parse("graph {\n" + body + "\n}");
  verify(before, "before");
  Graph after = before;
  const bool changed = fuse_elementwise(after, fusible);
  verify(after, "after");
  EXPECT_EQ(changed, !expressions(after).empty());
  const std::vector<Tensor> inputs = test::random_inputs(before, 3);
  const std::vector<Tensor> expected = test::run_graph(before, inputs);
  const std::vector<Tensor> found = test::run_graph(after, inputs);
  EXPECT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_TRUE(test::bitwise_equal(expected[i], found[i]));
  }
  return expressions(after);
}

using Texts = std::vector<std::string>;
const std::string kX = "%x: float32[2, 5] = input()\n%y: float32[2, 5] = input()\n";

TEST(FuseElementwise, Chain) {
  EXPECT_EQ(fused(kX + "%a = binary(%x, %y) {kind = mul}\n%b = unary(%a) {fn = relu}\n"
                       "%c = binary(%b, %x) {kind = sub}\noutputs(%c)",
                  kEvery),
            Texts{"sub(relu(mul($0, $1)), $0)"});
}

TEST(FuseElementwise, Parameters) {
  EXPECT_EQ(fused("%x: float64[7] = input()\n%a = unary(%x) {fn = leaky_relu(0.5, 0)}\n"
                  "%b = unary(%a) {fn = exp}\noutputs(%b)",
                  kEvery),
            Texts{"exp(leaky_relu<0.5, 0>($0))"});
}

TEST(FuseElementwise, HalvesThatRoundEachTimeStay) {
  for (const char* dtype : {"float16", "bfloat16"}) {
    EXPECT_EQ(fused(std::string("%x: ") + dtype +
                        "[7] = input()\n%a = unary(%x) {fn = exp}\n%b = unary(%a) {fn = neg}\n"
                        "outputs(%b)",
                    kEvery),
              Texts{});
  }
}

TEST(FuseElementwise, BroadcastOperandsStayOutside) {
  EXPECT_EQ(fused("%x: float32[2, 5] = input()\n%y: float32[5] = input()\n"
                  "%s = unary(%y) {fn = exp}\n"  // once per row if it were inside
                  "%a = binary(%x, %s) {kind = add}\n%b = unary(%a) {fn = tanh}\noutputs(%b)",
                  kEvery),
            Texts{"tanh(add($0, $1))"});
}

TEST(FuseElementwise, WhatIsNeededElsewhereStays) {
  const std::string two_uses =
      kX + "%a = unary(%x) {fn = exp}\n%b = unary(%a) {fn = neg}\n%c = unary(%a) {fn = relu}\n";
  EXPECT_EQ(fused(two_uses + "outputs(%b, %c)", kEvery), Texts{});
  EXPECT_EQ(
      fused(kX + "%a = unary(%x) {fn = exp}\n%b = unary(%a) {fn = neg}\noutputs(%a, %b)", kEvery),
      Texts{});
  EXPECT_EQ(fused(kX + "%a = unary(%x) {fn = exp}\n%b = binary(%a, %a) {kind = mul}\noutputs(%b)",
                  kEvery),
            Texts{});
}

TEST(FuseElementwise, OtherTypesStay) {
  EXPECT_EQ(fused("%x: int32[4] = input()\n%a = unary(%x) {fn = neg}\n%b = unary(%a) {fn = abs}\n"
                  "outputs(%b)",
                  kEvery),
            Texts{});
  EXPECT_EQ(fused(kX + "%a = unary(%x) {fn = exp}\n%b = binary(%a, %y) {kind = less}\noutputs(%b)",
                  kEvery),
            Texts{});
  EXPECT_EQ(fused("%x: float32[?] = input()\n%a = unary(%x) {fn = exp}\n"
                  "%b = unary(%a) {fn = neg}\noutputs(%b)",
                  kEvery),
            Texts{});  // shapes are not known
}

TEST(FuseElementwise, WhatTheBackendDoesNotFuseStays) {
  const auto no_tanh = [](const Op& op, DType) {
    const auto* unary = std::get_if<ops::Unary>(&op);
    return unary == nullptr || unary->fn.kind != UnaryKind::tanh;
  };
  EXPECT_EQ(fused(kX + "%a = unary(%x) {fn = exp}\n%b = unary(%a) {fn = tanh}\n"
                       "%c = unary(%b) {fn = neg}\n%d = binary(%c, %y) {kind = add}\noutputs(%d)",
                  no_tanh),
            Texts{"add(neg($1), $0)"});
}

TEST(FuseElementwise, LongChainsAreCut) {
  std::string body = kX, value = "x";
  for (int i = 0; i < 40; ++i) {
    const std::string next = "v" + std::to_string(i);
    body += "%" + next + " = unary(%" + value + ") {fn = neg}\n";
    value = next;
  }
  const Texts texts = fused(body + "outputs(%" + value + ")", kEvery);
  EXPECT_EQ(texts.size(), 3u);  // 16 + 16 + 8
}

TEST(FuseElementwise, ManyOperandsAreCut) {
  std::string body = kX, value = "x";
  for (int i = 0; i < 12; ++i) {
    const std::string operand = "i" + std::to_string(i), next = "v" + std::to_string(i);
    body += "%" + operand + ": float32[2, 5] = input()\n%" + next + " = binary(%" + value + ", %" +
            operand + ") {kind = add}\n";
    value = next;
  }
  EXPECT_EQ(fused(body + "outputs(%" + value + ")", kEvery).size(), 2u);  // 8 operands, then 6
}

}  // namespace
}  // namespace thaw
