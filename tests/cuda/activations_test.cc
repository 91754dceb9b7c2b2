// Whole models with activations in bfloat16 by this room's kernels, against float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "kernels/backend.h"
#include "runtime/exec/runner.h"
#include "runtime/ir/builder.h"
#include "tests/cuda/host_backend.h"

namespace thaw::test {
namespace {

constexpr double kRounding = 0x1p-8;  // of bfloat16, relative

class Weights {
 public:
  explicit Weights(GraphBuilder& g) : g_(g) {}
  /// Normal, so that a product of `in` unit values is about 1.
  ValueId operator()(Shape shape, double in) {
    Tensor values(DType::float32, std::move(shape));
    std::normal_distribution<float> normal(0, static_cast<float>(1 / std::sqrt(in)));
    for (std::int64_t i = 0; i < values.num_elements(); ++i) {
      values.mutable_data<float>()[i] = normal(random_);
    }
    return g_.constant(std::move(values));
  }

 private:
  GraphBuilder& g_;
  std::mt19937 random_{11};
};

constexpr std::int64_t kSteps = 9, kWidth = 32, kHeads = 4;

ValueId attention(GraphBuilder& g, Weights& weights, ValueId x) {
  const auto heads = [&] {
    ValueId y = g.matmul(x, weights({kWidth, kWidth}, kWidth));
    y = g.binary(BinaryKind::add, y, weights({kWidth}, kWidth));
    return g.transpose(g.reshape(y, {GraphBuilder::dim_of(0), kSteps, kHeads, kWidth / kHeads}),
                       {0, 2, 1, 3});
  };
  const ValueId q = heads(), k = heads(), v = heads();
  ops::MatMul by_keys;
  by_keys.transpose_b = true;
  const double scale = 1 / std::sqrt(static_cast<double>(kWidth / kHeads));
  const ValueId scores =
      g.binary(BinaryKind::mul, g.add1(by_keys, {q, k}), g.scalar(scale, DType::float32));
  ValueId y = g.matmul(g.add1(ops::Softmax{{-1}}, {scores}), v);
  y = g.reshape(g.transpose(y, {0, 2, 1, 3}), {GraphBuilder::dim_of(0), kSteps, kWidth});
  return g.matmul(y, weights({kWidth, kWidth}, kWidth));
}

ValueId normalized(GraphBuilder& g, Weights& weights, ValueId x) {
  ops::Normalize op;
  op.axes = {-1};
  op.has_scale = op.has_offset = true;
  return g.add1(op, {x, weights({kWidth}, 1), weights({kWidth}, kWidth)});
}

Graph encoder(int layers) {
  Graph graph;
  GraphBuilder g(graph);
  Weights weights(g);
  ValueId x = g.input("x", {DType::float32, {kUnknownDim, kSteps, kWidth}});
  for (int i = 0; i < layers; ++i) {
    x = g.binary(BinaryKind::add, x, attention(g, weights, normalized(g, weights, x)));
    ValueId y = g.matmul(normalized(g, weights, x), weights({kWidth, 64}, kWidth));
    y = g.unary({UnaryKind::gelu}, g.binary(BinaryKind::add, y, weights({64}, 64)));
    x = g.binary(BinaryKind::add, x, g.matmul(y, weights({64, kWidth}, 64)));
  }
  const ValueId mean = g.reduce(ReduceKind::mean, normalized(g, weights, x), {1}, false);
  g.output("y", g.add1(ops::MatMul{}, {mean, weights({kWidth, 10}, kWidth), weights({10}, 10)}));
  return graph;
}

Graph small_cnn() {
  Graph graph;
  GraphBuilder g(graph);
  Weights weights(g);
  const ValueId x = g.input("x", {DType::float32, {kUnknownDim, 16, 16, 3}});
  ops::Conv conv;
  conv.strides = conv.dilations = {1, 1};
  conv.padding.kind = PaddingKind::same;
  conv.activation = {UnaryKind::relu};
  ops::Conv depthwise = conv;
  depthwise.groups = 16;
  ops::Conv plain = conv;
  plain.activation = {};
  const ValueId a = g.add1(conv, {x, weights({3, 3, 3, 16}, 27), weights({16}, 16)});
  ValueId y = g.add1(depthwise, {a, weights({3, 3, 1, 16}, 9), weights({16}, 16)});
  y = g.add1(plain, {y, weights({1, 1, 16, 16}, 16)});
  y = g.unary({UnaryKind::silu}, g.binary(BinaryKind::add, y, a));  // residual
  y = g.add1(ops::Pool{PoolKind::max, {2, 2}, {2, 2}, {}}, {y});
  y = g.add1(conv, {y, weights({3, 3, 16, 24}, 144)});
  y = g.reduce(ReduceKind::mean, y, {1, 2}, false);
  y = g.add1(ops::MatMul{}, {y, weights({24, 10}, 24), weights({10}, 10)});
  g.output("y", g.add1(ops::Softmax{{-1}}, {y}));
  return graph;
}

struct Outcome {
  Tensor y;
  std::string plan;
};

Outcome run(const Graph& graph, const DeviceBackend* device, Precision precision,
            const Tensor& input) {
  ProgramOptions options;
  options.device = device;
  options.precision = precision;
  options.optimize = true;
  Runner runner(std::make_shared<const Program>(graph, reference_backend(), options), {1, 4});
  std::vector<Tensor> outputs;
  runner.run(std::vector<Tensor>{input}, outputs);
  return {outputs[0], runner.plan_text()};
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

/// Of bf16 from float64, norm-wise.
double error_of(const Graph& graph, const Shape& shape, std::size_t casts) {
  const HostCudaBackend device;
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  Tensor input(DType::float32, shape), wide(DType::float64, shape);
  for (std::int64_t i = 0; i < input.num_elements(); ++i) {
    wide.mutable_data<double>()[i] = input.mutable_data<float>()[i] = normal(random);
  }
  const Tensor oracle = run(graph, nullptr, Precision::f64, wide).y;
  const auto distance = [&](const Outcome& outcome) {
    EXPECT_EQ(outcome.y.dtype(), DType::float32);
    double largest = 0, error = 0;
    for (std::int64_t i = 0; i < oracle.num_elements(); ++i) {
      const double expected = oracle.data<double>()[i];
      largest = std::max(largest, std::abs(expected));
      error = std::max(error, std::abs(outcome.y.data<float>()[i] - expected));
    }
    return error / largest;
  };
  const Outcome plain = run(graph, &device, Precision::f32, input);
  EXPECT_LT(distance(plain), 1e-5);
  EXPECT_EQ(count(plain.plan, "bfloat16"), 0u);
  const Outcome narrow = run(graph, &device, Precision::bf16, input);
  EXPECT_EQ(count(narrow.plan, "[cuda cast]"), casts) << narrow.plan;
  return distance(narrow);
}

// A product that reads 16 bits and gives float32, as exact as one of float32.
TEST(CudaActivations, ProductsIntoFloat32) {
  const HostCudaBackend device;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  const auto tensor = [&](const Shape& shape) {
    Tensor made(DType::float32, shape);
    for (std::int64_t i = 0; i < made.num_elements(); ++i) {
      made.mutable_data<float>()[i] = normal(random);
    }
    return made;
  };
  for (const DType dtype : {DType::bfloat16, DType::float16}) {
    for (const std::int64_t rows : {1, 5}) {
      for (const bool transposed : {false, true}) {
        const Tensor a = evaluate(ops::Cast{dtype}, {tensor({rows, 37})}, 1)[0];
        const Tensor b =
            evaluate(ops::Cast{dtype}, {tensor(transposed ? Shape{19, 37} : Shape{37, 19})}, 1)[0];
        const Tensor bias = tensor({19});
        const ops::MatMul op{false, transposed, {UnaryKind::tanh}};
        Graph graph;
        GraphBuilder g(graph);
        const ValueId x = g.input("a", a.type());
        g.output("y", g.add1(op, {x, g.constant(b), g.constant(bias)}));
        std::vector<Tensor> wide;
        for (const Tensor& operand : {a, b, bias}) {
          wide.push_back(evaluate(ops::Cast{DType::float64}, {operand}, 1)[0]);
        }
        const Tensor expected = evaluate(op, wide, 1)[0];
        for (const DeviceBackend* where : {static_cast<const DeviceBackend*>(&device),
                                           static_cast<const DeviceBackend*>(nullptr)}) {
          const Tensor y = run(graph, where, Precision::f32, a).y;
          ASSERT_EQ(y.type(), (TensorType{DType::float32, {rows, 19}}));
          for (std::int64_t i = 0; i < y.num_elements(); ++i) {
            EXPECT_NEAR(y.data<float>()[i], expected.data<double>()[i], 2e-6);
          }
        }
      }
    }
  }
}

// Per layer rounded one after another: the normalized values, q and k and v, the attention, its
// projection, the sum; the normalized values, the hidden ones, their function, the projection, the
// sum. Each at most kRounding of what it rounds; errors that know nothing of each other add up as
// the root of their number.
TEST(CudaActivations, Encoder) {
  for (const int layers : {1, 3}) {
    const double error = error_of(encoder(layers), {2, kSteps, kWidth}, 2);
    EXPECT_LT(error, std::sqrt(10 * layers) * kRounding) << layers;
    EXPECT_GT(error, kRounding / 16) << layers;
  }
}

// Pixels, three convolutions, sum, function, the last convolution, means; weights once each.
TEST(CudaActivations, ConvolutionalNet) {
  const double error = error_of(small_cnn(), {2, 16, 16, 3}, 1);
  EXPECT_LT(error, std::sqrt(8) * kRounding);
  EXPECT_GT(error, kRounding / 256);
}

}  // namespace
}  // namespace thaw::test
