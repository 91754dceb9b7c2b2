#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/ir/builder.h"
#include "runtime/plan/lifetimes.h"
#include "runtime/plan/plan.h"
#include "thaw/error.h"

namespace thaw {
namespace {

std::shared_ptr<const Plan> planned(Graph graph) {
  std::string why;
  std::shared_ptr<const Plan> plan =
      compile(std::move(graph), reference_backend(), nullptr, 1, why);
  EXPECT_NE(plan, nullptr) << why;
  return plan;
}

std::string obstacle(Graph graph) {
  const std::size_t nodes = graph.nodes.size();
  std::string why;
  EXPECT_EQ(compile(std::move(graph), reference_backend(), nullptr, 1, why), nullptr);
  EXPECT_EQ(graph.nodes.size(), nodes) << "the graph must be given back";  // NOLINT
  return why;
}

const TensorType kPair{DType::float32, {4, 8}};

// The last value of this name: the constants that an op needs carry it too.
const Place& place_of(const Plan& plan, const std::string& name) {
  for (std::size_t i = plan.graph.values.size(); i-- > 0;) {
    if (plan.graph.values[i].name == name) return plan.places[i];
  }
  ADD_FAILURE() << "no value " << name;
  return plan.places[0];
}

TEST(Compile, AChainOfElementwiseOpsUsesOneBuffer) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", kPair);
  g.set_scope("first");
  ValueId y = g.unary({UnaryKind::tanh}, x);
  for (const UnaryKind kind : {UnaryKind::exp, UnaryKind::neg, UnaryKind::relu}) {
    g.set_scope(name_of(kind));
    y = g.unary({kind}, y);
  }
  g.set_scope("sum");
  y = g.binary(BinaryKind::add, x, y);
  g.set_scope("out");
  g.output("out", g.reduce(ReduceKind::sum, y, {1}, false));
  const auto plan = planned(std::move(graph));
  EXPECT_EQ(plan->intervals.size(), 1u) << plan->to_text();
  EXPECT_EQ(plan->memory.arena_bytes, 128u);
  EXPECT_EQ(place_of(*plan, "x").home, Home::input);
  EXPECT_EQ(place_of(*plan, "first").home, Home::arena);
  EXPECT_EQ(place_of(*plan, "sum").home, Home::arena);
  EXPECT_EQ(place_of(*plan, "out").home, Home::output);
}

TEST(Compile, OperandsThatLiveOnAreNotOverwritten) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", kPair);
  g.set_scope("a");
  const ValueId a = g.unary({UnaryKind::tanh}, x);
  g.set_scope("b");
  const ValueId b = g.unary({UnaryKind::exp}, a);
  g.set_scope("c");
  const ValueId c = g.binary(BinaryKind::mul, a, b);  // a is still needed when b is made
  g.set_scope("d");
  g.output("d", g.reduce(ReduceKind::sum, c, {0, 1}, false));
  const auto plan = planned(std::move(graph));
  EXPECT_NE(place_of(*plan, "a").offset, place_of(*plan, "b").offset) << plan->to_text();
  EXPECT_EQ(place_of(*plan, "c").offset, place_of(*plan, "a").offset) << plan->to_text();
}

TEST(Compile, ABroadcastOperandIsNotOverwritten) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {8}});
  const ValueId y = g.input("y", kPair);
  g.set_scope("row");
  const ValueId row = g.unary({UnaryKind::tanh}, x);
  g.set_scope("sum");
  const ValueId sum = g.binary(BinaryKind::add, row, y);
  g.set_scope("total");
  g.output("total", g.reduce(ReduceKind::sum, sum, {0, 1}, false));
  const auto plan = planned(std::move(graph));
  EXPECT_NE(place_of(*plan, "row").offset, place_of(*plan, "sum").offset) << plan->to_text();
}

TEST(Compile, TwoShapesOfOneBufferAreNotOverwritten) {
  // A column times its own row: element i of the one is not element i of the other.
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {1, 1}});
  g.set_scope("a");
  const ValueId a = g.unary({UnaryKind::tanh}, x);
  const ValueId flat = g.reshape(a, {1});
  g.set_scope("product");
  const ValueId product = g.binary(BinaryKind::mul, a, flat);
  g.set_scope("y");
  g.output("y", g.reduce(ReduceKind::sum, product, {1}, false));
  const auto plan = planned(std::move(graph));
  EXPECT_NE(place_of(*plan, "a").offset, place_of(*plan, "product").offset) << plan->to_text();
}

TEST(Compile, PredicatesDoNotOverwriteWiderElements) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", kPair);
  g.set_scope("a");
  const ValueId a = g.unary({UnaryKind::tanh}, x);
  g.set_scope("flag");
  const ValueId flag = g.binary(BinaryKind::less, a, x);
  g.set_scope("any");
  g.output("any", g.reduce(ReduceKind::any, flag, {0, 1}, false));
  const auto plan = planned(std::move(graph));
  EXPECT_NE(place_of(*plan, "a").offset, place_of(*plan, "flag").offset) << plan->to_text();
}

TEST(Compile, ViewsCostNothing) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", kPair);
  g.set_scope("flat");
  const ValueId flat = g.reshape(x, {32});
  g.set_scope("wide");
  const ValueId wide = g.expand_dims(flat, 0);
  g.set_scope("turned");
  const ValueId turned = g.transpose(wide, {1, 0});  // moves only a dimension of 1
  g.set_scope("y");
  g.output("y", g.reduce(ReduceKind::sum, turned, {0}, false));
  g.output("view", wide);
  const auto plan = planned(std::move(graph));
  ASSERT_EQ(plan->steps.size(), 2u) << plan->to_text();  // the sum, the copy of the output
  EXPECT_EQ(plan->memory.arena_bytes, 0u);
  EXPECT_EQ(place_of(*plan, "turned").home, Home::input);
  EXPECT_EQ(plan->steps[1].node, kNoNode);
  EXPECT_STREQ(plan->steps[1].kernel->name(), "copy");
  EXPECT_EQ(plan->steps[1].in[0].place.home, Home::input);
  EXPECT_EQ(plan->steps[1].out[0].place.home, Home::output);
  EXPECT_EQ(plan->steps[1].out[0].place.index, 1);
}

TEST(Compile, AnOutputThatIsUsedAgainIsReadWhereItWasWritten) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", kPair);
  g.set_scope("a");
  const ValueId a = g.unary({UnaryKind::tanh}, x);
  g.output("a", a);
  g.set_scope("b");
  g.output("b", g.unary({UnaryKind::exp}, a));
  g.output("a again", a);
  const auto plan = planned(std::move(graph));
  EXPECT_EQ(plan->memory.arena_bytes, 0u) << plan->to_text();
  EXPECT_EQ(plan->steps.size(), 3u);
  EXPECT_EQ(plan->steps[1].in[0].place.home, Home::output);
  EXPECT_EQ(plan->steps[1].out[0].place.index, 1);
}

Graph with_variable(bool use_behind) {
  Graph graph;
  GraphBuilder g(graph);
  const VariableId variable = g.variable("v", Tensor(DType::float32, {4, 8}));
  const ValueId x = g.input("x", kPair);
  g.set_scope("read");
  const ValueId read = g.add1(ops::VariableRead{variable}, {});
  g.set_scope("sum");
  const ValueId sum = g.binary(BinaryKind::add, read, x);
  g.add(ops::VariableAssign{variable}, {sum}, 0);
  g.set_scope("y");
  g.output("y", g.binary(BinaryKind::mul, use_behind ? read : x, sum));
  return graph;
}

TEST(Compile, AVariableIsReadInPlaceUnlessItsOldValueIsNeededLater) {
  const auto in_place = planned(with_variable(false));
  EXPECT_EQ(place_of(*in_place, "read").home, Home::variable) << in_place->to_text();
  const auto copied = planned(with_variable(true));
  EXPECT_EQ(place_of(*copied, "read").home, Home::arena) << copied->to_text();
}

TEST(Compile, StepsOfNothingAreLeftOut) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {0, 8}});
  g.output("y", g.unary({UnaryKind::tanh}, g.unary({UnaryKind::exp}, x)));
  EXPECT_TRUE(planned(std::move(graph))->steps.empty());
}

TEST(Compile, ObstaclesAreNamed) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId flags = g.input("flags", {DType::boolean, {3}});
  g.set_scope("hits");
  g.output("y", g.add1(ops::Where{}, {flags}));
  EXPECT_EQ(obstacle(std::move(graph)),
            "node 'hits' (where): the result's size depends on the data");

  Graph computed;
  GraphBuilder c(computed);
  const ValueId shape = c.input("shape", {DType::int32, {1}});
  const ValueId x = c.input("x", kPair);
  c.set_scope("form");
  c.output("y", c.add1(ops::Reduce{}, {x, shape}));
  const std::string why = obstacle(std::move(computed));
  EXPECT_EQ(why.rfind("node 'form' (reduce): ", 0), 0u) << why;

  Graph strings;
  GraphBuilder s(strings);
  s.output("y", s.add1(ops::Identity{}, {s.input("text", {DType::string, {2}})}));
  EXPECT_EQ(obstacle(std::move(strings)), "node 'text' (input): strings");

  Graph unknown;
  GraphBuilder u(unknown);
  u.output("y", u.unary({UnaryKind::exp}, u.input("x", {DType::float32, {kUnknownDim}})));
  EXPECT_EQ(obstacle(std::move(unknown)),
            "node 'x' (input): the shape of its result float32[?] is not known before the run");
}

TEST(Compile, TextShowsStepsAndMemory) {
  const std::string text = planned(with_variable(true))->to_text();
  for (const char* part : {"variable_read 'read' [copy]", "binary 'sum'", "float32[4, 8] input 0",
                           "float32[4, 8] variable 0", "float32[4, 8] output 0", "lower bound"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
}

}  // namespace
}  // namespace thaw
