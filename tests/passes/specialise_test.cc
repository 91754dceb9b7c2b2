#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/backend.h"
#include "runtime/passes/merge_types.h"
#include "runtime/passes/passes.h"

namespace thaw {
namespace {

Evaluator evaluator() {
  return [](const Op& op, const std::vector<Tensor>& inputs, const std::vector<TensorType>& types,
            std::vector<Tensor>& outputs) {
    outputs = evaluate(op, inputs, static_cast<int>(types.size()));
    return true;
  };
}

template <class T>
int count(const Graph& graph) {
  return static_cast<int>(
      std::count_if(graph.nodes.begin(), graph.nodes.end(),
                    [](const Node& node) { return std::holds_alternative<T>(node.op); }));
}

std::string error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

const TensorType& output_type(const Graph& graph, std::size_t i = 0) {
  return graph.values[static_cast<std::size_t>(graph.outputs[i])].type;
}

// reshape(x, [shape(x)[0], -1, 2]) by TensorFlow's shape arithmetic
Graph flattening() {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim, kUnknownDim}});
  const ValueId shape = g.add1(ops::ShapeQuery{}, {x});
  ops::StridedSlice first;
  first.shrink_axis_mask = 1;
  const auto ints = [&](std::int32_t value) {
    return g.constant(Tensor::from<std::int32_t>({1}, {value}));
  };
  const ValueId batch = g.add1(first, {shape, ints(0), ints(1), ints(1)});
  const ValueId target =
      g.add1(ops::Stack{0}, {batch, g.scalar(-1, DType::int32), g.scalar(2, DType::int32)});
  g.set_scope("flat");
  g.output("y", g.add1(ops::Reshape{}, {x, target}));
  return graph;
}

TEST(Specialise, ShapeArithmeticTurnsIntoConstants) {
  const Graph special = specialise(flattening(), {Shape{3, 8}}, evaluator());
  EXPECT_EQ(output_type(special), (TensorType{DType::float32, {3, 4, 2}}));
  EXPECT_EQ(count<ops::ShapeQuery>(special), 0);
  EXPECT_EQ(count<ops::StridedSlice>(special), 0);
  EXPECT_EQ(count<ops::Stack>(special), 0);
  EXPECT_EQ(special.nodes.size(), 3u) << to_text(special);  // x, the shape, the reshape
  EXPECT_EQ(special.nodes.back().name, "flat");
}

TEST(Specialise, UnknownDimensionsStayUnknownAndTheRestIsFolded) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim, 3}});
  const ValueId shape = g.add1(ops::ShapeQuery{}, {x});
  g.output("shape", shape);
  const ValueId weights = g.constant(Tensor(DType::float32, {5, 3}));
  g.output("y", g.matmul(x, g.transpose(weights, {1, 0})));
  const Graph special = specialise(graph, {Shape{kUnknownDim, 3}}, evaluator());
  EXPECT_EQ(count<ops::Transpose>(special), 0);
  EXPECT_EQ(count<ops::ShapeQuery>(special), 1);
  EXPECT_EQ(output_type(special, 1), (TensorType{DType::float32, {kUnknownDim, 5}}));
}

TEST(Specialise, WithoutAnEvaluatorTypesAreStillInferred) {
  Graph graph;
  GraphBuilder g(graph);
  g.output("y", g.unary({UnaryKind::exp}, g.input("x", {DType::float32, Shape::unknown_rank()})));
  EXPECT_EQ(output_type(specialise(graph, {Shape{2, 3}}, {})),
            (TensorType{DType::float32, {2, 3}}));
}

TEST(Specialise, ShapesThatDoNotFitAreNamed) {
  const Graph graph = flattening();
  EXPECT_EQ(error_of([&] { specialise(graph, {Shape{3}}, evaluator()); }),
            "input 'x': expected float32[?, ?], got shape [3]");
  EXPECT_EQ(error_of([&] { specialise(graph, {}, evaluator()); }),
            "expected 1 input shapes, got 0");
  const std::string message = error_of([&] { specialise(graph, {Shape{3, 5}}, evaluator()); });
  EXPECT_EQ(message.rfind("node 'flat' (reshape): ", 0), 0u) << message;
}

TEST(Specialise, LargeResultsAreNotFolded) {
  Graph graph;
  GraphBuilder g(graph);
  const auto filled = [&](std::int64_t count) {
    return g.add1(ops::BroadcastTo{}, {g.scalar(1, DType::float32), g.ints({count})});
  };
  g.output("small", filled(1000));
  g.output("large", filled(1 << 28));
  const ValueId weights = g.constant(Tensor(DType::float32, {1024, 1024}));
  g.output("moved", g.transpose(weights, {1, 0}));  // no larger than what it replaces
  g.output("scaled", g.binary(BinaryKind::mul, weights, g.scalar(2, DType::float32)));
  const ValueId line = g.constant(Tensor(DType::float32, {1024, 1}));
  g.output("product", g.binary(BinaryKind::add, line, g.transpose(line, {1, 0})));  // larger: stays
  const Graph special = specialise(graph, {}, evaluator());
  EXPECT_EQ(count<ops::BroadcastTo>(special), 1);
  EXPECT_EQ(count<ops::Transpose>(special), 0);
  EXPECT_EQ(count<ops::Binary>(special), 1);
}

TEST(Specialise, FoldingIsBoundedInTotal) {
  Graph graph;
  GraphBuilder g(graph);
  for (int i = 0; i < 600; ++i) {  // each below the bound for one result, together above the total
    g.output("y", g.add1(ops::BroadcastTo{}, {g.scalar(1, DType::float32), g.ints({1 << 18})}));
  }
  const Graph special = specialise(graph, {}, evaluator());
  std::size_t bytes = 0;
  for (const Node& node : special.nodes) {
    if (const auto* constant = std::get_if<ops::Constant>(&node.op))
      bytes += constant->value.size_bytes();
  }
  EXPECT_LE(bytes, std::size_t{257} << 20);
  EXPECT_GE(count<ops::BroadcastTo>(special), 300);
}

// Each doubling only moves elements, but ten of them are a thousand times the constant.
TEST(Specialise, DoublingAgainAndAgainIsBounded) {
  Graph graph;
  GraphBuilder g(graph);
  ValueId x = g.constant(Tensor(DType::float32, {1 << 20}));
  for (int i = 0; i < 20; ++i) x = g.concat({x, g.reshape(x, {std::int64_t{1} << (20 + i)})}, 0);
  g.output("y", x);
  const Graph special = specialise(graph, {}, evaluator());
  EXPECT_GE(count<ops::Concat>(special), 12);
  EXPECT_LT(count<ops::Concat>(special), 20);
}

TEST(Specialise, WhatFailsWhenFoldedIsLeftToTheRun) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId rows = g.constant(Tensor(DType::float32, {2, 2}));
  g.output("y", g.gather(rows, g.constant(Tensor::from<std::int32_t>({1}, {7}))));
  EXPECT_EQ(count<ops::Gather>(specialise(graph, {}, evaluator())), 1);
}

TEST(Specialise, AssertionsThatHoldAreDroppedOthersStay) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim}});
  const ValueId size = g.add1(ops::ShapeQuery{ShapeQueryKind::size, DType::int32}, {x});
  g.add(ops::Assert{"at least two"},
        {g.binary(BinaryKind::greater, size, g.scalar(1, DType::int32))}, 0);
  g.output("y", x);
  EXPECT_EQ(count<ops::Assert>(specialise(graph, {Shape{2}}, evaluator())), 0);
  EXPECT_EQ(count<ops::Assert>(specialise(graph, {Shape{1}}, evaluator())), 1);
  EXPECT_EQ(count<ops::Assert>(specialise(graph, {Shape{kUnknownDim}}, evaluator())), 1);
}

// if rank-dependent condition: then reduces over axis 1, which only matrices have
Graph branch_on_rank() {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, Shape::unknown_rank()});
  for (const bool then_branch : {true, false}) {
    Graph branch;
    GraphBuilder b(branch);
    const ValueId in = b.input("x", {DType::float32, Shape::unknown_rank()});
    b.set_scope(then_branch ? "sum" : "negated");
    b.output("y", then_branch ? b.reduce(ReduceKind::sum, in, {1}, false)
                              : b.unary({UnaryKind::neg}, in));
    graph.subgraphs.push_back(std::move(branch));
  }
  const ValueId rank = g.add1(ops::ShapeQuery{ShapeQueryKind::rank, DType::int32}, {x});
  const ValueId condition = g.binary(BinaryKind::equal, rank, g.scalar(2, DType::int32));
  g.output("y", g.add1(ops::If{0, 1}, {condition, x}));
  return graph;
}

TEST(Specialise, ABranchThatIsKnownStandsInPlaceOfTheIf) {
  const Graph matrix = specialise(branch_on_rank(), {Shape{2, 3}}, evaluator());
  EXPECT_EQ(count<ops::If>(matrix), 0);
  EXPECT_EQ(matrix.nodes.back().name, "sum");
  EXPECT_EQ(output_type(matrix).shape, (Shape{2}));
  const Graph vector =
      specialise(branch_on_rank(), {Shape{3}}, evaluator());  // the other would not fit
  EXPECT_EQ(vector.nodes.back().name, "negated");
}

TEST(Specialise, ABranchThatDoesNotFitIsNoErrorUntilItIsTaken) {
  Graph graph = branch_on_rank();
  GraphBuilder g(graph);
  const ValueId flag = g.input("flag", {DType::boolean, {}});
  for (Node& node : graph.nodes) {
    if (std::holds_alternative<ops::If>(node.op)) node.inputs[0] = flag;
  }
  normalize(graph);
  const Graph special = specialise(graph, {Shape{3}, Shape{}}, evaluator());
  EXPECT_EQ(count<ops::If>(special), 1);
  verify(special, "specialise");
}

// while i < n: i += 1, x = x + x[0:1], w handed on
Graph loop(bool growing) {
  Graph graph;
  GraphBuilder g(graph);
  const TensorType vector{DType::float32, {kUnknownDim}}, index{DType::int32, {}};
  Graph cond, body;
  {
    GraphBuilder c(cond);
    const ValueId i = c.input("i", index);
    c.input("x", vector);
    c.output("go", c.binary(BinaryKind::less, i, c.scalar(3, DType::int32)));
  }
  {
    GraphBuilder b(body);
    const ValueId i = b.input("i", index), x = b.input("x", vector);
    b.output("i", b.binary(BinaryKind::add, i, b.scalar(1, DType::int32)));
    b.output("x", growing ? b.concat({x, x}, 0) : b.unary({UnaryKind::tanh}, x));
  }
  graph.subgraphs = {std::move(cond), std::move(body)};
  const ValueId x = g.input("x", vector);
  g.output("y", g.add(ops::While{0, 1}, {g.scalar(0, DType::int32), x}, 2)[1]);
  return graph;
}

TEST(Specialise, LoopsWhoseTypesStayTheSameAreTyped) {
  const Graph special = specialise(loop(false), {Shape{5}}, evaluator());
  EXPECT_EQ(output_type(special).shape, (Shape{5}));
  const Graph& body = special.subgraphs.at(
      static_cast<std::size_t>(std::get<ops::While>(special.nodes.back().op).body));
  EXPECT_EQ(output_type(body, 1).shape, (Shape{5}));
}

TEST(Specialise, LoopsWhoseShapesChangeStayUnknownWhereTheyDo) {
  const Graph special = specialise(loop(true), {Shape{5}}, evaluator());
  EXPECT_EQ(output_type(special).shape, (Shape{kUnknownDim}));
  verify(special, "specialise");
}

TEST(MergeTypes, KeepsWhatBothSidesSay) {
  const TensorType a{DType::float32, {2, 3}}, b{DType::float32, {2, 4}};
  EXPECT_EQ(merge_types(a, b), (TensorType{DType::float32, {2, kUnknownDim}}));
  EXPECT_EQ(merge_types(a, {DType::float32, {2}}),
            (TensorType{DType::float32, Shape::unknown_rank()}));
  EXPECT_THROW(merge_types(a, {DType::int32, {2, 3}}), Error);
  EXPECT_EQ(refine_type({DType::float32, {kUnknownDim, 3}}, b), a);
  EXPECT_TRUE(fits({2, 3}, {kUnknownDim, 3}));
  EXPECT_TRUE(fits({2, 3}, Shape::unknown_rank()));
  EXPECT_FALSE(fits({2, 3}, {2, 4}));
  EXPECT_FALSE(fits({2, 3}, {2}));
}

}  // namespace
}  // namespace thaw
