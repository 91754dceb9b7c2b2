#include "runtime/passes/passes.h"
#include "tests/passes/pass_test_util.h"

namespace thaw {
namespace {

using test::numbers;
using test::ops_of;
using test::random_constant;

/// A graph before the pass, what it is afterwards, and how far the outputs may move.
struct FoldRow {
  std::string name, graph, before, after;
  double tolerance = 1e-5;
};

std::string conv(const std::string& x, const std::string& w, const std::string& more = "") {
  return "%c = conv(%" + x + ", %" + w + ") {strides = [1, 1], dilations = [1, 1]" + more + "}\n";
}
std::string chain(const std::string& dtype, const Shape& factors = {4}) {
  return random_constant("g", dtype, factors, 21) + random_constant("o", dtype, factors, 22) +
         "%m = binary(%c, %g) {kind = mul}\n%a = binary(%m, %o) {kind = add}\noutputs(%a)";
}
std::string image(const std::string& dtype) {
  return "%x: " + dtype + "[?, 5, 5, 2] = input()\n" + random_constant("w", dtype, {3, 3, 2, 4}, 1);
}

Graph graph_of(const std::string& body) { return parse("graph {\n" + body + "\n}"); }

const std::string kImage = image("float32"), kChain = chain("float32");
const std::string kBias = random_constant("b", "float32", {4}, 3);
const std::string kBefore = "input conv mul add", kAfter = "input conv+bias";

std::vector<FoldRow> folded_rows() {
  return {
      {"conv", kImage + conv("x", "w") + kChain, kBefore, kAfter},
      {"same padding and strides",
       kImage + "%c = conv(%x, %w) {strides = [2, 2], dilations = [1, 1], padding = same}\n" +
           kChain,
       kBefore, kAfter},
      {"bias", kImage + kBias + conv("x", "w, %b") + kChain, "input conv+bias mul add", kAfter},
      {"float64", image("float64") + conv("x", "w") + chain("float64"), kBefore, kAfter, 1e-13},
      {"float16", image("float16") + conv("x", "w") + chain("float16"), kBefore, kAfter, 5e-3},
      {"bfloat16", image("bfloat16") + conv("x", "w") + chain("bfloat16"), kBefore, kAfter, 4e-2},
      {"rank of the image", kImage + conv("x", "w") + chain("float32", {1, 1, 1, 4}), kBefore,
       kAfter},
      {"rank 2", kImage + conv("x", "w") + chain("float32", {1, 4}), kBefore, kAfter},
      {"scalars", kImage + conv("x", "w") + chain("float32", {}), kBefore, kAfter},
      {"one for all", kImage + conv("x", "w") + chain("float32", {1}), kBefore, kAfter},
      {"constants in front",
       kImage + conv("x", "w") + random_constant("g", "float32", {4}, 5) +
           "%m = binary(%g, %c) {kind = mul}\n%a = binary(%g, %m)\noutputs(%a)",
       kBefore, kAfter},
      {"several",
       kImage + conv("x", "w") + random_constant("g", "float32", {4}, 5) +
           random_constant("o", "float32", {4}, 6) +
           "%1 = binary(%c, %o) {kind = sub}\n%2 = binary(%1, %g) {kind = mul}\n%3 = binary(%2, "
           "%o)\n"
           "%4 = binary(%o, %3) {kind = sub}\n%5 = binary(%4, %g) {kind = mul}\noutputs(%5)",
       "input conv sub mul add sub mul", kAfter},
      {"constant minus x",
       kImage + conv("x", "w") + kBias + "%a = binary(%b, %c) {kind = sub}\noutputs(%a)",
       "input conv sub", kAfter},
      {"depthwise",
       "%x: float32[2, 5, 5, 2] = input()\n" + random_constant("w", "float32", {3, 3, 1, 4}, 1) +
           conv("x", "w", ", groups = 2") + kChain,
       kBefore, kAfter},
      {"groups",
       "%x: float32[2, 5, 5, 4] = input()\n" + random_constant("w", "float32", {3, 3, 2, 4}, 1) +
           conv("x", "w", ", groups = 2") + kChain,
       kBefore, kAfter},
      {"one dimension",
       "%x: float32[2, 5, 2] = input()\n" + random_constant("w", "float32", {3, 2, 4}, 1) +
           "%c = conv(%x, %w) {strides = [1], dilations = [2], padding = causal}\n" + kChain,
       kBefore, kAfter},
      {"transposed convolution",
       "%x: float32[2, 3, 2] = input()\n" + random_constant("w", "float32", {3, 4, 2}, 1) +
           "%s = constant() {value = int64[1](6)}\n" +
           "%c = conv_transpose(%x, %w, %s) {strides = [2], dilations = [1], padding = same}\n" +
           kChain,
       "input conv_transpose mul add", "input conv_transpose+bias"},
      {"matmul",
       "%x: float32[?, 3] = input()\n" + random_constant("w", "float32", {3, 4}, 1) +
           "%c = matmul(%x, %w)\n" + kChain,
       "input matmul mul add", "input matmul+bias"},
      {"matmul, transposed",
       "%x: float32[3, ?, 2] = input()\n" + random_constant("w", "float32", {4, 3}, 1) +
           "%c = matmul(%x, %w) {transpose_a = true, transpose_b = true}\n" + kChain,
       "input matmul mul add", "input matmul+bias"},
      {"matmul, batched weights",
       "%x: float32[2, 5, 3] = input()\n" + random_constant("w", "float32", {2, 3, 4}, 1) +
           "%c = matmul(%x, %w)\n" + kChain,
       "input matmul mul add", "input matmul+bias"},
      {"matmul, batched weights, transposed",
       "%x: float32[2, 5, 3] = input()\n" + random_constant("w", "float32", {2, 4, 3}, 1) +
           "%c = matmul(%x, %w) {transpose_b = true}\n" + kChain,
       "input matmul mul add", "input matmul+bias"},
      {"up to the activation",
       kImage + conv("x", "w") + random_constant("g", "float32", {4}, 5) +
           "%m = binary(%c, %g) {kind = mul}\n%r = unary(%m) {fn = relu}\n%a = binary(%r, "
           "%g)\noutputs(%a)",
       "input conv mul relu add", "input conv+bias relu add"},
      {"shared weights",
       kImage + "%p = conv(%x, %w) {strides = [1, 1], dilations = [1, 1]}\n" + conv("x", "w") +
           random_constant("g", "float32", {4}, 21) +
           "%m = binary(%c, %g) {kind = mul}\noutputs(%m, %p)",
       "input conv conv mul", "input conv conv+bias"},
  };
}

TEST(FoldBatchNorm, FoldsAndKeepsTheResult) {
  for (const FoldRow& row : folded_rows()) {
    SCOPED_TRACE(row.name);
    const Graph before = graph_of(row.graph);
    verify(before, "before");
    Graph after = before;
    EXPECT_EQ(ops_of(before), row.before);
    EXPECT_TRUE(fold_batch_norm(after));
    verify(after, "after");
    EXPECT_EQ(ops_of(after), row.after);
    EXPECT_FALSE(fold_batch_norm(after));
    const std::vector<Tensor> inputs = test::random_inputs(before, 77);
    const std::vector<Tensor> expected = test::run_graph(before, inputs);
    const std::vector<Tensor> found = test::run_graph(after, inputs);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_LE(test::difference(expected[i], found[i]), row.tolerance);
    }
  }
}

TEST(FoldBatchNorm, LeavesWhatItMust) {
  const std::string g = random_constant("g", "float32", {4}, 5);
  const std::string mul = "%m = binary(%c, %g) {kind = mul}\noutputs(%m)";
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"behind an activation", kImage + conv("x", "w", ", activation = relu") + kChain},
      {"used twice", kImage + conv("x", "w") + g +
                         "%m = binary(%c, %g) {kind = mul}\n%n = binary(%m, %c)\noutputs(%n)"},
      {"also an output",
       kImage + conv("x", "w") + g + "%m = binary(%c, %g) {kind = mul}\noutputs(%m, %c)"},
      {"squared", kImage + conv("x", "w") + "%m = binary(%c, %c) {kind = mul}\noutputs(%m)"},
      {"no scale", kImage + conv("x", "w") + g + "%m = binary(%c, %g)\noutputs(%m)"},
      {"along another axis",
       kImage + conv("x", "w") + random_constant("g", "float32", {3, 1}, 5) + mul},
      {"per pixel", kImage + conv("x", "w") + random_constant("g", "float32", {3, 3, 4}, 5) + mul},
      {"more dimensions",
       kImage + conv("x", "w") + random_constant("g", "float32", {1, 1, 1, 1, 4}, 5) + mul},
      {"division", kImage + conv("x", "w") + g + "%m = binary(%c, %g) {kind = div}\noutputs(%m)"},
      {"variable factor", kImage + conv("x", "w") + "%g: float32[4] = input()\n" + mul},
      {"variable weights",
       "%x: float32[?, 5, 5, 2] = input()\n%w: float32[3, 3, 2, 4] = input()\n" + conv("x", "w") +
           g + mul},
      {"variable bias", kImage + "%b: float32[4] = input()\n" + conv("x", "w, %b") + g + mul},
      {"infinite scale",
       kImage + conv("x", "w") + "%g = constant() {value = float32[4](1, inf, 1, 1)}\n" + mul},
      {"overflowing scale",
       kImage + conv("x", "w") + "%g = constant() {value = float32[4](1, 3e38, 3e38, 1)}\n" + mul},
      {"vanishing scale",
       kImage + conv("x", "w") + "%g = constant() {value = float32[4](1, 1e-39, 1, 1)}\n" + mul},
      {"overflowing bias", kImage + conv("x", "w") + g +
                               "%o = constant() {value = float32[4](1, 3e38, 1, 1)}\n"
                               "%m = binary(%c, %g) {kind = mul}\n%a = binary(%m, %o)\n%d = "
                               "binary(%a, %o)\noutputs(%d)"},
      {"one column against four", "%x: float32[?, 3] = input()\n" +
                                      random_constant("w", "float32", {3, 1}, 1) +
                                      "%c = matmul(%x, %w)\n" + g + mul},
      {"integers", "%x: int32[?, 3] = input()\n" + random_constant("w", "int32", {3, 4}, 1) +
                       "%c = matmul(%x, %w)\n" + random_constant("g", "int32", {4}, 1) + mul},
  };
  for (const auto& [name, body] : rows) {
    SCOPED_TRACE(name);
    Graph graph = graph_of(body);
    verify(graph, "before");
    const std::string text = to_text(graph, 1000);
    EXPECT_FALSE(fold_batch_norm(graph));
    EXPECT_EQ(to_text(graph, 1000), text);
  }
}

TEST(FoldBatchNorm, Parameters) {
  Graph graph = graph_of(R"(
    %x: float32[?, 2] = input()
    %w = constant() {value = float32[2, 3](1, 2, 3, 4, 5, 6)}
    %b = constant() {value = float32[3](10, 20, 30)}
    %c = matmul(%x, %w, %b) @ "dense"
    %g = constant() {value = float32[3](2, -1, 0.5)}
    %m = binary(%c, %g) {kind = mul} @ "batch_norm"
    %o = constant() {value = float32[3](1, 2, 3)}
    %a "result" = binary(%m, %o) {kind = sub} @ "batch_norm"
    outputs(%a "y"))");
  ASSERT_TRUE(fold_batch_norm(graph));
  const Node& node = graph.nodes.back();
  EXPECT_EQ(node.name, "dense");
  EXPECT_EQ(graph.output_names[0], "y");
  EXPECT_EQ(numbers(*constant_of(graph, node.inputs[1])),
            (std::vector<double>{2, -2, 1.5, 8, -5, 3}));
  EXPECT_EQ(numbers(*constant_of(graph, node.inputs[2])), (std::vector<double>{19, -22, 12}));
}

TEST(FoldBatchNorm, ComputesInDoubleAndRoundsOnce) {
  // In float32 the product of the two scales would round before it meets the weight.
  Graph graph = graph_of(R"(
    %x: float32[?, 1] = input()
    %w = constant() {value = float32[1, 1](3)}
    %c = matmul(%x, %w)
    %g = constant() {value = float32[1](0.1)}
    %m = binary(%c, %g) {kind = mul}
    %n = binary(%m, %g) {kind = mul}
    outputs(%n))");
  ASSERT_TRUE(fold_batch_norm(graph));
  const double tenth = 0.1f;
  EXPECT_EQ(numbers(*constant_of(graph, graph.nodes.back().inputs[1]))[0],
            static_cast<float>(3 * (tenth * tenth)));
}

TEST(FoldBatchNorm, InsideSubgraphs) {
  const std::string body = "%x: float32[?, 3] = input()\n" +
                           random_constant("w", "float32", {3, 4}, 1) + "%c = matmul(%x, %w)\n" +
                           kChain;
  Graph graph = graph_of("subgraph \"s\" {" + body +
                         "}\n%p: bool[] = input()\n%x: float32[?, 3] = input()\n"
                         "%y = if(%p, %x)\noutputs(%y)");
  EXPECT_TRUE(fold_batch_norm(graph));
  verify(graph, "after");
  EXPECT_EQ(ops_of(graph.subgraphs[0]), "input matmul+bias");
}

}  // namespace
}  // namespace thaw
