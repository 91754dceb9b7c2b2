// Loops that never end are stopped.
#include "tests/exec/exec_test_util.h"

namespace thaw::testing {
namespace {

// while true: i = i + 1, or while i < n.
Graph counting(bool endless) {
  Graph graph;
  GraphBuilder g(graph);
  const TensorType index{DType::int32, {}};
  const ValueId n = g.input("n", index);
  const auto body_of = [&](const std::string& name, const auto& fill) {
    Graph sub;
    sub.name = name;
    GraphBuilder b(sub);
    const ValueId i = b.input("i", index), limit = b.input("n", index);
    for (const ValueId output : fill(b, i, limit)) b.output("o", output);
    graph.subgraphs.push_back(std::move(sub));
    return static_cast<SubgraphId>(graph.subgraphs.size() - 1);
  };
  ops::While op;
  op.cond = body_of("cond", [&](GraphBuilder& b, ValueId i, ValueId limit) {
    const ValueId less = b.binary(BinaryKind::less, i, limit);
    const ValueId same = b.binary(BinaryKind::equal, i, i);
    return std::vector<ValueId>{endless ? b.binary(BinaryKind::logical_or, less, same) : less};
  });
  op.body = body_of("body", [](GraphBuilder& b, ValueId i, ValueId limit) {
    return std::vector<ValueId>{
        b.binary(BinaryKind::add, i, b.add1(ops::Cast{DType::int32}, {b.scalar(1, DType::int64)})),
        limit};
  });
  g.set_scope("loop");
  g.output("count",
           g.add(op, {g.add1(ops::Cast{DType::int32}, {g.scalar(0, DType::int64)}), n}, 2)[0]);
  return graph;
}

TEST(EndlessLoops, AreStoppedByName) {
  RunnerOptions options;
  options.max_loop_steps = 1000;
  Runner runner(program_of(counting(true)), options);
  for (int i = 0; i < 2; ++i) {  // and the session stays usable
    std::vector<Tensor> outputs;
    ErrorCode code = ErrorCode::internal;
    const std::string message =
        error_of([&] { runner.run(std::vector{scalar(5)}, outputs); }, &code);
    EXPECT_EQ(code, ErrorCode::resource_exhausted) << message;
    EXPECT_NE(message.find("'loop'"), std::string::npos) << message;
    EXPECT_NE(message.find("more than 1000 steps"), std::string::npos) << message;
  }
}

TEST(EndlessLoops, TheLimitIsForEachRun) {
  RunnerOptions options;
  options.max_loop_steps = 1000;
  Runner runner(program_of(counting(false)), options);
  for (const std::int32_t steps : {1000, 999, 1000}) {
    std::vector<Tensor> outputs;
    runner.run(std::vector{scalar(steps)}, outputs);
    EXPECT_EQ(outputs.at(0).data<std::int32_t>()[0], steps);
  }
  std::vector<Tensor> outputs;
  ErrorCode code = ErrorCode::internal;
  error_of([&] { runner.run(std::vector{scalar(1001)}, outputs); }, &code);
  EXPECT_EQ(code, ErrorCode::resource_exhausted);
}

}  // namespace
}  // namespace thaw::testing
