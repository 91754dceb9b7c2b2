// The CPU kernels of the hot ops, next to oneDNN where it has the same op. Compare rows of one run
// only: figures of a shared machine mean nothing alone. Rows end in the number of threads.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <random>
#include <string>

#include "kernels/backend.h"
#include "kernels/cpu/kernels.h"
#include "runtime/base/memory.h"
#include "runtime/ir/infer.h"

namespace thaw {
namespace {

using Prepare = std::unique_ptr<Kernel> (*)(const Site&);

struct Peer {
  const char* who;
  Prepare prepare;
};

Tensor random_tensor(Shape shape, float scale = 1) {
  static std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-scale, scale);
  Tensor tensor(DType::float32, std::move(shape));
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i)
    tensor.mutable_data<float>()[i] = uniform(random);
  return tensor;
}

/// Operand 0 varies, the others are constants.
void run_op(benchmark::State& state, const Op& op, const std::vector<Tensor>& in, int outputs,
            int threads, Prepare prepare) {
  std::vector<const Tensor*> constants(in.size(), nullptr);
  std::vector<TensorType> in_types;
  std::vector<Operand> operands;
  std::vector<View> in_views, out_views;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (i > 0) constants[i] = &in[i];
    in_types.push_back(in[i].type());
    operands.push_back({in[i].type(), constants[i]});
  }
  const std::vector<TensorType> out_types = infer(op, operands, outputs, nullptr);
  std::vector<Tensor> results;
  for (const TensorType& type : out_types) results.emplace_back(type.dtype, type.shape);
  for (std::size_t i = 0; i < in.size(); ++i)
    in_views.push_back({const_cast<void*>(in[i].data()), &in_types[i]});
  for (std::size_t i = 0; i < results.size(); ++i)
    out_views.push_back({results[i].mutable_data(), &out_types[i]});
  const Site site{op, in_types, out_types, constants, nullptr, threads};
  const std::unique_ptr<Kernel> kernel = prepare(site);
  if (!kernel) {
    state.SkipWithError("no kernel");
    return;
  }
  const AlignedBytes workspace = allocate_aligned(kernel->workspace() + 1);
  ThreadPool pool(threads);
  const Args args{in_views, out_views, workspace.get(), &pool};
  for (auto _ : state) kernel->run(args);
}

void rnn(benchmark::State& state, CellKind cell, std::int64_t units, std::int64_t batch,
         int threads) {
  const std::int64_t inputs = 128, steps = 100, gates = cell == CellKind::lstm ? 4 : 3;
  ops::Rnn op;
  op.cell = cell;
  const bool gru = cell == CellKind::gru;
  run_op(state, op,
         {random_tensor({batch, steps, inputs}), random_tensor({inputs, gates * units}, 0.1f),
          random_tensor({units, gates * units}, 0.1f),
          random_tensor(gru ? Shape{2, gates * units} : Shape{gates * units})},
         gru ? 2 : 3, threads, cpu::prepare_rnn);
}

dnnl::memory filled(const dnnl::memory::desc& desc, const dnnl::engine& engine) {
  dnnl::memory m(desc, engine);
  const Tensor values =
      random_tensor({static_cast<std::int64_t>(desc.get_size() / sizeof(float))}, 0.1f);
  std::copy_n(values.data<float>(), values.num_elements(),
              static_cast<float*>(m.get_data_handle()));
  return m;
}

void onednn_lstm(benchmark::State& state, std::int64_t units, std::int64_t batch) {
  using dnnl::memory;
  using Tag = memory::format_tag;
  const auto f32 = memory::data_type::f32;
  const std::int64_t inputs = 128, steps = 100;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const memory::desc x({steps, batch, inputs}, f32, Tag::tnc),
      y({steps, batch, units}, f32, Tag::tnc);
  const memory::desc h({1, 1, batch, units}, f32, Tag::ldnc), b({1, 1, 4, units}, f32, Tag::ldgo);
  const memory::desc w({1, 1, inputs, 4, units}, f32, Tag::any),
      u({1, 1, units, 4, units}, f32, Tag::any);
  const dnnl::lstm_forward::desc description(dnnl::prop_kind::forward_inference,
                                             dnnl::rnn_direction::unidirectional_left2right, x, h,
                                             h, w, u, b, y, h, h);
  const dnnl::lstm_forward::primitive_desc pd(description, engine);
  const dnnl::lstm_forward lstm(pd);
  const std::unordered_map<int, memory> args = {
      {DNNL_ARG_SRC_LAYER, filled(x, engine)},
      {DNNL_ARG_SRC_ITER, filled(h, engine)},
      {DNNL_ARG_SRC_ITER_C, filled(h, engine)},
      {DNNL_ARG_WEIGHTS_LAYER, filled(pd.weights_layer_desc(), engine)},
      {DNNL_ARG_WEIGHTS_ITER, filled(pd.weights_iter_desc(), engine)},
      {DNNL_ARG_BIAS, filled(b, engine)},
      {DNNL_ARG_DST_LAYER, filled(y, engine)},
      {DNNL_ARG_DST_ITER, filled(h, engine)},
      {DNNL_ARG_DST_ITER_C, filled(h, engine)},
      {DNNL_ARG_WORKSPACE, memory(pd.workspace_desc(), engine)}};
  for (auto _ : state) lstm.execute(stream, args);
}

void dense(benchmark::State& state, std::int64_t m, std::int64_t k, std::int64_t n, int threads) {
  ops::MatMul op;
  op.activation.kind = UnaryKind::relu;
  run_op(state, op, {random_tensor({m, k}), random_tensor({k, n}), random_tensor({n})}, 1, threads,
         cpu::prepare_matmul);
}

void onednn_dense(benchmark::State& state, std::int64_t m, std::int64_t k, std::int64_t n) {
  using dnnl::memory;
  using Tag = memory::format_tag;
  const auto f32 = memory::data_type::f32;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  dnnl::post_ops post;
  post.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
  dnnl::primitive_attr attr;
  attr.set_post_ops(post);
  const memory::desc x({m, k}, f32, Tag::ab), b({1, n}, f32, Tag::ab), y({m, n}, f32, Tag::ab);
  const dnnl::matmul::primitive_desc pd(
      dnnl::matmul::desc(x, memory::desc({k, n}, f32, Tag::any), b, y), attr, engine);
  const dnnl::matmul matmul(pd);
  const std::unordered_map<int, memory> args = {
      {DNNL_ARG_SRC, filled(x, engine)},
      {DNNL_ARG_WEIGHTS, filled(pd.weights_desc(), engine)},
      {DNNL_ARG_BIAS, filled(b, engine)},
      {DNNL_ARG_DST, filled(y, engine)}};
  for (auto _ : state) matmul.execute(stream, args);
}

struct ConvSize {
  const char* name;
  std::int64_t batch, size, inputs, outputs, window, stride;
};

void convolution(benchmark::State& state, const ConvSize& s, bool depthwise, int threads,
                 Prepare prepare) {
  ops::Conv op;
  op.strides = {s.stride, s.stride};
  op.dilations = {1, 1};
  op.padding.kind = PaddingKind::same;
  op.groups = depthwise ? s.inputs : 1;
  op.activation.kind = UnaryKind::relu;
  run_op(state, op,
         {random_tensor({s.batch, s.size, s.size, s.inputs}),
          random_tensor({s.window, s.window, depthwise ? 1 : s.inputs, s.outputs}),
          random_tensor({s.outputs})},
         1, threads, prepare);
}

std::string name_of(const std::string& what, const char* who, int threads) {
  return what + "/" + who + "/" + std::to_string(threads);
}

void register_all() {
  for (const int threads : {1, 2}) {
    for (const auto& [units, batch] : {std::pair{64, 1}, {128, 1}, {512, 1}, {128, 32}}) {
      const std::string size = std::to_string(units) + "_b" + std::to_string(batch);
      for (const CellKind cell : {CellKind::lstm, CellKind::gru}) {
        const std::string kind = cell == CellKind::lstm ? "lstm" : "gru";
        benchmark::RegisterBenchmark(
            name_of(kind + size, "thaw", threads).c_str(),
            [=](benchmark::State& s) { rnn(s, cell, units, batch, threads); });
      }
      if (threads == 1) {  // OMP_NUM_THREADS sets oneDNN's own
        benchmark::RegisterBenchmark(name_of("lstm" + size, "onednn", 1).c_str(),
                                     [=](benchmark::State& s) { onednn_lstm(s, units, batch); });
      }
    }
    for (const auto& [m, k, n] : {std::tuple{1, 784, 128},
                                  {32, 784, 128},
                                  {256, 784, 128},
                                  {1, 1024, 4096},
                                  {128, 768, 768},
                                  {1024, 1024, 1024}}) {
      const std::string size =
          "dense" + std::to_string(m) + "x" + std::to_string(k) + "x" + std::to_string(n);
      benchmark::RegisterBenchmark(
          name_of(size, "thaw", threads).c_str(),
          [=, m = m, k = k, n = n](benchmark::State& s) { dense(s, m, k, n, threads); });
      if (threads == 1) {
        benchmark::RegisterBenchmark(
            name_of(size, "onednn", threads).c_str(),
            [=, m = m, k = k, n = n](benchmark::State& s) { onednn_dense(s, m, k, n); });
      }
    }
    for (const ConvSize& size : {ConvSize{"conv28x28x1x32", 1, 28, 1, 32, 3, 1},
                                 {"conv14x14x32x64", 1, 14, 32, 64, 3, 1},
                                 {"conv56x56x64x64", 1, 56, 64, 64, 3, 1},
                                 {"conv14x14x256x256", 1, 14, 256, 256, 3, 1},
                                 {"conv224x224x3x64s2", 1, 224, 3, 64, 7, 2},
                                 {"conv28x28x128x512p", 1, 28, 128, 512, 1, 1},
                                 {"conv7x7x512x512", 1, 7, 512, 512, 3, 1},
                                 {"conv56x56x64x64b8", 8, 56, 64, 64, 3, 1}}) {
      for (const auto& [who, prepare] :
           {Peer{"thaw", cpu::prepare_conv}, Peer{"onednn", cpu::prepare_conv_onednn}}) {
        // The library gives oneDNN large convolutions only.
        if (prepare == cpu::prepare_conv_onednn &&
            (threads > 1 || size.size * size.size * size.outputs < 50000))
          continue;
        benchmark::RegisterBenchmark(
            name_of(size.name, who, threads).c_str(),
            [=, p = prepare](benchmark::State& s) { convolution(s, size, false, threads, p); });
      }
    }
    for (const ConvSize& size : {ConvSize{"depthwise48x48x96", 1, 48, 96, 96, 3, 1},
                                 {"depthwise14x14x512", 1, 14, 512, 512, 3, 1}}) {
      benchmark::RegisterBenchmark(
          name_of(size.name, "thaw", threads).c_str(), [=](benchmark::State& s) {
            convolution(s, size, true, threads, cpu::prepare_conv_depthwise);
          });
    }
  }
}

}  // namespace
}  // namespace thaw

int main(int argc, char** argv) {
  thaw::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
