// Runs one of six fixed models a given number of times on one thread, with the vector kernels of
// one instruction set: what scripts/check-instructions counts the instructions of.
//   instructions CASE RUNS [TARGET]     no arguments: lists the cases
// Loading, planning, packing and three runs more come first; the runs that count are those inside
// thaw_counted_runs, whose name the script knows.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cpu/targets.h"
#include "runtime/exec/runner.h"
#include "runtime/ir/builder.h"

// A name that valgrind can be told.
extern "C" void thaw_counted_runs(thaw::FunctionRef<void()> one_run, int runs) {
  for (int i = 0; i < runs; ++i) one_run();
}

namespace thaw {
namespace {

constexpr int kWarmUpRuns = 3;

Tensor weights(Shape shape) {
  std::mt19937 random(static_cast<unsigned>(shape.num_elements()));
  Tensor tensor(DType::float32, std::move(shape));
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i) {
    tensor.mutable_data<float>()[i] = static_cast<float>(random() % 2001) * 1e-4f - 0.1f;
  }
  return tensor;
}

ValueId dense(GraphBuilder& g, ValueId x, std::int64_t inputs, std::int64_t outputs,
              UnaryKind activation) {
  const ValueId y = g.binary(BinaryKind::add, g.matmul(x, g.constant(weights({inputs, outputs}))),
                             g.constant(weights({outputs})));
  return g.unary({activation}, y);
}

void mlp(GraphBuilder& g, std::int64_t batch) {
  ValueId x = g.input("x", {DType::float32, {batch, 784}});
  x = dense(g, x, 784, 128, UnaryKind::relu);
  g.output("y", g.add1(ops::Softmax{{-1}, false}, {dense(g, x, 128, 10, UnaryKind::linear)}));
}

void recurrent(GraphBuilder& g, CellKind cell) {
  const std::int64_t gates = cell == CellKind::lstm ? 4 : 3;
  const ValueId x = g.input("x", {DType::float32, {1, 20, 32}});
  ops::Rnn op;
  op.cell = cell;
  const Shape bias = cell == CellKind::gru ? Shape{2, 3 * 64} : Shape{4 * 64};
  g.output("y", g.add(op,
                      {x, g.constant(weights({32, gates * 64})),
                       g.constant(weights({64, gates * 64})), g.constant(weights(bias))},
                      cell == CellKind::lstm ? 3 : 2)[0]);
}

// One head group of self-attention with its projections and normalisation.
void attention(GraphBuilder& g) {
  const ValueId x = g.input("x", {DType::float32, {1, 24, 32}});
  const auto project = [&] {
    return g.add1(ops::Einsum{"abc,cde->abde"}, {x, g.constant(weights({32, 4, 8}))});
  };
  const ValueId query = project(), key = project(), value = project();
  ValueId scores = g.add1(ops::Einsum{"aecd,abcd->acbe"}, {key, query});
  scores = g.add1(ops::Softmax{{-1}, false}, {scores});
  const ValueId heads = g.add1(ops::Einsum{"acbe,aecd->abcd"}, {scores, value});
  const ValueId joined =
      g.add1(ops::Einsum{"abcd,cde->abe"}, {heads, g.constant(weights({4, 8, 32}))});
  ops::Normalize norm;
  norm.axes = {-1};
  g.output("y", g.add1(norm, {g.binary(BinaryKind::add, x, joined)}));
}

// Look-up, pooling over time, elementwise functions and copies.
void embedding(GraphBuilder& g) {
  const ValueId ids = g.input("x", {DType::int32, {4, 50}});
  ValueId y = g.gather(g.constant(weights({1000, 48})), ids);
  y = g.unary({UnaryKind::tanh}, g.transpose(y, {0, 2, 1}));
  y = g.reduce(ReduceKind::mean, y, {-1}, false);
  const ValueId both = g.concat({y, g.unary({UnaryKind::sigmoid}, y)}, 1);
  g.output("y", dense(g, both, 96, 5, UnaryKind::linear));
}

struct Case {
  const char* name;
  std::function<void(GraphBuilder&)> build;
};

std::vector<Case> cases() {
  return {{"mlp_b1", [](GraphBuilder& g) { mlp(g, 1); }},
          {"mlp_b32", [](GraphBuilder& g) { mlp(g, 32); }},
          {"lstm", [](GraphBuilder& g) { recurrent(g, CellKind::lstm); }},
          {"gru", [](GraphBuilder& g) { recurrent(g, CellKind::gru); }},
          {"attention", attention},
          {"embedding", embedding}};
}

void run(const Case& chosen, int runs) {
  Graph graph;
  GraphBuilder g(graph);
  chosen.build(g);
  Runner runner(std::make_shared<const Program>(graph, cpu_backend(), ProgramOptions{}), {1, 1});
  const TensorType& type = graph.values[static_cast<std::size_t>(graph.inputs[0])].type;
  Tensor x = weights(type.shape);
  if (type.dtype != DType::float32) {
    x = Tensor(type.dtype, type.shape);
    for (std::int64_t i = 0; i < x.num_elements(); ++i)
      x.mutable_data<std::int32_t>()[i] = static_cast<std::int32_t>(i * 37 % 1000);
  }
  std::vector<Tensor> outputs;
  const std::vector<Tensor> inputs = {x};
  const auto one_run = [&] { runner.run(inputs, outputs); };
  for (int i = 0; i < kWarmUpRuns; ++i) one_run();
  auto* volatile counted = thaw_counted_runs;  // volatile: neither inlined nor cloned
  counted(one_run, runs);
}

int main(int argc, char** argv) {
  if (argc == 1) {
    for (const Case& each : cases()) fmt::print("{}\n", each.name);
    return 0;
  }
  const std::string name = argv[1], target = argc > 3 ? argv[3] : "";
  const std::vector<std::string> usable = cpu::vector_targets();
  if (!target.empty() && std::find(usable.begin(), usable.end(), target) == usable.end()) {
    fmt::print(stderr, "this machine cannot run {}\n", target);
    return 2;
  }
  cpu::force_vector_target(target);
  for (const Case& each : cases()) {
    if (name != each.name) continue;
    run(each, argc > 2 ? std::atoi(argv[2]) : 1);
    return 0;
  }
  fmt::print(stderr, "no case {}\n", name);
  return 2;
}

}  // namespace
}  // namespace thaw

int main(int argc, char** argv) { return thaw::main(argc, argv); }
