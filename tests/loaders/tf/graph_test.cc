// Top graphs: references, reachability, refusals, TensorFlow 1 branches.
#include <gtest/gtest.h>

#include "loaders/tf/ops/op_context.h"
#include "tests/loaders/tf/text_graph.h"
#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

const std::string kFloat = attr("T", "type: DT_FLOAT");

std::vector<Unsupported> unsupported_in(const std::string& text) {
  try {
    load_text(text);
  } catch (const UnsupportedError& error) {
    return error.items();
  }
  return {};
}

TEST(OpTable, EveryOpHasItsSchema) {
  for (const tf::OpRow& row : tf::op_table()) {
    EXPECT_NE(tf::find_schema(row.op), nullptr) << row.op;
  }
}

TEST(TopGraph, PlaceholdersAndUnusedResults) {
  const Graph graph = graph_of_text(placeholder("x", "-1 4") + node("y", "Relu", "x", kFloat) +
                                    node("z", "Neg", "x:0", kFloat));
  EXPECT_EQ(graph.input_names, std::vector<std::string>{"x:0"});
  EXPECT_EQ(graph.output_names, (std::vector<std::string>{"y:0", "z:0"}));
  EXPECT_EQ(graph.values[static_cast<std::size_t>(graph.inputs[0])].type.shape,
            (Shape{kUnknownDim, 4}));
}

TEST(TopGraph, ConstantsMayBeFed) {
  LoadOptions options;
  options.inputs = {"c:0"};
  options.outputs = {"y:0"};
  const Graph graph = graph_of_text(
      constant("c", "DT_FLOAT", "float_val: 2") + node("y", "Neg", "c", kFloat), options);
  EXPECT_EQ(run_graph(graph, {Tensor::from<float>(Shape{}, {5})}).at(0).data<float>()[0], -5);
}

TEST(TopGraph, BadReferencesAreNamed) {
  const Failure missing = failure_of(placeholder("x") + node("y", "Neg", "q", kFloat));
  EXPECT_EQ(missing.code, ErrorCode::invalid_argument);
  EXPECT_NE(missing.message.find("'y' (Neg): input 'q' is not there"), std::string::npos)
      << missing.message;
  const Failure port = failure_of(placeholder("x") + node("n", "Neg", "x", kFloat) +
                                  node("y", "Neg", "n:3", kFloat));
  EXPECT_EQ(port.code, ErrorCode::invalid_argument);
  EXPECT_NE(port.message.find("'n' (Neg): has 1 results, result 3 is used"), std::string::npos)
      << port.message;
  EXPECT_EQ(failure_of(placeholder("x") + node("y", "Neg", "x:99999999999999999999", kFloat)).code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(failure_of(placeholder("x") + node("y", "Neg", "x:-1", kFloat)).code,
            ErrorCode::invalid_argument);
  EXPECT_NE(failure_of(placeholder("x") + placeholder("x")).message.find("two nodes are named 'x'"),
            std::string::npos);
  EXPECT_EQ(failure_of(placeholder("x") + node("y", "Neg", "^x x", kFloat)).code,
            ErrorCode::invalid_argument);
}

TEST(TopGraph, CyclesAreFound) {
  LoadOptions options;
  options.outputs = {"a:0"};
  const Failure two =
      failure_of(node("a", "Neg", "b", kFloat) + node("b", "Neg", "a", kFloat), options);
  EXPECT_EQ(two.code, ErrorCode::invalid_argument);
  EXPECT_NE(two.message.find("depends on itself"), std::string::npos) << two.message;
  EXPECT_EQ(failure_of(node("a", "Neg", "a", kFloat), options).code, ErrorCode::invalid_argument);
  EXPECT_EQ(
      failure_of(placeholder("x") + node("a", "Neg", "x ^b", kFloat) + node("b", "NoOp", "^a"),
                 options)
          .code,
      ErrorCode::invalid_argument);
}

TEST(TopGraph, WhatNothingNeedsDoesNotBlock) {
  LoadOptions options;
  options.outputs = {"y:0"};
  const Graph graph =
      graph_of_text(placeholder("x") + node("y", "Neg", "x", kFloat) +
                        node("z", "NoSuchOp", "y missing") + node("p", "PyFunc", "y"),
                    options);
  EXPECT_EQ(graph.outputs.size(), 1U);
}

TEST(TopGraph, AllUnknownOpsAreListed) {
  const auto items =
      unsupported_in(placeholder("x") + node("a", "NoSuchOp", "x") + node("b", "NoSuchOp", "a") +
                     node("c", "PyFunc", "b") + node("y", "Neg", "c", kFloat));
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].what, "NoSuchOp");
  EXPECT_EQ(items[0].where, "a");
  EXPECT_NE(items[0].why.find("2 nodes"), std::string::npos) << items[0].why;
  EXPECT_EQ(items[1].what, "PyFunc");
  EXPECT_NE(items[1].why.find("Python"), std::string::npos);
}

TEST(TopGraph, UnknownAttributesAndValuesAreRefused) {
  auto items =
      unsupported_in(placeholder("x") + node("y", "Neg", "x", kFloat + attr("warp", "i: 9")));
  ASSERT_EQ(items.size(), 1U);
  EXPECT_NE(items[0].why.find("'warp'"), std::string::npos);
  EXPECT_TRUE(
      unsupported_in(placeholder("x") + node("y", "Neg", "x", kFloat + attr("_warp", "i: 9")))
          .empty());
  items = unsupported_in(placeholder("x", "1 4 4 4") +
                         node("y", "MaxPool", "x",
                              kFloat + attr("ksize", "list { i: 1 i: 2 i: 2 i: 1 }") +
                                  attr("strides", "list { i: 1 i: 2 i: 2 i: 1 }") +
                                  attr("padding", "s: \"VALID\"") +
                                  attr("data_format", "s: \"NCHW_VECT_C\"")));
  ASSERT_EQ(items.size(), 1U);
  EXPECT_NE(items[0].why.find("data_format=NCHW_VECT_C"), std::string::npos) << items[0].why;
}

TEST(TopGraph, WrongKindsOfAttributesAreNamed) {
  const Failure kind =
      failure_of(placeholder("x") + node("y", "LeakyRelu", "x", kFloat + attr("alpha", "i: 1")));
  EXPECT_EQ(kind.code, ErrorCode::invalid_argument);
  EXPECT_NE(kind.message.find("attribute 'alpha'"), std::string::npos) << kind.message;
  const Failure none =
      failure_of(placeholder("x") + node("y", "Cast", "x", attr("SrcT", "type: DT_FLOAT")));
  EXPECT_NE(none.message.find("'DstT' is missing"), std::string::npos) << none.message;
}

TEST(TopGraph, TheLastOfTwoEqualAttributesWins) {
  const Graph graph = graph_of_text(
      placeholder("x") +
      node("y", "LeakyRelu", "x", kFloat + attr("alpha", "f: 0.5") + attr("alpha", "f: 0.25")));
  EXPECT_EQ(run_graph(graph, {Tensor::from<float>(Shape{1}, {-4})}).at(0).data<float>()[0], -1);
}

TEST(TopGraph, ABranchWithAKnownPredicateIsTaken) {
  const auto text = [](const std::string& flag) {
    return placeholder("x") + constant("learning", "DT_BOOL", "bool_val: " + flag) +
           node("phase", "PlaceholderWithDefault", "learning",
                attr("dtype", "type: DT_BOOL") + attr("shape", "shape { }")) +
           node("switch", "Switch", "x phase", kFloat) + node("train", "NoSuchOp", "switch:1") +
           node("infer", "Neg", "switch", kFloat) +
           node("y", "Merge", "infer train", kFloat + attr("N", "i: 2"));
  };
  LoadOptions options;
  options.outputs = {"y:0"};
  const Graph graph = graph_of_text(text("false"), options);
  EXPECT_EQ(run_graph(graph, {Tensor::from<float>(Shape{1}, {3})}).at(0).data<float>()[0], -3);
}

TEST(TopGraph, AssertionsBehindControlEdgesRun) {
  const std::string text =
      placeholder("x", "") + constant("limit", "DT_FLOAT", "float_val: 10") +
      node("ok", "Less", "x limit", kFloat) +
      constant("text", "DT_STRING", "string_val: \"too large\"") +
      node("check", "Assert", "ok text", attr("T", "list { type: DT_STRING }")) +
      node("y", "Neg", "x ^check", kFloat);
  const Graph graph = graph_of_text(text);
  EXPECT_EQ(run_graph(graph, {Tensor::from<float>(Shape{}, {3})}).at(0).data<float>()[0], -3);
  try {
    run_graph(graph, {Tensor::from<float>(Shape{}, {11})});
    FAIL() << "the assertion did not run";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("too large"), std::string::npos) << error.what();
  }
}

TEST(TopGraph, NotAGraphIsDamage) {
  EXPECT_EQ(failure_of("node { name: 3 }").code, ErrorCode::data_loss);
  EXPECT_EQ(failure_of("versions { producer: 3 }").code, ErrorCode::data_loss);
}

}  // namespace
}  // namespace thaw::testing
