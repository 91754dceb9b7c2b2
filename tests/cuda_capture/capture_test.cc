// The plugin's own code, as nvcc makes it, over a runtime that writes down what a capture may not
// hold: allocations, waits, copies that act at once, work on other streams.
#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kernels/plugin.h"
#include "runtime/exec/runner.h"
#include "runtime/ir/builder.h"
#include "runtime/ir/infer.h"
#include "tests/cases/cases.h"
#include "tests/fakes/fake_cudart.h"

extern "C" const thaw::CudaPlugin* thaw_cuda_plugin(std::uint32_t interface);

namespace thaw {
namespace {

/// The plugin without NVIDIA's libraries: files that are none stand where they are looked for.
const DeviceBackend& plugin() {
  static const DeviceBackend* const backend = [] {
    const std::filesystem::path folder =
        std::filesystem::path(::testing::TempDir()) / "thaw_no_libraries";
    std::filesystem::create_directories(folder);
    for (const char* name : {"libcublasLt.so.13", "libcudnn.so.9"}) {
      std::ofstream(folder / name) << "no library";
    }
    setenv("THAW_CUDA_PATH", folder.c_str(), 1);
    char why[256] = "";
    const DeviceBackend* opened = thaw_cuda_plugin(kPluginInterface)->open(why, sizeof why);
    EXPECT_NE(opened, nullptr) << why;
    return opened;
  }();
  return *backend;
}

/// A row of the case table: types, constants, memory.
struct Row {
  std::vector<Tensor> operands;
  std::vector<const Tensor*> known;
  std::vector<TensorType> in, out;
  std::vector<std::shared_ptr<std::byte>> memory;
  std::vector<View> from, to;

  Row(const test::OpCase& row, DType dtype) : operands(test::make_operands(row, dtype)) {
    known.assign(operands.size(), nullptr);
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (row.operands[i].constant) known[i] = &operands[i];
    }
    for (const int i : host_operands(row.op)) {
      const auto at = static_cast<std::size_t>(i);
      if (at < known.size()) known[at] = &operands[at];
    }
    std::vector<Operand> typed;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      in.push_back(operands[i].type());
      typed.push_back({operands[i].type(), known[i]});
    }
    out = infer(row.op, typed, row.results, nullptr);
    for (const TensorType& type : in) from.push_back({take(type), &type});
    for (const TensorType& type : out) to.push_back({take(type), &type});
  }
  void* take(const TensorType& type) {
    const auto bytes =
        static_cast<std::size_t>(type.shape.num_elements()) * size_of(type.dtype) + sizeof(Fault);
    memory.push_back(plugin().device().allocate(bytes, MemoryKind::device));
    return memory.back().get();
  }
};

TEST(Capture, NoKernelOfTheCaseTableAllocatesOrWaits) {
  fake::CudaRuntime& runtime = fake::cuda_runtime();
  const auto stream = plugin().device().make_stream();
  int kernels = 0;
  for (const test::OpCase& row : test::op_cases()) {
    for (const DType dtype : row.dtypes) {
      SCOPED_TRACE(fmt::format("row '{}' in {}", row.name, name_of(dtype)));
      Row site(row, dtype);
      const auto kernel = plugin().prepare({row.op, site.in, site.out, site.known, nullptr, 1});
      if (kernel == nullptr) continue;
      ++kernels;
      const auto workspace =
          plugin().device().allocate(kernel->workspace() + sizeof(Fault), MemoryKind::device);
      auto* fault = reinterpret_cast<Fault*>(workspace.get() + kernel->workspace());
      const Args args{site.from, site.to, workspace.get(), nullptr};
      kernel->enqueue(args, {*stream, fault, 0});
      const int before = runtime.captured;
      stream->begin_recording();
      kernel->enqueue(args, {*stream, fault, 0});
      const auto recording = stream->end_recording();
      stream->launch(*recording);
      EXPECT_EQ(runtime.illegal, std::vector<std::string>{}) << kernel->name();
      runtime.illegal.clear();
      const bool empty = site.to.empty() || site.out[0].shape.num_elements() == 0;
      if (!empty) {
        EXPECT_GT(runtime.captured, before) << kernel->name() << " records nothing";
      }
    }
  }
  EXPECT_GT(kernels, 1000);
}

/// A net with most that plans do: look-up, both directions of a layer, products, fused functions,
/// and a node (einsum) that stays on the host, so that there are several segments.
Graph net() {
  Graph graph;
  GraphBuilder g(graph);
  const auto weights = [&](Shape shape) { return g.constant(Tensor(DType::float32, shape)); };
  const ValueId index = g.input("index", {DType::int32, {kUnknownDim, 6}});
  const ValueId x = g.add1(ops::Gather{0, 0}, {weights({9, 8}), index});
  std::vector<ValueId> directions;
  for (const bool backwards : {false, true}) {
    ops::Rnn op;
    op.return_sequences = true;
    op.go_backwards = backwards;
    directions.push_back(g.add(op, {x, weights({8, 64}), weights({16, 64}), weights({64})}, 3)[0]);
  }
  const ValueId both = g.add1(ops::Concat{2}, directions);
  const ValueId turned = g.add1(ops::Einsum{"bij,bkj->bik"}, {both, both});
  const ValueId mean = g.add1(ops::Reduce{ReduceKind::mean},
                              {turned, g.constant(Tensor::from<std::int32_t>({1}, {1}))});
  g.output("y", g.unary({UnaryKind::tanh}, g.matmul(mean, weights({6, 3}))));
  return graph;
}

TEST(Capture, ReplaysOfAPlanDoNothingButLaunchAndWait) {
  fake::CudaRuntime& runtime = fake::cuda_runtime();
  ProgramOptions options;
  options.device = &plugin();
  Runner runner(std::make_shared<const Program>(net(), reference_backend(), options), {1, 4});
  const std::vector<Tensor> inputs = {Tensor(DType::int32, {4, 6})};
  std::vector<Tensor> outputs;
  const int captures = runtime.captures;
  for (int run = 0; run < 2; ++run) runner.run(inputs, outputs);
  EXPECT_GT(runtime.captures, captures) << runner.plan_text();
  runtime.calls.clear();
  for (int run = 0; run < 3; ++run) runner.run(inputs, outputs);
  for (const auto& [name, count] : runtime.calls) {
    const bool replay = name == "cudaGraphLaunch" || name == "cudaStreamSynchronize";
    EXPECT_TRUE(replay) << count << " of " << name;
  }
  EXPECT_EQ(runtime.calls["cudaGraphLaunch"] % 3, 0);
  EXPECT_EQ(runtime.illegal, std::vector<std::string>{});
}

// What is small is a kernel that reads and writes pinned memory, in one launch for all of them.
TEST(Capture, SmallInputsAndOutputsAreCopiedByKernels) {
  fake::CudaRuntime& runtime = fake::cuda_runtime();
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim}}),
                y = g.input("y", {DType::float32, {kUnknownDim}});
  g.output("z", g.binary(BinaryKind::add, x, y));
  ProgramOptions options;
  options.device = &plugin();
  Runner runner(std::make_shared<const Program>(graph, reference_backend(), options), {1, 4});
  for (const std::int64_t count : {16384, 16385}) {
    const std::vector<Tensor> inputs = {Tensor(DType::float32, {count}),
                                        Tensor(DType::float32, {count})};
    std::vector<Tensor> outputs;
    runner.prepare({Shape{count}, Shape{count}});
    runtime.calls.clear();
    for (int run = 0; run < 2; ++run) runner.run(inputs, outputs);  // enqueued, recorded
    const bool small = count * 4 <= 64 * 1024;
    EXPECT_EQ(runtime.calls["cudaMemcpyAsync"], small ? 0 : 2 * 3);
    EXPECT_EQ(runtime.calls["a launch"], 2 * (small ? 3 : 1)) << "inputs, sum, output";
  }
  EXPECT_EQ(runtime.illegal, std::vector<std::string>{});
}

TEST(Capture, EnqueuedRunsRecordAllButTheCopiesAtTheDoor) {
  fake::CudaRuntime& runtime = fake::cuda_runtime();
  Graph graph;
  GraphBuilder g(graph);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim, 4}});
  const ValueId y = g.matmul(x, g.constant(Tensor(DType::float32, {4, 3})));
  g.output("y", g.add1(ops::Softmax{{-1}}, {y}));
  ProgramOptions options;
  options.device = &plugin();
  Runner runner(std::make_shared<const Program>(graph, reference_backend(), options), {1, 4});
  const DeviceTensor input{{DType::float32, {2, 4}},
                           MemoryPlace::gpu,
                           plugin().device().allocate(32, MemoryKind::device)};
  std::vector<DeviceTensor> outputs;
  for (int run = 0; run < 2; ++run) runner.enqueue(std::vector{input}, outputs, nullptr);
  runner.wait();
  runtime.calls.clear();
  for (int run = 0; run < 3; ++run) runner.enqueue(std::vector{input}, outputs, nullptr);
  EXPECT_EQ(runtime.calls["cudaGraphLaunch"], 3);
  EXPECT_EQ(runtime.calls["cudaMemcpyAsync"], 6) << "in and out, within the device";
  EXPECT_EQ(runtime.calls["cudaStreamWaitEvent"], 6) << "behind and before the caller's stream";
  for (const char* name : {"cudaMalloc", "cudaStreamSynchronize", "a launch"}) {
    EXPECT_EQ(runtime.calls[name], 0) << name;
  }
  runner.wait();
  EXPECT_EQ(runtime.calls["cudaStreamSynchronize"], 1);
  EXPECT_EQ(runtime.illegal, std::vector<std::string>{});
}

// What one layer is allowed holds for all that run the same code: less for a smaller one would
// fail the launches of a larger one in another thread or a recording.
TEST(Capture, LayersOfAnySizeAreAllowedAllSharedMemory) {
  fake::CudaRuntime& runtime = fake::cuda_runtime();
  for (const std::int64_t batch : {64, 40}) {
    runtime.shared_allowed = 0;
    const std::vector<TensorType> in = {{DType::float32, {batch, 2, 3}},
                                        {DType::float32, {3, 2048}},
                                        {DType::float32, {512, 2048}},
                                        {DType::float32, {2048}}};
    const std::vector<TensorType> out = {{DType::float32, {batch, 512}},
                                         {DType::float32, {batch, 512}},
                                         {DType::float32, {batch, 512}}};
    const std::vector<const Tensor*> known(in.size(), nullptr);
    ops::Rnn op;
    op.has_bias = true;
    const Op layer = op;
    const auto kernel = plugin().prepare({layer, in, out, known, nullptr, 1});
    ASSERT_NE(kernel, nullptr);
    EXPECT_STREQ(kernel->name(), "cuda rnn, grid");
    EXPECT_EQ(runtime.shared_allowed, runtime.shared_of_block);
  }
}

// The device that the caller's own code uses is the caller's.
TEST(Capture, RunsOnItsDeviceWhateverTheThreadUsesAndLeavesThatAlone) {
  fake::CudaRuntime& runtime = fake::cuda_runtime();
  ProgramOptions options;
  options.device = &plugin();
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  {
    Runner runner(std::make_shared<const Program>(net(), reference_backend(), options), {1, 4});
    const std::vector<Tensor> inputs = {Tensor(DType::int32, {4, 6})};
    std::vector<Tensor> outputs;
    for (int run = 0; run < 3; ++run) runner.run(inputs, outputs);
  }
  int device = 0;
  EXPECT_EQ(cudaGetDevice(&device), cudaSuccess);
  EXPECT_EQ(device, 1);
  EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
  EXPECT_EQ(runtime.illegal, std::vector<std::string>{});
}

}  // namespace
}  // namespace thaw
