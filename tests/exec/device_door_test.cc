// Runs on memory of the device: enqueued behind the caller's stream, without a copy on the host.
#include "runtime/exec/choice.h"
#include "tests/exec/device_test_util.h"

namespace thaw::testing {
namespace {

DeviceTensor on_device(const FakeBackend& backend, const Tensor& tensor,
                       MemoryKind kind = MemoryKind::device) {
  DeviceTensor made{tensor.type(), MemoryPlace::gpu, nullptr};
  made.data = backend.device().allocate(tensor.size_bytes(), kind);
  const auto stream = backend.device().make_stream();
  stream->copy(made.data.get(), tensor.data(), tensor.size_bytes());
  stream->wait();
  return made;
}
std::vector<DeviceTensor> on_device(const FakeBackend& backend, const std::vector<Tensor>& all) {
  std::vector<DeviceTensor> made;
  for (const Tensor& tensor : all) made.push_back(on_device(backend, tensor));
  return made;
}
Tensor on_host(const FakeBackend& backend, const DeviceTensor& tensor) {
  Tensor made(tensor.type.dtype, tensor.type.shape);
  const auto stream = backend.device().make_stream();
  stream->copy(made.mutable_data(), tensor.data.get(), made.size_bytes());
  stream->wait();
  return made;
}

class DeviceDoor : public ::testing::TestWithParam<unsigned> {};

TEST_P(DeviceDoor, AgreesWithTheReferenceInEveryRun) {
  const Graph graph = random_graph(GetParam(), 3 + static_cast<int>(GetParam() % 40));
  const FakeBackend backend(some_ops(GetParam()));
  {
    Runner runner(on(backend, graph), {1, 4});
    std::vector<DeviceTensor> outputs;
    std::vector<Tensor> host_outputs;
    const auto run_once = [&](const std::vector<Tensor>& inputs, bool into_new) {
      if (into_new) outputs.clear();
      const std::vector<DeviceTensor> given = on_device(backend, inputs);
      runner.enqueue(given, outputs, nullptr);
      runner.wait();
      std::vector<Tensor> results;
      for (const DeviceTensor& output : outputs) results.push_back(on_host(backend, output));
      // Both doors of one session, in turn.
      runner.run(inputs, host_outputs);
      for (std::size_t i = 0; i < results.size(); ++i) {
        EXPECT_TRUE(identical(results[i], host_outputs[i])) << "output " << i;
      }
      return results;
    };
    expect_reference_in_every_run(graph, GetParam(), runner, run_once);
  }
  EXPECT_EQ(backend.device().counts().alive, 0);
}

INSTANTIATE_TEST_SUITE_P(Random, DeviceDoor, ::testing::Range(0U, 24U));

// Nothing runs before somebody waits: so an enqueued run has computed nothing yet.
TEST(Enqueued, RunsBehindTheCallersStreamAndBeforeWhatComesLater) {
  const FakeBackend backend;
  const Graph graph = mlp();
  Runner runner(on(backend, graph), {1, 4});
  const Tensor first = random_floats({2, 4}, 7), second = random_floats({2, 4}, 8);
  std::vector<DeviceTensor> outputs, inputs = {on_device(backend, first)};
  for (int run = 0; run < 3; ++run) {  // enqueued, recorded, replayed
    const auto stream = backend.device().make_stream();
    stream->copy(inputs[0].data.get(), second.data(), second.size_bytes());
    runner.enqueue(inputs, outputs, stream.get());
    Tensor seen(outputs[0].type.dtype, outputs[0].type.shape);
    stream->copy(seen.mutable_data(), outputs[0].data.get(), seen.size_bytes());
    // Only the caller's stream is waited for.
    stream->wait();
    EXPECT_TRUE(identical(seen, evaluate_graph(graph, {second})[0])) << run;
    runner.wait();
  }
  EXPECT_EQ(backend.device().counts().recordings, 1);
  EXPECT_EQ(backend.device().counts().launches, 2);
}

TEST(Enqueued, SeveralRunsInFlightFollowEachOther) {
  const FakeBackend backend;
  const Graph graph = mlp();
  Runner runner(on(backend, graph), {1, 4});
  std::vector<std::vector<DeviceTensor>> inputs, outputs(6);
  std::vector<Tensor> given;
  for (unsigned run = 0; run < 6; ++run) {
    given.push_back(random_floats({run < 3 ? 2 : 5, 4}, run));
    inputs.push_back({on_device(backend, given.back())});
  }
  for (std::size_t run = 0; run < 6; ++run) runner.enqueue(inputs[run], outputs[run], nullptr);
  runner.wait();
  runner.wait();  // nothing is left
  for (std::size_t run = 0; run < 6; ++run) {
    EXPECT_TRUE(
        identical(on_host(backend, outputs[run][0]), evaluate_graph(graph, {given[run]})[0]))
        << run;
  }
}

TEST(Enqueued, CopiesNothingToTheHost) {
  const FakeBackend backend;
  Runner runner(on(backend, mlp()), {1, 4});
  const std::vector<DeviceTensor> inputs = {on_device(backend, random_floats({2, 4}, 7))};
  std::vector<DeviceTensor> outputs;
  runner.enqueue(inputs, outputs, nullptr);
  runner.wait();
  const int uploads = backend.device().counts().uploads;
  const int allocations = backend.device().counts().device_allocations;
  const void* address = outputs[0].data.get();
  for (int run = 0; run < 4; ++run) runner.enqueue(inputs, outputs, nullptr);
  runner.wait();
  EXPECT_EQ(backend.device().counts().uploads, uploads);
  EXPECT_EQ(backend.device().counts().device_allocations, allocations);
  EXPECT_EQ(outputs[0].data.get(), address);
}

TEST(Enqueued, OutputsMayBeInputsOrPinnedMemory) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {3}}), y = g.input("y", {DType::float32, {3}});
  g.output("sum", g.binary(BinaryKind::add, x, y));
  g.output("difference", g.binary(BinaryKind::sub, x, y));
  g.output("same", x);
  const FakeBackend backend;
  Runner runner(on(backend, graph), {1, 4});
  const std::vector<DeviceTensor> inputs = {
      on_device(backend, floats({3}, {10, 20, 30})),
      on_device(backend, floats({3}, {1, 2, 3}), MemoryKind::pinned)};
  std::vector<DeviceTensor> outputs = {inputs[1], inputs[0], {}};
  runner.enqueue(inputs, outputs, nullptr);
  runner.wait();
  EXPECT_EQ(outputs[0].data, inputs[1].data);
  EXPECT_EQ(to_vector(on_host(backend, outputs[0])), (std::vector<float>{11, 22, 33}));
  EXPECT_EQ(to_vector(on_host(backend, outputs[1])), (std::vector<float>{9, 18, 27}));
  EXPECT_EQ(to_vector(on_host(backend, outputs[2])), (std::vector<float>{10, 20, 30}));
}

TEST(Enqueued, AFaultIsThrownByTheNextWaitOnce) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId index = g.input("index", {DType::int32, {kUnknownDim}});
  g.set_scope("look-up");
  g.output("y", g.add1(ops::Gather{0, 0}, {g.constant(random_floats({4, 3}, 1)), index}));
  const FakeBackend backend;
  Runner runner(on(backend, graph), {1, 4});
  const std::vector<DeviceTensor> good = {on_device(backend, Tensor::from<std::int32_t>({1}, {3}))},
                                  bad = {on_device(backend, Tensor::from<std::int32_t>({1}, {4}))};
  std::vector<DeviceTensor> outputs;
  std::vector<Tensor> host;
  for (int run = 0; run < 3; ++run) {
    runner.enqueue(bad, outputs, nullptr);
    runner.enqueue(good, outputs, nullptr);  // does not hide it
    ErrorCode code{};
    EXPECT_EQ(error_of([&] { runner.wait(); }, &code),
              "node 'look-up' (gather): indices[1] = 2 is not in [0, 3)");
    EXPECT_EQ(code, ErrorCode::invalid_argument);
    EXPECT_EQ(error_of([&] { runner.wait(); }), "");
    runner.enqueue(bad, outputs, nullptr);
    EXPECT_NE(
        error_of([&] { runner.run(std::vector{Tensor::from<std::int32_t>({1}, {0})}, host); }), "");
    EXPECT_EQ(
        error_of([&] { runner.run(std::vector{Tensor::from<std::int32_t>({1}, {0})}, host); }), "");
  }
}

TEST(Enqueued, RefusesByNameWhatItCannotRun) {
  const FakeBackend backend;
  const auto program = on(backend, mlp());
  Runner runner(program, {1, 4});
  std::vector<DeviceTensor> outputs;
  const auto refused = [&](Runner& by, const std::vector<DeviceTensor>& inputs) {
    ErrorCode code{};
    const std::string message = error_of([&] { by.enqueue(inputs, outputs, nullptr); }, &code);
    EXPECT_FALSE(message.empty());
    return std::pair(code, message);
  };
  using Answer = std::pair<ErrorCode, std::string>;
  const std::string name = program->inputs()[0].name;
  EXPECT_EQ(refused(runner, {}).first, ErrorCode::invalid_argument);
  EXPECT_EQ(refused(runner, {DeviceTensor{}}),
            Answer(ErrorCode::invalid_argument,
                   "input '" + name + "': expected float32[?, 4], got nothing"));
  Tensor host = random_floats({2, 4}, 1);
  const DeviceTensor ordinary{host.type(), MemoryPlace::gpu,
                              std::shared_ptr<void>(host.mutable_data(), [](void*) {})};
  EXPECT_EQ(refused(runner, {ordinary}),
            Answer(ErrorCode::invalid_argument,
                   "input '" + name + "': float32[2, 4] is not in memory that the GPU reaches"));
  EXPECT_EQ(refused(runner, {on_device(backend, random_floats({2, 5}, 1))}).first,
            ErrorCode::invalid_argument);
  outputs = {ordinary};
  outputs[0].type.shape = {2, program->outputs()[0].type.shape[1]};
  const auto bad_output = refused(runner, {on_device(backend, host)});
  EXPECT_EQ(bad_output.first, ErrorCode::invalid_argument);
  EXPECT_NE(bad_output.second.find("output '"), std::string::npos) << bad_output.second;

  Runner on_cpu(program_of(mlp()), {1, 4});
  EXPECT_EQ(refused(on_cpu, {on_device(backend, host)}),
            Answer(ErrorCode::failed_precondition,
                   "enqueue: this session runs on the CPU; SessionOptions::device chooses cuda"));
}

TEST(Enqueued, RefusesStringsByName) {
  const FakeBackend backend;
  Graph outputs_strings, inputs_strings;
  GraphBuilder g(outputs_strings), h(inputs_strings);
  g.input("x", {DType::float32, {2}});
  g.output("same", g.constant(Tensor(DType::string, {2})));
  h.input("text", {DType::string, {2}});
  h.output("y", h.constant(floats({1}, {3})));
  const DeviceTensor number = on_device(backend, floats({2}, {1, 2}));
  DeviceTensor text = number;  // as if those bytes were strings
  text.type = {DType::string, {2}};
  for (const auto& [graph, input, name] : {std::tuple(outputs_strings, number, "output 'same'"),
                                           std::tuple(inputs_strings, text, "input 'text'")}) {
    Runner runner(on(backend, graph), {1, 4});
    std::vector<DeviceTensor> outputs;
    ErrorCode code{};
    EXPECT_EQ(
        error_of([&, &given = input] { runner.enqueue(std::vector{given}, outputs, nullptr); },
                 &code),
        std::string("enqueue: ") + name +
            " is of strings, which no device's memory holds; run() takes them");
    EXPECT_EQ(code, ErrorCode::unimplemented);
  }
}

// The positions of what is positive: their number depends on the elements.
Graph positives() {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim}});
  graph.variables.push_back({"runs", scalar(0)});
  const ValueId runs =
      g.binary(BinaryKind::add, g.add1(ops::VariableRead{0}, {}), g.constant(scalar(1)));
  g.add(ops::VariableAssign{0}, {runs}, 0);
  g.output("where",
           g.add1(ops::Where{}, {g.binary(BinaryKind::greater, x, g.constant(floats({}, {0})))}));
  g.output("runs", runs);
  return graph;
}

TEST(Enqueued, WhatIsInterpretedIsThereWhenTheCallReturns) {
  const FakeBackend backend;
  {
    Runner runner(on(backend, positives()), {1, 4});
    std::vector<DeviceTensor> outputs;
    const auto positions = [&] {
      const Tensor found = on_host(backend, outputs[0]);
      return std::vector<std::int64_t>(found.data<std::int64_t>(),
                                       found.data<std::int64_t>() + found.num_elements());
    };
    const std::vector<DeviceTensor> inputs = {on_device(backend, floats({4}, {-1, -1, -1, -1}))};
    const Tensor elements = floats({4}, {5, -1, 0, 2}), others = floats({4}, {-5, 1, 0, -2});
    const auto stream = backend.device().make_stream();
    // It follows the caller's stream, whose copies have not run yet.
    stream->copy(inputs[0].data.get(), elements.data(), elements.size_bytes());
    runner.enqueue(inputs, outputs, stream.get());
    EXPECT_FALSE(runner.stats().planned);
    EXPECT_EQ(outputs[0].type, (TensorType{DType::int64, {2, 1}}));
    EXPECT_EQ(positions(), (std::vector<std::int64_t>{0, 3}));
    // Outputs of the right type are overwritten, others made anew; both runs are counted.
    const void* const counter = outputs[1].data.get();
    stream->copy(inputs[0].data.get(), others.data(), others.size_bytes());
    runner.enqueue(inputs, outputs, stream.get());
    EXPECT_EQ(outputs[0].type, (TensorType{DType::int64, {1, 1}}));
    EXPECT_EQ(positions(), (std::vector<std::int64_t>{1}));
    EXPECT_EQ(outputs[1].data.get(), counter);
    EXPECT_EQ(*on_host(backend, outputs[1]).data<std::int32_t>(), 2);
    // Nothing is found, and nothing is given.
    runner.enqueue(std::vector{on_device(backend, floats({1}, {-1}))}, outputs, nullptr);
    EXPECT_EQ(outputs[0].type, (TensorType{DType::int64, {0, 1}}));
    runner.enqueue(std::vector{on_device(backend, floats({0}, {}))}, outputs, nullptr);
    EXPECT_EQ(outputs[0].type, (TensorType{DType::int64, {0, 1}}));
    EXPECT_EQ(*on_host(backend, outputs[1]).data<std::int32_t>(), 4);
    runner.wait();
    // The other door of the same session.
    std::vector<Tensor> host;
    runner.run(std::vector{floats({2}, {1, 1})}, host);
    EXPECT_EQ(*host[1].data<std::int32_t>(), 5);
  }
  EXPECT_EQ(backend.device().counts().alive, 0);
}

TEST(Enqueued, WhatIsInterpretedTellsItsErrorsAtOnce) {
  FakeBackend backend;
  Runner runner(on(backend, positives()), {1, 4});
  const std::vector<DeviceTensor> inputs = {on_device(backend, floats({2}, {1, 2}))};
  Tensor ordinary(DType::int64, {2, 1});
  std::vector<DeviceTensor> outputs = {
      {ordinary.type(), MemoryPlace::gpu, {ordinary.mutable_data(), [](void*) {}}}};
  ErrorCode code{};
  EXPECT_EQ(error_of([&] { runner.enqueue(inputs, outputs, nullptr); }, &code),
            "output 'where': it is not in memory that the GPU reaches");
  EXPECT_EQ(code, ErrorCode::invalid_argument);
  outputs.clear();
  backend.device().fail_after(0);
  error_of([&] { runner.enqueue(inputs, outputs, nullptr); }, &code);
  EXPECT_EQ(code, ErrorCode::device);
}

TEST(Enqueued, StateAdvancesWithEachRun) {
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {2}});
  graph.variables.push_back({"total", floats({2}, {1, 2})});
  const ValueId sum = g.binary(BinaryKind::add, g.add1(ops::VariableRead{0}, {}), x);
  g.add(ops::VariableAssign{0}, {sum}, 0);
  g.output("sum", sum);
  const FakeBackend backend;
  Runner runner(on(backend, graph), {1, 4});
  const std::vector<DeviceTensor> inputs = {on_device(backend, floats({2}, {10, 20}))};
  std::vector<DeviceTensor> outputs;
  for (int run = 0; run < 4; ++run) runner.enqueue(inputs, outputs, nullptr);
  runner.wait();
  EXPECT_EQ(to_vector(on_host(backend, outputs[0])), (std::vector<float>{41, 82}));
  Choice stateful(program_of(graph), on(backend, graph), {1, 4});
  ErrorCode code{};
  error_of([&] { stateful.device_runner(); }, &code);
  EXPECT_EQ(code, ErrorCode::failed_precondition);
  Choice stateless(program_of(mlp()), on(backend, mlp()), {1, 4});
  std::vector<DeviceTensor> scores;
  const std::vector<DeviceTensor> held = {on_device(backend, random_floats({2, 4}, 7))};
  stateless.device_runner().enqueue(held, scores, nullptr);
  stateless.wait();
  EXPECT_TRUE(
      identical(on_host(backend, scores[0]), evaluate_graph(mlp(), {random_floats({2, 4}, 7)})[0]));
}

}  // namespace
}  // namespace thaw::testing
