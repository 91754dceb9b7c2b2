// Function bodies, calls and their limits.
#include <gtest/gtest.h>

#include "tests/loaders/tf/text_graph.h"
#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

const std::string kFloat = attr("T", "type: DT_FLOAT");
const std::string kFloats =
    attr("Tin", "list { type: DT_FLOAT }") + attr("Tout", "list { type: DT_FLOAT }");

std::string call(const std::string& name, const std::string& callee, const std::string& inputs) {
  return node(name, "PartitionedCall", inputs,
              kFloats + attr("f", "func { name: \"" + callee + "\" }"));
}

std::vector<float> run(const std::string& text, std::vector<float> x) {
  const auto n = static_cast<std::int64_t>(x.size());
  const auto results = run_graph(graph_of_text(text), {Tensor::from(Shape{n}, x)});
  return {results.at(0).data<float>(), results.at(0).data<float>() + results.at(0).num_elements()};
}

std::string split_body(const std::string& reference) {
  return constant("zero", "DT_INT32", "int_val: 0") +
         node("parts", "Split", "zero:output:0 x", kFloat + attr("num_split", "i: 2")) +
         node("y", "Neg", reference, kFloat);
}

TEST(Functions, OutputsAreNamedAndCountedInLists) {
  const std::string text = placeholder("x") + call("call", "f", "x");
  const auto f = [&](const std::string& reference) {
    return text + function("f", "x:DT_FLOAT", "r:DT_FLOAT", split_body(reference), "r=y:y:0");
  };
  EXPECT_EQ(run(f("parts:output:1"), {1, 2, 3, 4}), (std::vector<float>{-3, -4}));
  EXPECT_EQ(run(f("parts:output"), {1, 2, 3, 4}), (std::vector<float>{-1, -2}));
  EXPECT_EQ(run(f("parts:output:0"), {1, 2, 3, 4}), (std::vector<float>{-1, -2}));
  const Failure range = failure_of(f("parts:output:2"));
  EXPECT_EQ(range.code, ErrorCode::invalid_argument);
  EXPECT_NE(range.message.find("'parts' (Split)"), std::string::npos) << range.message;
  const Failure name = failure_of(f("parts:product:0"));
  EXPECT_NE(name.message.find("no output 'product'"), std::string::npos) << name.message;
}

TEST(Functions, ArgumentsMayBeResults) {
  const std::string text =
      placeholder("x") + call("call", "f", "x") + node("y", "Neg", "call", kFloat);
  EXPECT_EQ(run(text + function("f", "x:DT_FLOAT", "r:DT_FLOAT", "", "r=x"), {2}),
            std::vector<float>{-2});
  EXPECT_EQ(run(text + function("f", "x:DT_FLOAT", "r:DT_FLOAT", "", "r=x:0"), {2}),
            std::vector<float>{-2});
  EXPECT_EQ(failure_of(text + function("f", "x:DT_FLOAT", "r:DT_FLOAT", "", "r=x:1")).code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(failure_of(text + function("f", "x:DT_FLOAT", "r:DT_FLOAT", "", "")).code,
            ErrorCode::invalid_argument);
}

TEST(Functions, CallsNest) {
  const std::string text =
      placeholder("x") + call("call", "outer", "x") +
      function("outer", "a:DT_FLOAT", "r:DT_FLOAT",
               call("c1", "inner", "a") + call("c2", "inner", "c1:output:0"), "r=c2:output:0") +
      function("inner", "b:DT_FLOAT", "r:DT_FLOAT", node("sum", "AddV2", "b b", kFloat),
               "r=sum:z:0");
  EXPECT_EQ(run(text, {3}), std::vector<float>{12});
}

TEST(Functions, AFunctionsNameIsAnOp) {
  const std::string text = placeholder("x") + node("y", "Twice", "x") +
                           function("Twice", "b:DT_FLOAT", "r:DT_FLOAT",
                                    node("sum", "AddV2", "b b", kFloat), "r=sum:z:0");
  EXPECT_EQ(run(text, {3}), std::vector<float>{6});
}

TEST(Functions, AttributesOfTheCallFillPlaceholders) {
  const std::string body =
      node("y", "LeakyRelu", "b", kFloat + attr("alpha", "placeholder: \"slope\""));
  const auto text = [&](const std::string& binding) {
    return placeholder("x") +
           node("y", "PartitionedCall", "x",
                kFloats + attr("f", "func { name: \"leaky\" " + binding + " }")) +
           function("leaky", "b:DT_FLOAT", "r:DT_FLOAT", body, "r=y:activations:0");
  };
  EXPECT_EQ(run(text(attr("slope", "f: 0.5")), {-4}), std::vector<float>{-2});
  EXPECT_EQ(run(text(attr("slope", "f: 0.25")), {-4}), std::vector<float>{-1});
  EXPECT_NE(failure_of(text("")).message.find("'slope'"), std::string::npos);
}

// The call of a call gives the number, or the attributes of a node that is the function.
TEST(Functions, AttributesAreHandedOn) {
  const std::string leaky =
      function("leaky", "b:DT_FLOAT", "r:DT_FLOAT",
               node("y", "LeakyRelu", "b", kFloat + attr("alpha", "placeholder: \"slope\"")),
               "r=y:activations:0");
  const std::string hands_on = function(
      "outer", "b:DT_FLOAT", "r:DT_FLOAT",
      node("y", "PartitionedCall", "b",
           kFloats + attr("f",
                          "func { name: \"leaky\" attr { key: \"slope\" value { placeholder: "
                          "\"steep\" } } }")),
      "r=y:output:0");
  const auto outer = [&](const std::string& name, const std::string& value) {
    return node(name, "PartitionedCall", "x",
                kFloats + attr("f", "func { name: \"outer\" " + attr("steep", value) + " }"));
  };
  const Graph graph = graph_of_text(placeholder("x") + outer("a", "f: 0.5") +
                                    outer("b", "f: 0.25") + leaky + hands_on);
  const auto results = run_graph(graph, {Tensor::from<float>(Shape{1}, {-4})});
  EXPECT_EQ(results.at(0).data<float>()[0], -2);
  EXPECT_EQ(results.at(1).data<float>()[0], -1);
  EXPECT_EQ(
      run(placeholder("x") + node("y", "leaky", "x", attr("slope", "f: 0.125")) + leaky, {-8}),
      std::vector<float>{-1});
}

TEST(Functions, CyclesAreFound) {
  const std::string self =
      placeholder("x") + call("y", "f", "x") +
      function("f", "a:DT_FLOAT", "r:DT_FLOAT", call("c", "f", "a"), "r=c:output:0");
  EXPECT_NE(failure_of(self).message.find("'f' calls itself"), std::string::npos);
  const std::string two =
      placeholder("x") + call("y", "f", "x") +
      function("f", "a:DT_FLOAT", "r:DT_FLOAT", call("c", "g", "a"), "r=c:output:0") +
      function("g", "a:DT_FLOAT", "r:DT_FLOAT", call("c", "f", "a"), "r=c:output:0");
  EXPECT_EQ(failure_of(two).code, ErrorCode::invalid_argument);
}

// Each function calls the one below twice: 2^40 nodes in a few kilobytes.
TEST(Functions, ExpansionIsCountedBeforeItIsDone) {
  std::string text = placeholder("x") + call("y", "f40", "x");
  for (int i = 1; i <= 40; ++i) {
    const std::string below = "f" + std::to_string(i - 1);
    text += function("f" + std::to_string(i), "a:DT_FLOAT", "r:DT_FLOAT",
                     call("c1", below, "a") + call("c2", below, "c1:output:0"), "r=c2:output:0");
  }
  text +=
      function("f0", "a:DT_FLOAT", "r:DT_FLOAT", node("sum", "AddV2", "a a", kFloat), "r=sum:z:0");
  EXPECT_EQ(failure_of(text).code, ErrorCode::resource_exhausted);
}

TEST(Functions, DepthIsLimited) {
  std::string text = placeholder("x") + call("y", "f999", "x");
  for (int i = 999; i > 0; --i) {
    text += function("f" + std::to_string(i), "a:DT_FLOAT", "r:DT_FLOAT",
                     call("c", "f" + std::to_string(i - 1), "a"), "r=c:output:0");
  }
  text += function("f0", "a:DT_FLOAT", "r:DT_FLOAT", "", "r=a");
  EXPECT_EQ(failure_of(text).code, ErrorCode::resource_exhausted);
}

TEST(Functions, DamageIsNamed) {
  const std::string good = function("f", "a:DT_FLOAT", "r:DT_FLOAT", "", "r=a");
  EXPECT_NE(failure_of(placeholder("x") + call("y", "g", "x") + good)
                .message.find("'g' is not in the library"),
            std::string::npos);
  EXPECT_NE(failure_of(placeholder("x") + call("y", "f", "x") + good + good)
                .message.find("two functions"),
            std::string::npos);
  EXPECT_NE(
      failure_of(placeholder("x") + call("y", "f", "x x") + good).message.find("takes 1 arguments"),
      std::string::npos);
  const std::string same_name =
      function("f", "a:DT_FLOAT", "r:DT_FLOAT", node("a", "Neg", "a", kFloat), "r=a:y:0");
  EXPECT_NE(
      failure_of(placeholder("x") + call("y", "f", "x") + same_name).message.find("are named 'a'"),
      std::string::npos);
}

}  // namespace
}  // namespace thaw::testing
