// narrow_activations.
#include <cmath>
#include <limits>

#include "kernels/backend.h"
#include "runtime/base/half.h"
#include "runtime/base/rounded.h"
#include "runtime/passes/passes.h"
#include "tests/passes/pass_test_util.h"

namespace thaw {
namespace {

using test::random_constant;

bool narrow(Graph& graph) {
  return narrow_activations(graph, [](const Tensor& x) { return rounded(x, DType::bfloat16); });
}

/// Ops in order without constants; a star behind those whose result is bfloat16.
std::string ops_with_types(const Graph& graph) {
  std::string text;
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<ops::Constant>(node.op)) continue;
    text += (text.empty() ? "" : " ") + std::string(name_of(node.op));
    const bool any = !node.outputs.empty();
    if (any && graph.values[at(node.outputs[0])].type.dtype == DType::bfloat16) text += "*";
  }
  return text;
}

/// The graph behind the pass; its inputs and outputs keep their types, its results change by no
/// more than `depth` roundings do (0: they are not looked at).
Graph narrowed(const std::string& body, double depth = 8) {
  const Graph before = test::graph_of(body);
  Graph after = before;
  const bool changed = narrow(after);
  verify(after, "after");
  EXPECT_EQ(changed, to_text(before) != to_text(after));
  Graph twice = after;
  EXPECT_FALSE(narrow(twice));
  if (depth == 0) return after;
  const std::vector<Tensor> inputs = test::random_inputs(before, 5);
  const std::vector<Tensor> expected = test::run_graph(before, inputs);
  const std::vector<Tensor> found = test::run_graph(after, inputs);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(found.at(i).type(), expected[i].type());
    EXPECT_LE(test::difference(found.at(i), expected[i]), depth * 0x1p-8) << body;
  }
  return after;
}
std::string ops_of_narrowed(const std::string& body, double depth = 8) {
  return ops_with_types(narrowed(body, depth));
}

std::string weights(const std::string& name, const Shape& shape, std::uint32_t seed = 1) {
  return random_constant(name, "float32", shape, seed);
}
std::string scalar(const std::string& name, const std::string& value) {
  return "%" + name + " = constant() {value = float32[](" + value + ")}\n";
}

const std::string kX = "%x: float32[3, 4] = input()\n" + weights("w", {4, 4});
const std::string kFirst = kX + "%a = matmul(%x, %w)\n";         // in bfloat16
const std::string kLast = "%z = matmul(%y, %w)\noutputs(%z)\n";  // in float32

TEST(NarrowActivations, BetweenTwoProducts) {
  EXPECT_EQ(ops_of_narrowed(kFirst + "%y = unary(%a) {fn = gelu}\n" + kLast),
            "input cast* matmul* unary* cast matmul");
}

// A float32 bias makes the result of bfloat16 operands float32.
TEST(NarrowActivations, TheLastProductReadsBfloat16) {
  const std::string body =
      kFirst + weights("b", {4}, 7) + weights("c", {3}, 8) + "%y = unary(%a) {fn = tanh}\n";
  EXPECT_EQ(ops_of_narrowed(body + "%z = matmul(%y, %w, %b) {activation = relu}\noutputs(%z)"),
            "input cast* matmul* unary* matmul");
  EXPECT_EQ(ops_of_narrowed(body + "%z = matmul(%x, %y, %c) {transpose_b = true}\noutputs(%z)"),
            "input cast* matmul* unary* matmul");
  // Where bfloat16 cannot hold the weights, they and x stay float32.
  EXPECT_EQ(ops_of_narrowed(body + "%k = constant() {value = float32[4, 4](0, 0, 0, 0, 0, 0, 0, 0, "
                                   "0, 0, 0, 0, 0, 0, 0, 3.4028234663852886e+38)}\n"
                                   "%z = matmul(%y, %k, %b)\noutputs(%z)",
                            0),
            "input cast* matmul* unary* cast matmul");
}

TEST(NarrowActivations, OneProductStays) {
  EXPECT_EQ(ops_of_narrowed(kFirst + "%y = unary(%a) {fn = relu}\n%s = softmax(%y) {axes = [-1]}\n"
                                     "outputs(%s)"),
            "input matmul unary softmax");
  EXPECT_EQ(ops_of_narrowed(kX + "%y = unary(%x) {fn = relu}\noutputs(%y)"), "input unary");
}

// Of two heads, behind what they share.
TEST(NarrowActivations, WhatOnlyOutputsNeedStays) {
  EXPECT_EQ(ops_of_narrowed(kFirst + "%b = matmul(%a, %w)\n%p = unary(%b) {fn = tanh}\n"
                                     "%c = matmul(%a, %w)\n%n = expand_dims(%c) {axes = [0]}\n"
                                     "outputs(%p, %n)"),
            "input cast* matmul* cast matmul unary matmul expand_dims");
}

TEST(NarrowActivations, AnOutputThatAProductNeedsIsCast) {
  EXPECT_EQ(ops_of_narrowed(kFirst + "%y = unary(%a) {fn = tanh}\n%z = matmul(%y, %w)\n"
                                     "outputs(%y, %z)"),
            "input cast* matmul* unary* cast matmul");  // one cast for both
}

TEST(NarrowActivations, AResidualStreamHasNoCasts) {
  std::string body = kX + weights("v", {4, 8}) + weights("u", {8, 4}, 2) + weights("g", {4}, 3) +
                     "%r0 = matmul(%x, %w)\n";
  std::string expected = "input cast* matmul*";
  for (int i = 0; i < 3; ++i) {
    const auto name = [&](const char* text, int n) { return "%" + (text + std::to_string(n)); };
    body += name("n", i) + " = normalize(" + name("r", i) +
            ", %g) {axes = [-1], has_scale = true}\n" + name("h", i) + " = matmul(" + name("n", i) +
            ", %v) {activation = relu}\n" + name("o", i) + " = matmul(" + name("h", i) + ", %u)\n" +
            name("r", i + 1) + " = binary(" + name("r", i) + ", " + name("o", i) +
            ") {kind = add}\n";
    expected += " normalize* matmul* matmul* binary*";
  }
  EXPECT_EQ(ops_of_narrowed(body + "%z = matmul(%r3, %w)\noutputs(%z)", 24),
            expected + " cast matmul");
}

TEST(NarrowActivations, FloatOperandsFromElsewhereAreCastOnce) {
  EXPECT_EQ(ops_of_narrowed(kFirst +
                            "%b = binary(%a, %x) {kind = add}\n"
                            "%y = binary(%b, %x) {kind = mul}\n" +
                            kLast),
            "input cast* matmul* binary* binary* cast matmul");
}

TEST(NarrowActivations, WhatProductsDoNotReachStays) {
  EXPECT_EQ(ops_of_narrowed(kX + "%e = unary(%x) {fn = tanh}\n%y = matmul(%e, %w)\n" + kLast),
            "input unary cast* matmul* cast matmul");
}

TEST(NarrowActivations, Followers) {
  EXPECT_EQ(ops_of_narrowed(
                kFirst +
                "%p = constant() {value = int32[2](1, 0)}\n%b = transpose(%a, %p)\n"
                "%c = transpose(%b, %p)\n%k, %l = split(%c) {axis = 1}\n"
                "%m = concat(%k, %l) {axis = 1}\n%n = expand_dims(%m) {axes = [0]}\n"
                "%axes = constant() {value = int32[1](0)}\n%s = reduce(%n, %axes) {kind = mean}\n"
                "%e = elementwise(%s, %x) {expression = \"relu(add($0, mul($1, $1)))\"}\n"
                "%f = constant() {value = bool[](true)}\n%y = select(%f, %e, %s)\n" +
                kLast),
            "input cast* matmul* transpose* transpose* split* concat* expand_dims* reduce* "
            "elementwise* select* cast matmul");
}

TEST(NarrowActivations, Windows) {
  const std::string body =
      "%x: float32[2, 8, 8, 3] = input()\n" + weights("w", {3, 3, 3, 4}) + weights("b", {4}, 2) +
      weights("v", {3, 3, 4, 4}, 3) + weights("d", {16, 5}, 4) +
      "%p = constant() {value = int32[4, 2](0, 0, 1, 1, 1, 1, 0, 0)}\n"
      "%c = conv(%x, %w, %b) {strides = [1, 1], dilations = [1, 1], activation = relu}\n"
      "%q = pad(%c, %p)\n"
      "%m = pool(%q) {kind = max, window = [2, 2], strides = [2, 2]}\n"
      "%size = constant() {value = int32[2](8, 8)}\n%r = resize(%m, %size)\n"
      "%e = conv(%r, %v) {strides = [2, 2], dilations = [1, 1], padding = same}\n"
      "%g = pool(%e) {kind = average, window = [2, 2], strides = [2, 2]}\n"
      "%flat = constant() {value = int32[2](2, 16)}\n%h = reshape(%g, %flat)\n"
      "%z = matmul(%h, %d)\n%s = softmax(%z) {axes = [-1]}\noutputs(%s)";
  EXPECT_EQ(ops_of_narrowed(body),
            "input cast* conv* pad* pool* resize* conv* pool* reshape* cast matmul softmax");
}

TEST(NarrowActivations, OthersSeeFloat32) {
  EXPECT_EQ(ops_of_narrowed(kFirst +
                            "%s = scan(%a) {axis = 1}\n%y = binary(%s, %a) {kind = add}\n" + kLast),
            "input cast* matmul* cast scan cast* binary* cast matmul");
  // Comparisons and indices, each of which would differ by more than a rounding.
  const Graph compared =
      narrowed(kFirst +
                   "%b = binary(%a, %x) {kind = less}\n%i = arg_reduce(%a) {axis = 1}\n"
                   "%y = select(%b, %a, %x)\n%z = matmul(%y, %w)\noutputs(%z, %i)",
               1000);
  EXPECT_EQ(ops_with_types(compared),
            "input cast* matmul* cast binary arg_reduce select* cast matmul");
}

TEST(NarrowActivations, CastsReadEither) {
  EXPECT_EQ(ops_of_narrowed(kFirst + "%d = cast(%a) {dtype = float64}\n%y = unary(%a) {fn = relu}\n"
                                     "%z = matmul(%y, %w)\noutputs(%z, %d)"),
            "input cast* matmul* cast unary* cast matmul");
  // What was bfloat16 is not cast to and fro.
  EXPECT_EQ(ops_of_narrowed("%i: bfloat16[3, 4] = input()\n%x = cast(%i) {dtype = float32}\n" +
                            weights("w", {4, 4}) + "%y = matmul(%x, %w)\n" + kLast),
            "input* matmul* cast matmul");
}

TEST(NarrowActivations, ConstantsAreRoundedOnce) {
  const Graph graph = narrowed(kX + scalar("k", "1.00390625") +  // a tie: to even
                               "%a = matmul(%x, %w)\n%b = binary(%a, %k) {kind = mul}\n"
                               "%c = binary(%b, %k) {kind = add}\n%y = matmul(%c, %w)\n" +
                               kLast);
  int narrow_weights = 0, narrow_scalars = 0, wide = 0;
  for (const Node& node : graph.nodes) {
    const auto* constant = std::get_if<ops::Constant>(&node.op);
    if (constant == nullptr) continue;
    const Tensor& value = constant->value;
    const bool is_narrow = value.dtype() == DType::bfloat16;
    if (value.num_elements() == 1) {
      ++narrow_scalars;
      ASSERT_TRUE(is_narrow);
      EXPECT_EQ(to_float(value.data<bfloat16>()[0]), 1.0f);
    } else {
      ++(is_narrow ? narrow_weights : wide);
    }
  }
  EXPECT_EQ(narrow_weights, 1);  // of two products
  EXPECT_EQ(wide, 1);            // of the last
  EXPECT_EQ(narrow_scalars, 1);  // of two functions
}

const std::string kLargest = "3.4028234663852886e+38";  // infinite in bfloat16

TEST(NarrowActivations, WeightsBeyondBfloat16Stay) {
  EXPECT_EQ(
      ops_of_narrowed(kFirst + "%k = constant() {value = float32[4, 1](0, 0, 0, " + kLargest +
                          ")}\n%b = matmul(%a, %k)\n%y = binary(%a, %b) {kind = minimum}\n" + kLast,
                      0),
      "input cast* matmul* cast matmul cast* binary* cast matmul");
  // Infinities and NaNs are the same in both.
  EXPECT_EQ(ops_of_narrowed(kFirst + scalar("k", "inf") + "%y = binary(%a, %k) {kind = minimum}\n" +
                            kLast),
            "input cast* matmul* binary* cast matmul");
}

// A row of scores of which all are masked is uniform, where infinite numbers would give NaN.
TEST(NarrowActivations, MasksBeyondBfloat16StayUpToTheirSoftmax) {
  const std::string scores = kFirst + scalar("k", "-" + kLargest) + scalar("one", "1");
  const std::string rest = "%s = softmax(%b) {axes = [-1]}\n%y = matmul(%s, %w)\n" + kLast;
  EXPECT_EQ(ops_of_narrowed(scores +
                            "%m = binary(%x, %one) {kind = less}\n"
                            "%b = select(%m, %a, %k)\n" +
                            rest),
            "input cast* matmul* binary cast select softmax cast* matmul* cast matmul");
  const std::string computed =
      "%i: int32[3, 1] = input()\n" + scores +
      "%f = cast(%i) {dtype = float32}\n%n = unary(%f) {fn = clamp(0, 1)}\n"
      "%o = binary(%one, %n) {kind = sub}\n%p = binary(%o, %k) {kind = mul}\n";
  EXPECT_EQ(ops_of_narrowed(computed + "%b = binary(%a, %p) {kind = add}\n" + rest, 16),
            "input input cast* matmul* cast unary binary binary cast binary softmax cast* matmul* "
            "cast matmul");
}

TEST(NarrowActivations, OtherTypesAndSubgraphsStay) {
  EXPECT_EQ(
      ops_of_narrowed("%x: float64[3, 4] = input()\n" + random_constant("w", "float64", {4, 4}, 1) +
                      "%y = matmul(%x, %w)\n" + kLast),
      "input matmul matmul");
  Graph graph =
      test::graph_of("subgraph \"then\" {\n%v: float32[3, 4] = input()\n" + weights("u", {4, 4}) +
                     "%a = matmul(%v, %u)\n%b = matmul(%a, %u)\noutputs(%b)\n}\n"
                     "subgraph \"else\" {\n%v: float32[3, 4] = input()\noutputs(%v)\n}\n" +
                     "%c: bool[] = input()\n" + kFirst +
                     "%y: float32[3, 4] = if(%c, %a) {then_graph = 0, else_graph = 1}\n" + kLast);
  const std::string inner = to_text(graph.subgraphs.at(0));
  EXPECT_TRUE(narrow(graph));
  verify(graph, "after");
  EXPECT_EQ(ops_with_types(graph), "input input cast* matmul* cast if matmul");
  EXPECT_EQ(to_text(graph.subgraphs.at(0)), inner);
}

}  // namespace
}  // namespace thaw
