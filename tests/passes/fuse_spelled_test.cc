// fuse_functions, fuse_normalization, fuse_softmax, fuse_dilation, sink_views: what a graph spells
// out in small nodes.
#include <cmath>

#include "runtime/passes/passes.h"
#include "tests/passes/pass_test_util.h"

namespace thaw {
namespace {

using test::graph_of;
using test::ops_of;
using test::PassRow;
using test::random_constant;

void check_spelled(const std::vector<test::PassRow>& rows, bool (*pass)(Graph&)) {
  test::check_rows(rows, pass, 1e-6);
}

std::string number(const std::string& name, const std::string& value,
                   const std::string& dtype = "float32") {
  return "%" + name + " = constant() {value = " + dtype + "[](" + value + ")}\n";
}
std::string two(const std::string& result, const std::string& kind, const std::string& x,
                const std::string& y) {
  return "%" + result + " = binary(%" + x + ", %" + y + ") {kind = " + kind + "}\n";
}
std::string one(const std::string& result, const std::string& fn, const std::string& x) {
  return "%" + result + " = unary(%" + x + ") {fn = " + fn + "}\n";
}

const std::string kX = "%x: float32[?, 5] = input()\n";
const std::string kOut = "outputs(%y)";

std::string gelu_by_erf(const std::string& scale) {
  return kX + number("h", "0.5") + number("s", scale) + number("i", "1") +
         two("a", "mul", "x", "s") + one("e", "erf", "a") + two("p", "add", "i", "e");
}

std::string gelu_by_tanh(const std::string& cube) {
  return kX + number("c", "0.044715") + number("k", "0.7978845608") + number("h", "0.5") +
         number("i", "1") + number("n", "3") + cube + two("d", "mul", "c", "q") +
         two("m", "add", "x", "d") + two("a", "mul", "k", "m") + one("t", "tanh", "a") +
         two("p", "add", "i", "t") + two("l", "mul", "h", "x") + two("y", "mul", "l", "p") + kOut;
}

TEST(FuseFunctions, Rows) {
  check_spelled(
      {
          {"gelu",
           gelu_by_erf("0.70710678") + two("l", "mul", "h", "x") + two("y", "mul", "l", "p") + kOut,
           "input gelu"},
          {"gelu in another order",
           gelu_by_erf("0.70710678") + two("l", "mul", "x", "p") + two("y", "mul", "l", "h") + kOut,
           "input gelu"},
          {"half of the sum first",
           gelu_by_erf("0.70710678") + two("l", "mul", "p", "h") + two("y", "mul", "l", "x") + kOut,
           "input gelu"},
          {"divided by the root",
           kX + number("h", "0.5") + number("s", "1.41421356") + number("i", "1") +
               two("a", "div", "x", "s") + one("e", "erf", "a") + two("p", "add", "e", "i") +
               two("l", "mul", "h", "x") + two("y", "mul", "l", "p") + kOut,
           "input gelu"},
          {"gelu by erfc",
           kX + number("h", "0.5") + number("s", "0.70710678") + two("l", "mul", "h", "x") +
               one("n", "neg", "x") + two("a", "mul", "n", "s") + one("e", "erfc", "a") +
               two("y", "mul", "l", "e") + kOut,
           "input gelu"},
          {"another scale stays",
           gelu_by_erf("0.7") + two("l", "mul", "h", "x") + two("y", "mul", "l", "p") + kOut,
           "input mul erf add mul mul"},
          {"gelu by tanh of a power", gelu_by_tanh(two("q", "pow", "x", "n")), "input gelu_tanh"},
          {"gelu by tanh of products",
           gelu_by_tanh(two("z", "mul", "x", "x") + two("q", "mul", "z", "x")), "input gelu_tanh"},
          {"gelu by tanh of a square",
           gelu_by_tanh(one("z", "square", "x") + two("q", "mul", "x", "z")), "input gelu_tanh"},
          {"silu", kX + one("g", "sigmoid", "x") + two("y", "mul", "x", "g") + kOut, "input silu"},
          {"silu with a beta of 1",
           kX + number("b", "1") + two("z", "mul", "b", "x") + one("g", "sigmoid", "z") +
               two("y", "mul", "x", "g") + kOut,
           "input silu"},
          {"silu with another beta stays",
           kX + number("b", "1.702") + two("z", "mul", "b", "x") + one("g", "sigmoid", "z") +
               two("y", "mul", "x", "g") + kOut,
           "input mul sigmoid mul"},
          {"a gate of something else stays",
           kX + "%z: float32[?, 5] = input()\n" + one("g", "sigmoid", "z") +
               two("y", "mul", "x", "g") + kOut,
           "input input sigmoid mul"},
          {"mish",
           kX + one("s", "softplus", "x") + one("g", "tanh", "s") + two("y", "mul", "g", "x") +
               kOut,
           "input mish"},
          {"clamp",
           kX + number("l", "-0.5") + number("u", "1") + two("a", "maximum", "x", "l") +
               two("y", "minimum", "a", "u") + kOut,
           "input clamp", 0},
          {"clamp from above",
           kX + number("l", "-0.5") + number("u", "1") + two("a", "minimum", "u", "x") +
               two("y", "maximum", "l", "a") + kOut,
           "input clamp", 0},
          {"bounds the wrong way round stay",
           kX + number("l", "1") + number("u", "-1") + two("a", "maximum", "x", "l") +
               two("y", "minimum", "a", "u") + kOut,
           "input maximum minimum"},
          {"relu", kX + number("l", "0") + two("y", "maximum", "x", "l") + kOut, "input relu", 0},
          {"relu and a bound",
           kX + number("u", "1.5") + one("a", "relu", "x") + two("y", "minimum", "a", "u") + kOut,
           "input clamp", 0},
          {"hard sigmoid of Keras 2",
           kX + number("a", "0.2") + number("b", "0.5") + number("l", "0") + number("u", "1") +
               two("m", "mul", "x", "a") + two("s", "add", "m", "b") +
               two("f", "maximum", "s", "l") + two("y", "minimum", "f", "u") + kOut,
           "input hard_sigmoid"},
          {"hard sigmoid of Keras 3",
           kX + number("b", "3") + number("d", "6") + two("s", "add", "x", "b") +
               one("c", "clamp(0, 6)", "s") + two("y", "div", "c", "d") + kOut,
           "input hard_sigmoid"},
          {"hard silu",
           kX + number("b", "3") + number("d", "0.16666667") + two("s", "add", "x", "b") +
               one("c", "clamp(0, 6)", "s") + two("f", "mul", "c", "d") +
               two("y", "mul", "x", "f") + kOut,
           "input hard_silu"},
          {"integers stay",
           "%x: int32[?, 5] = input()\n" + number("l", "0", "int32") +
               two("y", "maximum", "x", "l") + kOut,
           "input maximum"},
      },
      fuse_functions);
}

TEST(FuseFunctions, KeepWhatIsUsedElsewhere) {
  check_spelled({{"the gate is an output",
                  kX + one("g", "sigmoid", "x") + two("y", "mul", "x", "g") + "outputs(%y, %g)",
                  "input sigmoid silu"}},
                fuse_functions);
}

TEST(FuseFunctions, NotANumberStaysOne) {
  for (const char* body : {"maximum", "minimum"}) {
    const bool low = std::string(body) == "maximum";
    Graph graph =
        graph_of(kX + number("l", "0") + number("u", "6") + two("a", body, "x", low ? "l" : "u") +
                 two("y", low ? "minimum" : "maximum", "a", low ? "u" : "l") + kOut);
    ASSERT_TRUE(fuse_functions(graph));
    const std::vector<float> values{NAN, -INFINITY, INFINITY, -1, 7};
    const auto got = test::run_graph(graph, {Tensor::from(Shape{1, 5}, values)});
    const std::vector<double> numbers = test::numbers(got[0]);
    EXPECT_TRUE(std::isnan(numbers[0]));
    EXPECT_EQ((std::vector<double>{numbers.begin() + 1, numbers.end()}),
              (std::vector<double>{0, 6, 0, 6}));
  }
}

// ---- normalization ----

std::string moments(const std::string& epsilon = "0.001", const std::string& axis = "-1") {
  return kX + "%axes = constant() {value = int32[1](" + axis + ")}\n" + number("eps", epsilon) +
         random_constant("g", "float32", {5}, 2) + random_constant("b", "float32", {5}, 3) +
         "%m = reduce(%x, %axes) {kind = mean, keep_dims = true}\n" +
         two("d", "squared_difference", "x", "m") +
         "%v = reduce(%d, %axes) {kind = mean, keep_dims = true}\n" + two("ve", "add", "v", "eps");
}
std::string rsqrt() { return moments() + one("r", "rsqrt", "ve"); }

TEST(FuseNormalization, Rows) {
  check_spelled(
      {
          {"tf.nn.batch_normalization",
           rsqrt() + two("s", "mul", "r", "g") + two("p", "mul", "x", "s") +
               two("q", "mul", "m", "s") + two("o", "sub", "b", "q") + two("y", "add", "p", "o") +
               kOut,
           "input normalize", 1e-5},
          {"Keras 3",
           rsqrt() + two("s", "mul", "r", "g") + one("n", "neg", "m") + two("q", "mul", "n", "s") +
               two("o", "add", "q", "b") + two("p", "mul", "x", "s") + two("y", "add", "p", "o") +
               kOut,
           "input normalize", 1e-5},
          {"without scale and offset",
           rsqrt() + two("p", "mul", "x", "r") + two("q", "mul", "m", "r") +
               two("y", "sub", "p", "q") + kOut,
           "input normalize", 1e-5},
          {"the difference first",
           rsqrt() + two("c", "sub", "x", "m") + two("n", "mul", "c", "r") +
               two("s", "mul", "n", "g") + two("y", "add", "s", "b") + kOut,
           "input normalize", 1e-5},
          {"divided by the root",
           moments() + one("r", "sqrt", "ve") + two("c", "sub", "x", "m") +
               two("n", "div", "c", "r") + two("s", "mul", "g", "n") + two("y", "add", "s", "b") +
               kOut,
           "input normalize", 1e-5},
          {"a residual behind it stays",
           rsqrt() + two("c", "sub", "x", "m") + two("n", "mul", "c", "r") +
               two("s", "mul", "n", "g") + two("z", "add", "s", "b") + two("y", "add", "z", "x") +
               kOut,
           "input normalize add", 1e-5},
          {"a scale for the difference alone is none",
           rsqrt() + two("p", "mul", "x", "r") + two("q", "mul", "m", "g") +
               two("y", "sub", "p", "q") + kOut,
           "input reduce squared_difference reduce add rsqrt mul mul sub"},
      },
      [](Graph& graph) { return fuse_normalization(graph); });
}

TEST(FuseNormalization, ByTheRootMeanSquare) {
  const std::string squares =
      kX + "%axes = constant() {value = int32[1](1)}\n" + number("eps", "0.01") +
      random_constant("g", "float32", {5}, 2) + one("d", "square", "x") +
      "%v = reduce(%d, %axes) {kind = mean, keep_dims = true}\n" + two("ve", "add", "v", "eps") +
      one("r", "rsqrt", "ve") + two("n", "mul", "x", "r") + two("y", "mul", "n", "g") + kOut;
  check_spelled({{"rms", squares, "input normalize", 1e-6}}, fuse_normalization);
  Graph graph = graph_of(squares);
  ASSERT_TRUE(fuse_normalization(graph));
  const auto& op = std::get<ops::Normalize>(graph.nodes.back().op);
  EXPECT_FALSE(op.centered);
  EXPECT_TRUE(op.has_scale);
  EXPECT_FALSE(op.has_offset);
  EXPECT_NEAR(op.epsilon, 0.01, 1e-9);
}

TEST(FuseNormalization, TakesConstantsBehindIt) {
  const std::string normal = "%n = normalize(%x) {axes = [1], epsilon = 0.01}\n";
  const std::string constants = random_constant("g", "float32", {5}, 2) +
                                random_constant("b", "float32", {5}, 3) +
                                "%i = constant() {value = float32[1](1)}\n" + number("z", "0") +
                                random_constant("w", "float32", {2, 1, 5}, 4);
  check_spelled(
      {
          {"both",
           kX + constants + normal + two("s", "mul", "n", "g") + two("y", "add", "s", "b") + kOut,
           "input normalize", 1e-5},
          {"ones and zeros",
           kX + constants + normal + two("s", "mul", "n", "i") + two("y", "add", "s", "z") + kOut,
           "input normalize", 0},
          {"more dimensions", kX + constants + normal + two("y", "mul", "n", "w") + kOut,
           "input normalize mul"},
          {"used twice",
           kX + constants + normal + two("s", "mul", "n", "g") + two("y", "add", "s", "n") + kOut,
           "input normalize mul add"},
      },
      [](Graph& graph) {
        bool changed = false;
        while (fuse_normalization(graph)) changed = true;
        return changed;
      });
}

// tf-keras's LayerNormalization: the rows as channels of a batch normalization.
TEST(FuseNormalization, OfReshapedRows) {
  const auto rows = [](const std::string& middle, const std::string& axes) {
    return "%x: float32[2, 3, 5] = input()\n%a = constant() {value = int64[4](" + middle +
           ")}\n%b = constant() {value = int64[3](2, 3, 5)}\n%r = reshape(%x, %a)\n"
           "%n = normalize(%r) {axes = [" +
           axes + "], epsilon = 0.01}\n%y = reshape(%n, %b)\n" + kOut;
  };
  check_spelled(
      {
          {"a row", rows("1, 6, 5, 1", "0, 2, 3"), "input normalize", 1e-6},
          {"less than a row", rows("6, 5, 1, 1", "0, 2, 3"), "input reshape normalize reshape"},
          {"two rows", rows("1, 3, 10, 1", "0, 2, 3"), "input reshape normalize reshape"},
      },
      fuse_normalization);
}

// ---- softmax ----

TEST(FuseSoftmax, Rows) {
  const auto exponentials = [](const std::string& shifted_by, const std::string& summed) {
    return kX + "%i = constant() {value = int32[1](-1)}\n%j = constant() {value = int32[1](" +
           summed + ")}\n%m = reduce(%x, %i) {kind = " + shifted_by + ", keep_dims = true}\n" +
           two("d", "sub", "x", "m") + one("e", "exp", "d") +
           "%s = reduce(%e, %j) {kind = sum, keep_dims = true}\n";
  };
  check_spelled(
      {
          {"softmax", exponentials("max", "1") + two("y", "div", "e", "s") + kOut, "input softmax"},
          {"log softmax",
           exponentials("max", "1") + one("l", "log", "s") + two("y", "sub", "d", "l") + kOut,
           "input softmax"},
          {"over another axis", exponentials("max", "0") + two("y", "div", "e", "s") + kOut,
           "input reduce sub exp reduce div"},
          {"less the mean", exponentials("mean", "1") + two("y", "div", "e", "s") + kOut,
           "input reduce sub exp reduce div"},
      },
      fuse_softmax);
  Graph graph =
      graph_of(exponentials("max", "1") + one("l", "log", "s") + two("y", "sub", "d", "l") + kOut);
  ASSERT_TRUE(fuse_softmax(graph));
  const auto& op = std::get<ops::Softmax>(graph.nodes.back().op);
  EXPECT_TRUE(op.log);
  EXPECT_EQ(op.axes, (std::vector<std::int64_t>{1}));
}

// ---- dilation ----

std::string dilated(const std::string& paddings, const std::string& crops,
                    const std::string& conv = "padding = valid", const std::string& back = "2, 3") {
  return "%x: float32[?, 7, 10, 2] = input()\n" + random_constant("w", "float32", {3, 3, 2, 4}, 1) +
         "%k = constant() {value = int32[2](2, 3)}\n%l = constant() {value = int32[2](" + back +
         ")}\n%p = constant() {value = int32[2, 2](" + paddings +
         ")}\n%q = constant() {value = int32[2, 2](" + crops +
         ")}\n%s = space_to_batch(%x, %k, %p)\n"
         "%c = conv(%s, %w) {strides = [1, 1], dilations = [1, 1], " +
         conv + "}\n%y = batch_to_space(%c, %l, %q)\n" + kOut;
}

TEST(FuseDilation, Rows) {
  check_spelled(
      {
          {"same", dilated("2, 3, 3, 5", "0, 1, 0, 2"), "input conv"},
          {"valid", dilated("0, 1, 0, 2", "0, 1, 0, 2"), "input conv"},
          {"crops in front", dilated("4, 1, 3, 5", "2, 0, 1, 1"), "input conv"},
          {"crops beyond the padding stay", dilated("0, 1, 0, 2", "1, 0, 0, 2"),
           "input space_to_batch conv batch_to_space"},
          {"a padded convolution stays", dilated("2, 3, 3, 5", "0, 1, 0, 2", "padding = same"),
           "input space_to_batch conv batch_to_space"},
          {"another block stays", dilated("2, 3, 3, 5", "0, 0, 0, 0", "padding = valid", "3, 2"),
           "input space_to_batch conv batch_to_space"},
      },
      fuse_dilation);
  Graph graph = graph_of(dilated("2, 3, 3, 5", "0, 1, 0, 2"));
  ASSERT_TRUE(fuse_dilation(graph));
  const auto& op = std::get<ops::Conv>(graph.nodes.back().op);
  EXPECT_EQ(op.dilations, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(op.padding.before, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(op.padding.after, (std::vector<std::int64_t>{2, 3}));
}

TEST(FuseDilation, OfSequences) {
  check_spelled(
      {{"causal",
        "%x: float32[?, 10, 2] = input()\n" + random_constant("w", "float32", {1, 3, 2, 4}, 1) +
            "%k = constant() {value = int32[1](2)}\n"
            "%p = constant() {value = int32[1, 2](0, 0)}\n%s = space_to_batch(%x, %k, %p)\n"
            "%e = expand_dims(%s) {axes = [1]}\n"
            "%c = conv(%e, %w) {strides = [1, 1], dilations = [1, 1], padding = valid}\n"
            "%z = squeeze(%c) {axes = [-3]}\n%y = batch_to_space(%z, %k, %p)\n" +
            kOut,
        "input expand_dims conv squeeze"}},
      fuse_dilation);
}

// ---- views ----

TEST(SinkViews, Rows) {
  const std::string product =
      "%x: float32[6, 3] = input()\n" + random_constant("w", "float32", {3, 4}, 1) +
      "%c = matmul(%x, %w)\n%t = constant() {value = int64[3](-1, 2, 4)}\n"
      "%f = constant() {value = int64[2](-1, 2)}\n" +
      random_constant("b", "float32", {4}, 2) + random_constant("d", "float32", {1, 1, 4}, 3) +
      random_constant("r", "float32", {2, 1}, 4);
  const std::string heads = "%h = constant() {value = int64[3](-1, 2, 2)}\n" +
                            random_constant("e", "float32", {2, 2}, 5) +
                            random_constant("g", "float32", {6, 2, 2}, 6) +
                            "%v = reshape(%c, %h)\n";
  const std::string view = "%v = reshape(%c, %t)\n";
  const std::vector<PassRow> rows{
      {"bias", product + view + two("y", "add", "v", "b") + kOut, "input matmul add reshape", 0},
      {"bias and activation",
       product + view + two("s", "add", "v", "b") + one("y", "relu", "s") + kOut,
       "input matmul add relu reshape", 0},
      {"a constant of the view's rank", product + view + two("y", "mul", "d", "v") + kOut,
       "input matmul mul reshape", 0},
      {"along another axis", product + view + two("y", "add", "v", "r") + kOut,
       "input matmul reshape add"},
      {"used twice", product + view + two("s", "add", "v", "b") + two("y", "mul", "s", "v") + kOut,
       "input matmul reshape add mul"},
      {"the last dimension changes",
       product + "%v = reshape(%c, %f)\n" + one("y", "relu", "v") + kOut,
       "input matmul relu reshape", 0},
      {"the last dimension parts", product + heads + two("y", "add", "v", "e") + kOut,
       "input matmul add reshape", 0},
      {"a constant of one part", product + heads + two("y", "add", "v", "r") + kOut,
       "input matmul reshape add"},
      {"a constant of more than the parts", product + heads + two("y", "add", "v", "g") + kOut,
       "input matmul reshape add"},
  };
  check_spelled(rows, sink_views);
}

TEST(SinkViews, LetsSequencesOfConvolutionsFuse) {
  Graph graph = graph_of(
      "%x: float32[?, 1, 9, 2] = input()\n" + random_constant("w", "float32", {1, 3, 2, 4}, 1) +
      random_constant("b", "float32", {4}, 2) + random_constant("g", "float32", {4}, 3) +
      "%c = conv(%x, %w) {strides = [1, 1], dilations = [1, 1], padding = valid}\n"
      "%s = squeeze(%c) {axes = [1]}\n" +
      two("a", "add", "s", "b") + two("m", "mul", "a", "g") + two("o", "sub", "m", "b") +
      one("y", "relu", "o") + kOut);
  const auto inputs = test::random_inputs(graph, 1);
  const auto expected = test::run_graph(graph, inputs);
  run_pipeline(graph, {.optimize = true, .verify_after_each = true});
  EXPECT_EQ(ops_of(graph), "input conv+bias+relu squeeze");
  EXPECT_LE(test::difference(expected[0], test::run_graph(graph, inputs)[0]), 1e-6);
}

}  // namespace
}  // namespace thaw
