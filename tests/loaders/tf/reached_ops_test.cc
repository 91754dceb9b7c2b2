// What graphs that spell normalization and simulated quantisation out come to once the passes have
// run: the ops that are left, and the numbers, against float64.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "runtime/passes/passes.h"
#include "tests/loaders/tf/text_graph.h"
#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

using Histogram = std::map<std::string, int>;

const std::string kFloat = attr("T", "type: DT_FLOAT");

// Without inputs and constants.
Histogram ops_left(const Graph& graph) {
  Histogram counts;
  for (const Node& node : graph.nodes) {
    const std::string op = name_of(node.op);
    if (op != "input" && op != "constant") ++counts[op];
  }
  return counts;
}

Graph optimized(const std::string& text) {
  Graph graph = graph_of_text(text);
  run_pipeline(graph, {.optimize = true, .verify_after_each = true});
  return graph;
}

std::string floats(const std::string& name, const std::string& dims,
                   const std::vector<double>& values) {
  std::string text = "tensor_shape { ";
  for (const char c : dims) text += "dim { size: " + std::string(1, c) + " } ";
  text += "} ";
  for (const double value : values) text += "float_val: " + std::to_string(value) + " ";
  return constant(name, "DT_FLOAT", text);
}

const std::vector<double> kScale{1.5, -0.5}, kOffset{0.25, 2}, kMean{0.5, -1}, kVariance{4, 0.25};
const std::vector<double> kFilter{2, -1};
constexpr double kEpsilon = 0.01;

// x [1, 2, 2, 1] -> a 1x1 convolution to two channels -> normalization -> ReLU.
std::string normalised_convolution(const std::string& op, const std::string& more) {
  return placeholder("x", "1 2 2 1") + floats("w", "1112", kFilter) + floats("g", "2", kScale) +
         floats("b", "2", kOffset) + floats("m", "2", kMean) + floats("v", "2", kVariance) +
         node("c", "Conv2D", "x w",
              kFloat + attr("strides", "list { i: 1 i: 1 i: 1 i: 1 }") +
                  attr("padding", "s: \"SAME\"")) +
         node("n", op, "c g b m v",
              kFloat + more + attr("is_training", "b: false") + attr("epsilon", "f: 0.01")) +
         node("y", "Relu", "n", kFloat);
}

TEST(ReachedOps, NormalizationGoesIntoTheConvolution) {
  const std::vector<float> x{1, -2, 3, 0.5};
  const std::string statistics = attr("U", "type: DT_FLOAT");
  const std::pair<const char*, std::string> rows[] = {
      {"FusedBatchNorm", ""}, {"FusedBatchNormV2", statistics}, {"FusedBatchNormV3", statistics}};
  for (const auto& [op, more] : rows) {
    const Graph graph = optimized(normalised_convolution(op, more));
    EXPECT_EQ(ops_left(graph), (Histogram{{"conv", 1}})) << op;
    const Tensor y = run_graph(graph, {Tensor::from(Shape{1, 2, 2, 1}, x)}).at(0);
    ASSERT_EQ(y.shape(), (Shape{1, 2, 2, 2}));
    for (std::size_t i = 0; i < x.size(); ++i) {
      for (std::size_t k = 0; k < 2; ++k) {
        const double normal = (x[i] * kFilter[k] - kMean[k]) / std::sqrt(kVariance[k] + kEpsilon);
        EXPECT_NEAR(y.data<float>()[2 * i + k], std::max(0.0, normal * kScale[k] + kOffset[k]),
                    1e-5)
            << op;
      }
    }
  }
}

// One that stands alone is one product and one sum.
TEST(ReachedOps, NormalizationAloneIsAFactorAndASummand) {
  for (const char* op : {"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"}) {
    const std::string more = std::string(op) == "FusedBatchNorm" ? "" : attr("U", "type: DT_FLOAT");
    const Graph graph = optimized(
        placeholder("x", "1 2 2 2") + floats("g", "2", kScale) + floats("b", "2", kOffset) +
        floats("m", "2", kMean) + floats("v", "2", kVariance) +
        node("n", op, "x g b m v",
             kFloat + more + attr("is_training", "b: false") + attr("epsilon", "f: 0.01")) +
        node("y", "Identity", "n", kFloat));
    EXPECT_EQ(ops_left(graph), (Histogram{{"binary", 2}})) << op;
  }
}

// TensorFlow's rule: the range moves so that zero is a point of its grid.
double fake_quantised(double x, double min, double max) {
  const double step = (max - min) / 255;
  const double zero = std::floor(-min / step + 0.5);
  const double low = -zero * step, high = (255 - zero) * step;
  return std::floor((std::min(std::max(x, low), high) - low) / step + 0.5) * step + low;
}

// Simulated quantisation of weights is computed once; that of activations is one chain of
// elementwise functions, which becomes one node as soon as the shapes are known.
TEST(ReachedOps, FakeQuantOfWeightsIsGone) {
  const std::vector<double> w{0.3, -0.72, 1.9, 0.05, -1.2, 0.4};
  const std::vector<double> low{-1.3, -0.8}, high{2, 0.6};
  const std::string range = attr("num_bits", "i: 8") + attr("narrow_range", "b: false");
  const std::string text = placeholder("x", "2 3") + floats("w", "32", w) +
                           floats("low", "2", low) + floats("high", "2", high) +
                           floats("bias", "2", kOffset) +
                           node("q", "FakeQuantWithMinMaxVarsPerChannel", "w low high", range) +
                           node("p", "MatMul", "x q", kFloat) +
                           node("b", "BiasAdd", "p bias", kFloat) + node("r", "Relu", "b", kFloat);
  const std::vector<float> x{1, -2, 0.5, 3, 0.25, -1};
  Graph graph = optimized(text);
  EXPECT_EQ(ops_left(graph), (Histogram{{"matmul", 1}}));
  const Tensor y = run_graph(graph, {Tensor::from(Shape{2, 3}, x)}).at(0);
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t k = 0; k < 2; ++k) {
      double sum = kOffset[k];
      for (std::size_t j = 0; j < 3; ++j) {
        sum += x[3 * i + j] * fake_quantised(w[2 * j + k], low[k], high[k]);
      }
      EXPECT_NEAR(y.data<float>()[2 * i + k], std::max(0.0, sum), 1e-5);
    }
  }

  const auto activations = [&](const std::string& op, const std::string& inputs,
                               const std::string& more) {
    return placeholder("x", "2 3") + floats("min", "", {-1.5}) + floats("max", "", {2.25}) +
           node("y", op, inputs, range + more);
  };
  const std::string rows[] = {
      activations("FakeQuantWithMinMaxArgs", "x", attr("min", "f: -1.5") + attr("max", "f: 2.25")),
      activations("FakeQuantWithMinMaxVars", "x min max", "")};
  for (const std::string& row : rows) {
    Graph chain = optimized(row);
    for (const auto& [op, count] : ops_left(chain)) {
      EXPECT_TRUE(op == "unary" || op == "binary") << op << row;
    }
    fuse_elementwise(chain, [](const Op&, DType) { return true; });
    EXPECT_EQ(ops_left(chain), (Histogram{{"elementwise", 1}})) << row;
    const Tensor z = run_graph(chain, {Tensor::from(Shape{2, 3}, x)}).at(0);
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(z.data<float>()[i], fake_quantised(x[i], -1.5, 2.25), 1e-5) << row;
    }
  }
}

// Quantise and dequantise: weights are computed once, activations take one call.
TEST(ReachedOps, QuantizeAndDequantizeOfWeightsIsGone) {
  const std::vector<double> w{0.3, -0.72, 1.9, 0.05, -1.2, 0.4};
  const std::string given = kFloat + attr("signed_input", "b: true") + attr("num_bits", "i: 8") +
                            attr("range_given", "b: true");
  const std::string range = floats("low", "", {-2}) + floats("high", "", {2});
  for (const char* op : {"QuantizeAndDequantizeV2", "QuantizeAndDequantizeV4"}) {
    const Graph graph =
        optimized(placeholder("x", "2 3") + floats("w", "32", w) + range +
                  node("a", op, "x low high", given) + node("q", op, "w low high", given) +
                  node("p", "MatMul", "a q", kFloat));
    EXPECT_EQ(ops_left(graph), (Histogram{{"host_call", 1}, {"matmul", 1}})) << op;
    const std::vector<float> x{1, -1.25, 0.5, 1.75, 0.25, -1};
    const Tensor y = run_graph(graph, {Tensor::from(Shape{2, 3}, x)}).at(0);
    const auto rounded = [](double value) { return std::nearbyint(value * 63.5) / 63.5; };
    for (std::size_t i = 0; i < 2; ++i) {
      for (std::size_t k = 0; k < 2; ++k) {
        double sum = 0;
        for (std::size_t j = 0; j < 3; ++j) {
          sum += rounded(x[3 * i + j]) * rounded(w[2 * j + k]);
        }
        EXPECT_NEAR(y.data<float>()[2 * i + k], sum, 1e-5) << op;
      }
    }
  }
}

// The pair that TensorFlow's own quantiser writes around a constant.
TEST(ReachedOps, QuantizeV2AndDequantizeOfWeightsAreGone) {
  const std::string type = attr("T", "type: DT_QUINT8"), mode = attr("mode", "s: \"MIN_FIRST\"");
  const Graph graph = optimized(
      placeholder("x", "1 2") + floats("w", "22", {0.5, -1, 0.25, 1}) + floats("low", "", {-1.2}) +
      floats("high", "", {1}) + node("q", "QuantizeV2", "w low high", type + mode) +
      node("d", "Dequantize", "q q:1 q:2", type + mode) + node("p", "MatMul", "x d", kFloat));
  EXPECT_EQ(ops_left(graph), (Histogram{{"matmul", 1}}));
  const Tensor y = run_graph(graph, {Tensor::from<float>(Shape{1, 2}, {1, 2})}).at(0);
  EXPECT_NEAR(y.data<float>()[0], 1, 2.2 / 255 * 1.5);  // half a step per weight
  EXPECT_NEAR(y.data<float>()[1], 1, 2.2 / 255 * 1.5);
}

}  // namespace
}  // namespace thaw::testing
