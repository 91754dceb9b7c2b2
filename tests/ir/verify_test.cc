// Each invariant of a graph, broken once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "runtime/ir/graph.h"
#include "thaw/error.h"

namespace thaw {
namespace {

using testing::HasSubstr;

Graph sample() {
  return parse(R"(graph "g" {
    variable "v" = float32[2](1, 2)
    subgraph "body" { %0: float32[2] = input() %1 = unary(%0) {fn = relu} outputs(%1) }
    subgraph "cond" { %0: float32[2] = input() %1 = constant() {value = bool[](false)} outputs(%1) }
    %0 "x": float32[2] = input() @ "x"
    %1 = binary(%0, %0) @ "sum"
    %2 = while(%1) {cond = 1, body = 0} @ "loop"
    variable_assign(%2) {variable = 0} @ "assign"
    inputs(%0 "x")
    outputs(%2 "y")
  })");
}

std::string broken(const std::function<void(Graph&)>& change) {
  Graph graph = sample();
  change(graph);
  try {
    verify(graph, "after some_pass");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::internal);
    EXPECT_THAT(error.what(), HasSubstr("after some_pass"));
    return error.what();
  }
  return "holds";
}

TEST(Verify, Holds) {
  EXPECT_EQ(broken([](Graph&) {}), "holds");
  EXPECT_EQ(broken([](Graph& g) { g.values[1].type.shape = Shape{kUnknownDim}; }), "holds");
  EXPECT_EQ(broken([](Graph& g) { g.values[1].type.shape = Shape::unknown_rank(); }), "holds");
}

TEST(Verify, Ids) {
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].inputs[1] = 17; }),
              HasSubstr("node 1 'sum' (binary): operand %17 does not exist"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].inputs[1] = -1; }),
              HasSubstr("operand %-1 does not exist"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].outputs[0] = 9; }),
              HasSubstr("result %9 does not exist"));
  EXPECT_THAT(broken([](Graph& g) { g.outputs[0] = 5; }), HasSubstr("output %5 does not exist"));
  EXPECT_THAT(broken([](Graph& g) { g.inputs[0] = 5; }), HasSubstr("input %5 does not exist"));
}

TEST(Verify, Producers) {
  EXPECT_THAT(broken([](Graph& g) { g.nodes[2].outputs[0] = 1; }),
              HasSubstr("result %1 is already produced by"));
  EXPECT_THAT(broken([](Graph& g) {
                g.values.push_back({"lost", {}, 0});
              }),
              HasSubstr("no node produces %3"));
  EXPECT_THAT(broken([](Graph& g) { g.values[1].producer = 2; }),
              HasSubstr("%1 names node 2 as its producer"));
  EXPECT_THAT(broken([](Graph& g) { g.values[1].producer = kNoNode; }), HasSubstr("names node -1"));
}

TEST(Verify, Order) {
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].inputs[0] = 2; }),
              HasSubstr("operand %2 is produced behind it"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].inputs[0] = 1; }),
              HasSubstr("operand %1 is produced behind it"));
}

TEST(Verify, Interface) {
  EXPECT_THAT(broken([](Graph& g) { g.input_names.clear(); }), HasSubstr("1 inputs, but 0 names"));
  EXPECT_THAT(broken([](Graph& g) { g.output_names.clear(); }),
              HasSubstr("1 outputs, but 0 names"));
  EXPECT_THAT(broken([](Graph& g) { g.inputs[0] = 1; }),
              HasSubstr("input %1 is not produced by an input node"));
  EXPECT_THAT(broken([](Graph& g) { g.values[0].producer = 99; }),
              HasSubstr("not produced by an input node"));
  EXPECT_THAT(broken([](Graph& g) { g.inputs.push_back(0), g.input_names.push_back("x"); }),
              HasSubstr("input %0 is listed twice"));
  EXPECT_THAT(broken([](Graph& g) { g.inputs.clear(), g.input_names.clear(); }),
              HasSubstr("1 input nodes, but 0 inputs are listed"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[0].inputs.push_back(0); }),
              HasSubstr("produced behind it"));
  EXPECT_THAT(broken([](Graph& g) { g.values[0].type.dtype = DType::invalid; }),
              HasSubstr("its type is invalid"));
}

TEST(Verify, Types) {
  EXPECT_THAT(broken([](Graph& g) { g.values[1].type.shape = Shape{3}; }),
              HasSubstr("result 0 is float32[2], but stored as float32[3]"));
  EXPECT_THAT(broken([](Graph& g) { g.values[1].type.dtype = DType::float64; }),
              HasSubstr("stored as float64[2]"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].inputs.pop_back(); }),
              HasSubstr("expected 2 operand(s), found 1"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].op = std::monostate{}; }),
              HasSubstr("node 1 is empty"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].op = ops::Constant{}; }),
              HasSubstr("expected 0 operand(s)"));
}

TEST(Verify, SubgraphsAndVariables) {
  EXPECT_THAT(broken([](Graph& g) { std::get<ops::While>(g.nodes[2].op).body = 2; }),
              HasSubstr("body: expected a sub-graph in [0, 2), found 2"));
  EXPECT_THAT(broken([](Graph& g) { g.subgraphs[0].values[1].type.shape = Shape{3}; }),
              HasSubstr("graph 'body': node 1 '' (unary): result 0"));
  EXPECT_THAT(broken([](Graph& g) { g.subgraphs[0].values[0].type.dtype = DType::float16; }),
              HasSubstr("graph 'body'"));
  EXPECT_THAT(
      broken([](Graph& g) { g.subgraphs[0].outputs.clear(), g.subgraphs[0].output_names.clear(); }),
      HasSubstr("body: expected 1 result(s), found 0"));
  EXPECT_THAT(broken([](Graph& g) {
                g.subgraphs[0].variables.push_back({"w", Tensor(DType::int32, {})});
              }),
              HasSubstr("expected variables in the outermost graph only"));
  EXPECT_THAT(broken([](Graph& g) { g.variables.clear(); }),
              HasSubstr("expected a variable in [0, 0), found 0"));
  EXPECT_THAT(broken([](Graph& g) { g.variables[0].initial = {}; }),
              HasSubstr("variable 'v' has no value"));
}

TEST(Verify, DeepNesting) {
  Graph graph = sample();
  Graph deep = sample();
  deep.variables.clear();
  for (int i = 0; i < 300; ++i) {
    Graph outer;
    outer.subgraphs.push_back(std::move(deep));
    deep = std::move(outer);
  }
  try {
    verify(deep, "deep");
    FAIL() << "a graph 300 deep passed";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("nested more than"));
  }
}

}  // namespace
}  // namespace thaw
