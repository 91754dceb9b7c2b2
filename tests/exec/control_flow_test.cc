// What only the interpreter runs.

#include "tests/exec/exec_test_util.h"

namespace thaw::testing {
namespace {

using Tensors = std::vector<Tensor>;

Tensors run(Runner& runner, const Tensors& inputs) {
  Tensors outputs;
  runner.run(inputs, outputs);
  return outputs;
}

// A sub-graph written by `fill`, which gets its builder and inputs and returns its outputs.
template <class Fill>
SubgraphId subgraph(Graph& owner, const std::string& name, const std::vector<TensorType>& types,
                    const Fill& fill) {
  Graph graph;
  graph.name = name;
  GraphBuilder g(graph);
  std::vector<ValueId> inputs;
  for (std::size_t i = 0; i < types.size(); ++i) {
    inputs.push_back(g.input("i" + std::to_string(i), types[i]));
  }
  for (ValueId output : fill(g, inputs)) g.output("o", output);
  owner.subgraphs.push_back(std::move(graph));
  return static_cast<SubgraphId>(owner.subgraphs.size() - 1);
}

const TensorType kIndex{DType::int32, {}};
const TensorType kFlag{DType::boolean, {}};
const TensorType kListType{DType::tensor_list, {}};
const TensorType kRows{DType::float32, {kUnknownDim, 2}};

// if flag then x * 2 else x + constant of the sub-graph
Graph branches() {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId flag = g.input("flag", kFlag);
  const ValueId x = g.input("x", kRows);
  ops::If op;
  op.then_graph =
      subgraph(graph, "then", {kRows}, [](GraphBuilder& t, const std::vector<ValueId>& in) {
        return std::vector<ValueId>{t.binary(BinaryKind::mul, in[0], t.scalar(2, DType::float32))};
      });
  op.else_graph =
      subgraph(graph, "else", {kRows}, [](GraphBuilder& e, const std::vector<ValueId>& in) {
        e.set_scope("shift");
        return std::vector<ValueId>{
            e.binary(BinaryKind::add, in[0], e.constant(floats({2}, {10, 20})))};
      });
  g.set_scope("choice");
  g.output("y", g.add1(op, {flag, x}));
  return graph;
}

Tensor flag(bool value) {
  Tensor tensor(DType::boolean, Shape{});
  *tensor.mutable_data<bool>() = value;
  return tensor;
}

TEST(If, TakesTheBranchOfTheCondition) {
  Runner runner(program_of(branches()), {1, 4});
  const Tensor x = floats({1, 2}, {1, 2});
  EXPECT_EQ(to_vector(run(runner, {flag(true), x})[0]), (std::vector<float>{2, 4}));
  EXPECT_EQ(to_vector(run(runner, {flag(false), x})[0]), (std::vector<float>{11, 22}));
  EXPECT_FALSE(runner.stats().planned);
  EXPECT_NE(runner.plan_text().find("node 'choice' (if): control flow"), std::string::npos)
      << runner.plan_text();
}

TEST(If, AConstantConditionIsInlinedAndPlanned) {
  Graph graph = branches();
  // The same graph with the flag as a constant.
  graph.nodes[0].op = ops::Constant{flag(false)};
  graph.inputs.erase(graph.inputs.begin());
  graph.input_names.erase(graph.input_names.begin());
  Runner runner(program_of(graph), {1, 4});
  EXPECT_EQ(to_vector(run(runner, {floats({1, 2}, {1, 2})})[0]), (std::vector<float>{11, 22}));
  EXPECT_TRUE(runner.stats().planned) << runner.plan_text();
  EXPECT_NE(runner.plan_text().find("'shift'"), std::string::npos) << runner.plan_text();
}

TEST(If, InputsConstantsAndRepeatedValuesComeBackAsTheirOwnTensors) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId condition = g.input("flag", kFlag);
  const ValueId x = g.input("x", kRows);
  const auto pass = [](GraphBuilder& s, const std::vector<ValueId>& in) {
    return std::vector<ValueId>{in[0], in[0], s.constant(floats({1}, {7}))};
  };
  ops::If op;
  op.then_graph = subgraph(graph, "then", {kRows}, pass);
  op.else_graph = subgraph(graph, "else", {kRows}, pass);
  for (ValueId value : g.add(op, {condition, x}, 3)) g.output("o", value);
  Runner runner(program_of(graph), {1, 4});
  const Tensor input = floats({1, 2}, {1, 2});
  Tensors outputs = run(runner, {flag(true), input});
  for (Tensor& output : outputs) output.mutable_data<float>()[0] = 100;  // the caller's to write
  EXPECT_EQ(to_vector(input), (std::vector<float>{1, 2}));
  outputs = run(runner, {flag(true), input});
  EXPECT_EQ(to_vector(outputs[1]), (std::vector<float>{1, 2}));
  EXPECT_EQ(to_vector(outputs[2]), (std::vector<float>{7}));
  EXPECT_NE(outputs[0].data(), outputs[1].data());
}

// A recurrent loop as TensorFlow writes it: state' = state * w + x[t], every state kept in a list.
Graph recurrence() {
  Graph graph;
  GraphBuilder g(graph);
  const TensorType series{DType::float32, {kUnknownDim, 2}}, state{DType::float32, {2}};
  const std::vector<TensorType> types = {kIndex, kIndex, kListType, kListType, state, state};
  const ValueId x = g.input("x", series);
  ops::While op;
  op.cond = subgraph(graph, "cond", types, [](GraphBuilder& c, const std::vector<ValueId>& in) {
    return std::vector<ValueId>{c.binary(BinaryKind::less, in[0], in[1])};
  });
  op.body = subgraph(graph, "body", types, [](GraphBuilder& b, const std::vector<ValueId>& in) {
    const ValueId shape = b.constant(Tensor::from<std::int32_t>({1}, {2}));
    b.set_scope("item");
    const ValueId item = b.add1(ops::ListGet{DType::float32}, {in[2], in[0], shape});
    b.set_scope("step");
    const ValueId next = b.binary(BinaryKind::add, b.binary(BinaryKind::mul, in[4], in[5]), item);
    const ValueId list = b.add1(ops::ListSet{}, {in[3], in[0], next});
    const ValueId index = b.binary(BinaryKind::add, in[0], b.scalar(1, DType::int32));
    return std::vector<ValueId>{index, in[1], in[2], list, next, in[5]};
  });
  const ValueId items = g.add1(ops::ListFromTensor{}, {x});
  const ValueId length = g.add1(ops::ListLength{}, {items});
  const ValueId shape = g.constant(Tensor::from<std::int32_t>({1}, {2}));
  const ValueId results = g.add1(ops::ListReserve{DType::float32}, {shape, length});
  g.set_scope("loop");
  const std::vector<ValueId> last =
      g.add(op,
            {g.scalar(0, DType::int32), length, items, results, g.constant(floats({2}, {0, 1})),
             g.constant(floats({2}, {0.5F, 2}))},
            6);
  g.output("all", g.add1(ops::ListStack{DType::float32}, {last[3], shape}));
  g.output("last", last[4]);
  return graph;
}

std::vector<float> expected_states(const std::vector<float>& x) {
  std::vector<float> all;
  float a = 0, b = 1;
  for (std::size_t i = 0; i < x.size(); i += 2) {
    a = a * 0.5F + x[i];
    b = b * 2 + x[i + 1];
    all.insert(all.end(), {a, b});
  }
  return all;
}

TEST(While, RunsARecurrenceOverLists) {
  Runner runner(program_of(recurrence()), {1, 4});
  for (const std::int64_t steps : {3, 1, 0, 7, 3}) {
    const Tensor x = random_floats({steps, 2}, static_cast<unsigned>(steps));
    const Tensors outputs = run(runner, {x});
    EXPECT_EQ(outputs[0].shape(), (Shape{steps, 2}));
    EXPECT_EQ(to_vector(outputs[0]), expected_states(to_vector(x)));
    if (steps == 0) {
      EXPECT_EQ(to_vector(outputs[1]), (std::vector<float>{0, 1}));
    }
  }
}

// Lists are updated in place: what a loop allocates grows with its steps, not with their square.
TEST(While, IsLinearInTheNumberOfSteps) {
  if (!counts_allocations()) GTEST_SKIP() << "the sanitizer owns the allocator";
  Runner runner(program_of(recurrence()), {1, 4});
  const auto bytes = [&](std::int64_t steps) {
    const Tensor x(DType::float32, {steps, 2});
    run(runner, {x});
    const std::size_t before = allocated_bytes();
    run(runner, {x});
    return allocated_bytes() - before;
  };
  const std::size_t some = bytes(500), many = bytes(8000);
  EXPECT_GT(some, 0u);
  EXPECT_LT(many, some * 20) << "16 times the steps allocated " << some << " and " << many;
}

TEST(While, ErrorsNameTheNodesOnTheWay) {
  Graph graph = recurrence();
  // The loop runs one step further than there are items.
  GraphBuilder g(graph);
  const ValueId more = g.scalar(9, DType::int32);
  for (Node& node : graph.nodes) {
    if (std::holds_alternative<ops::While>(node.op)) node.inputs[1] = more;
  }
  normalize(graph);
  Runner runner(program_of(graph), {1, 4});
  const std::string message = error_of([&] { run(runner, {Tensor(DType::float32, {4, 2})}); });
  EXPECT_EQ(message, "node 'loop' (while): node 'item' (list_get): index 4 in a list of 4 items");
  EXPECT_EQ(run(runner, {Tensor(DType::float32, {9, 2})})[0].shape(),
            (Shape{9, 2}));  // usable after
}

TEST(While, ShapesMayGrowFromStepToStep) {
  Graph graph;
  GraphBuilder g(graph);
  const std::vector<TensorType> types = {kIndex, {DType::float32, {kUnknownDim}}};
  const ValueId x = g.input("x", types[1]);
  ops::While op;
  op.cond = subgraph(graph, "cond", types, [](GraphBuilder& c, const std::vector<ValueId>& in) {
    return std::vector<ValueId>{c.binary(BinaryKind::less, in[0], c.scalar(3, DType::int32))};
  });
  op.body = subgraph(graph, "body", types, [](GraphBuilder& b, const std::vector<ValueId>& in) {
    const ValueId index = b.binary(BinaryKind::add, in[0], b.scalar(1, DType::int32));
    return std::vector<ValueId>{index, b.concat({in[1], in[1]}, 0)};
  });
  g.output("y", g.add(op, {g.scalar(0, DType::int32), x}, 2)[1]);
  Runner runner(program_of(graph), {1, 4});
  EXPECT_EQ(run(runner, {floats({2}, {1, 2})})[0].shape(), (Shape{16}));
}

TEST(While, LoopInvariantConstantsAreSeenInside) {
  const auto program = program_of(recurrence());
  const auto compiled = program->compiled({Shape{3, 2}}, 1);
  ASSERT_EQ(compiled->plan, nullptr);
  const auto loop =
      std::find_if(compiled->graph.nodes.begin(), compiled->graph.nodes.end(),
                   [](const Node& node) { return std::holds_alternative<ops::While>(node.op); });
  ASSERT_NE(loop, compiled->graph.nodes.end());
  const Graph& body =
      compiled->graph.subgraphs.at(static_cast<std::size_t>(std::get<ops::While>(loop->op).body));
  bool seen = false;  // the factor of the multiplication
  for (const Node& node : body.nodes) {
    const auto* binary = std::get_if<ops::Binary>(&node.op);
    if (binary != nullptr && binary->kind == BinaryKind::mul) {
      seen = constant_of(body, node.inputs[1]) != nullptr;
    }
  }
  EXPECT_TRUE(seen) << to_text(compiled->graph);
}

TEST(While, NestedLoopsAndVariables) {
  // for i in 0..n: for j in 0..i: counter += 1
  Graph graph;
  GraphBuilder g(graph);
  const VariableId counter = g.variable("counter", scalar(0));
  const ValueId n = g.input("n", kIndex);
  const auto below = [](GraphBuilder& c, const std::vector<ValueId>& in) {
    return std::vector<ValueId>{c.binary(BinaryKind::less, in[0], in[1])};
  };
  const auto count_up = [](GraphBuilder& b, ValueId i) {
    return b.binary(BinaryKind::add, i, b.scalar(1, DType::int32));
  };
  // Variables belong to the outermost graph; sub-graphs are typed against it when they are run.
  Graph body;
  body.name = "outer body";
  body.variables = graph.variables;
  {
    GraphBuilder b(body);
    const ValueId i = b.input("i", kIndex), limit = b.input("n", kIndex);
    ops::While inner;
    inner.cond = subgraph(body, "inner cond", {kIndex, kIndex}, below);
    Graph inner_body;
    inner_body.variables = graph.variables;
    {
      GraphBuilder s(inner_body);
      const ValueId j = s.input("j", kIndex), up_to = s.input("i", kIndex);
      const ValueId value = s.add1(ops::VariableRead{counter}, {});
      s.add(ops::VariableAssign{counter}, {count_up(s, value)}, 0);
      s.output("j", count_up(s, j));
      s.output("i", up_to);
    }
    inner_body.variables.clear();
    body.subgraphs.push_back(std::move(inner_body));
    inner.body = static_cast<SubgraphId>(body.subgraphs.size() - 1);
    b.add(inner, {b.scalar(0, DType::int32), i}, 2);
    b.output("i", count_up(b, i));
    b.output("n", limit);
  }
  body.variables.clear();
  ops::While outer;
  outer.cond = subgraph(graph, "outer cond", {kIndex, kIndex}, below);
  graph.subgraphs.push_back(std::move(body));
  outer.body = static_cast<SubgraphId>(graph.subgraphs.size() - 1);
  g.add(outer, {g.scalar(0, DType::int32), n}, 2);
  g.output("count", g.add1(ops::VariableRead{counter}, {}));
  verify(graph, "nested loops");
  Runner runner(program_of(graph), {1, 4});
  EXPECT_EQ(run(runner, {scalar(5)})[0].data<std::int32_t>()[0], 10);
  EXPECT_EQ(run(runner, {scalar(3)})[0].data<std::int32_t>()[0], 13);
  runner.reset();
  EXPECT_EQ(run(runner, {scalar(3)})[0].data<std::int32_t>()[0], 3);
}

TEST(DataDependent, SizesComeFromTheValues) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim}});
  const ValueId positive = g.binary(BinaryKind::greater, x, g.scalar(0, DType::float32));
  g.set_scope("where");
  const ValueId indices = g.add1(ops::Where{}, {positive});
  g.set_scope("pick");
  const ValueId picked = g.add1(ops::GatherNd{}, {x, indices});
  g.output("picked", g.binary(BinaryKind::mul, picked, g.scalar(2, DType::float32)));
  // A shape computed from the number of hits.
  const ValueId shape = g.add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int32}, {picked});
  g.output("ones", g.add1(ops::BroadcastTo{}, {g.scalar(1, DType::float32), shape}));
  Runner runner(program_of(graph), {1, 4});
  for (int repeat = 0; repeat < 2; ++repeat) {
    Tensors outputs = run(runner, {floats({4}, {1, -1, 2, 3})});
    EXPECT_EQ(to_vector(outputs[0]), (std::vector<float>{2, 4, 6}));
    EXPECT_EQ(to_vector(outputs[1]), (std::vector<float>{1, 1, 1}));
    outputs = run(runner, {floats({4}, {-1, -1, -2, 3})});
    EXPECT_EQ(to_vector(outputs[0]), (std::vector<float>{6}));
    outputs = run(runner, {floats({4}, {-1, -1, -2, -3})});
    EXPECT_EQ(outputs[0].shape(), (Shape{0}));
  }
  EXPECT_NE(runner.plan_text().find("node 'where' (where): the result's size depends on the data"),
            std::string::npos)
      << runner.plan_text();
}

TEST(Strings, PassThroughTheInterpreter) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::string, {kUnknownDim}});
  g.output("column", g.reshape(x, {-1, 1}));
  g.output("same", g.add1(ops::Identity{}, {x}));
  Runner runner(program_of(graph), {1, 4});
  const Tensors outputs =
      run(runner, {Tensor::from<std::string>({2}, {"one", "a longer string than fits inline"})});
  EXPECT_EQ(outputs[0].shape(), (Shape{2, 1}));
  EXPECT_EQ(outputs[0].data<std::string>()[1], "a longer string than fits inline");
  EXPECT_EQ(outputs[1].data<std::string>()[0], "one");
}

}  // namespace
}  // namespace thaw::testing
