// Layers and modes that no current Keras writes, computed by hand; refusals of foreign code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/loaders/keras/keras_testing.h"
#include "tests/support/evaluate_graph.h"

namespace thaw::testing {
namespace {

using ::testing::HasSubstr;

using Arrays = std::vector<std::pair<std::string, Shape>>;

std::string model_of(const std::string& class_name, const std::string& shape,
                     const std::string& config) {
  return functional(
      "{'class_name': 'InputLayer', 'name': 'x', 'inbound_nodes': [], 'config': {'name': 'x', "
      "'batch_input_shape': " +
          shape + ", 'dtype': 'float32'}},{'class_name': '" + class_name +
          "', 'name': 'l', 'inbound_nodes': [[['x', 0, 0, {}]]], 'config': {'name': 'l', "
          "'trainable': true" +
          config + "}}",
      "[['x', 0, 0]]", "[['l', 0, 0]]");
}

// The layer's outputs for x. Its arrays hold 0.5, 1, 1.5, ... each.
std::vector<float> run(const std::string& class_name, const std::string& version,
                       const std::string& shape, const std::string& config, const Arrays& weights,
                       const Tensor& x) {
  MemoryH5 file;
  file.lists[""]["layer_names"] = {};
  if (!weights.empty()) file.add_layer("l", weights);
  const Graph graph = import_of(config_of(model_of(class_name, shape, config), version), file);
  const Tensor y = evaluate_graph(graph, {x})[0];
  return {y.data<float>(), y.data<float>() + y.num_elements()};
}

std::string message_of(const std::string& class_name, const std::string& config) {
  MemoryH5 file;
  file.lists[""]["layer_names"] = {};
  try {
    import_of(config_of(model_of(class_name, "[null, 2]", config), "2.15.0"), file);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void expect_near(const std::vector<float>& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-5) << i;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

TEST(Keras1Layers, HighwayCarriesWhatTheGateHoldsBack) {
  // W = [[.5, 1], [1.5, 2]] and b = [.5, 1], for the gate as well.
  const std::vector<float> y =
      run("Highway", "1.2.2", "[null, 2]", ", 'bias': true, 'activation': 'tanh', 'input_dim': 2",
          {{"W", {2, 2}}, {"W_carry", {2, 2}}, {"b", {2}}, {"b_carry", {2}}},
          Tensor::from<float>({1, 2}, {1, -0.5}));
  const double a = 0.5 - 0.75 + 0.5, b = 1 - 1 + 1;
  expect_near(y, {sigmoid(a) * std::tanh(a) + (1 - sigmoid(a)) * 1,
                  sigmoid(b) * std::tanh(b) + (1 - sigmoid(b)) * -0.5});
}

TEST(Keras1Layers, MaxoutDenseTakesTheLargestFeature) {
  // W[0] = [[.5, 1], [1.5, 2]], W[1] = [[2.5, 3], [3.5, 4]]; b = [[.5, 1], [1.5, 2]].
  const std::vector<float> y =
      run("MaxoutDense", "1.2.2", "[null, 2]", ", 'output_dim': 2, 'nb_feature': 2, 'bias': true",
          {{"W", {2, 2, 2}}, {"b", {2, 2}}}, Tensor::from<float>({2, 2}, {1, 1, -1, 0}));
  expect_near(y, {7.5, 9, 0, 0});
}

TEST(Keras1Layers, ParametricSoftplus) {
  const std::vector<float> y =
      run("ParametricSoftplus", "1.2.2", "[null, 2]", ", 'alpha_init': 0.2, 'beta_init': 5.0",
          {{"alphas", {2}}, {"betas", {2}}}, Tensor::from<float>({1, 2}, {2, -3}));
  expect_near(y, {0.5 * std::log1p(std::exp(0.5 * 2)), 1.0 * std::log1p(std::exp(-3.0))});
}

TEST(Keras1Layers, SReluHasThreePieces) {
  // Of the one element of each array: corners at 0.5 and 0.5 + |0.5|, both outer slopes 0.5.
  const std::vector<float> y =
      run("SReLU", "1.2.2", "[null, 3, 1]", ", 'shared_axes': [1]",
          {{"t_left", {1, 1}}, {"a_left", {1, 1}}, {"t_right", {1, 1}}, {"a_right", {1, 1}}},
          Tensor::from<float>({1, 3, 1}, {-1.5, 0.75, 3}));
  expect_near(y, {0.5 + 0.5 * (-1.5 - 0.5), 0.75, 1 + 0.5 * (3 - 1)});
}

TEST(Keras1Layers, BatchNormalizationByVectorAndByBatch) {
  const Arrays weights = {
      {"gamma", {2}}, {"beta", {2}}, {"running_mean", {2}}, {"running_std", {2}}};
  const Tensor x = Tensor::from<float>({2, 2}, {1, 3, 5, 11});
  // Mode 1: each row by its own mean and deviation, epsilon under the root and beside it.
  const double small = std::sqrt(1.25) + 0.25, large = std::sqrt(9.25) + 0.25;
  expect_near(
      run("BatchNormalization", "1.2.2", "[null, 2]", ", 'mode': 1, 'epsilon': 0.25", weights, x),
      {0.5 * -1 / small + 0.5, 1 / small + 1, 0.5 * -3 / large + 0.5, 3 / large + 1});
  // Mode 2: each column by the batch.
  const double first = std::sqrt(4.25), second = std::sqrt(16.25);
  expect_near(run("BatchNormalization", "1.2.2", "[null, 2]",
                  ", 'mode': 2, 'epsilon': 0.25, 'axis': -1", weights, x),
              {0.5 * -2 / first + 0.5, -4 / second + 1, 0.5 * 2 / first + 0.5, 4 / second + 1});
}

TEST(Keras1Layers, LocallyConnectedUnderItsOldArguments) {
  // Places 0 and 1, each with kernel rows (step, channel): [[.5], [1]] and [[1.5], [2]].
  const std::vector<float> y =
      run("LocallyConnected1D", "1.2.2", "[null, 3, 1]",
          ", 'nb_filter': 1, 'filter_length': 2, 'subsample_length': 1, 'border_mode': 'valid', "
          "'bias': true, 'activation': 'linear'",
          {{"W", {2, 2, 1}}, {"b", {2, 1}}}, Tensor::from<float>({1, 3, 1}, {1, 2, 3}));
  expect_near(y, {0.5 + 2 + 0.5, 3 + 6 + 1});
}

// Two branches inside the Merge of a Sequential model, whose layers are stored under their own
// names.
TEST(Keras1Layers, SequentialBeginsWithMerge) {
  const auto dense = [](const std::string& name, const std::string& more) {
    return "{'class_name': 'Dense', 'config': {'name': '" + name +
           "', 'output_dim': 2, 'bias': false, 'activation': 'linear', 'trainable': true" + more +
           "}}";
  };
  const auto chain = [](const std::string& layers) {
    return "{'class_name': 'Sequential', 'config': [" + layers + "]}";
  };
  const std::string shape = ", 'batch_input_shape': [null, 2], 'input_dim': 2";
  const std::string json = chain(
      "{'class_name': 'Merge', 'config': {'name': 'm', 'mode': 'mul', 'mode_type': 'raw', "
      "'concat_axis': -1, 'dot_axes': -1, 'layers': [" +
      chain(dense("a", shape)) + "," + chain(dense("b", shape)) + "]}}," + dense("c", ""));
  MemoryH5 file;
  file.add_layer("a", {{"a_W", {2, 2}}});
  file.add_layer("b", {{"b_W", {2, 2}}});
  file.add_layer("m", {});
  file.add_layer("c", {{"c_W", {2, 2}}});
  const Graph graph = import_of(config_of(json, "1.2.2"), file);
  const Tensor y = evaluate_graph(
      graph, {Tensor::from<float>({1, 2}, {1, 0}), Tensor::from<float>({1, 2}, {0, 1})})[0];
  // a gives [.5, 1], b [1.5, 2]; their product is [.75, 2].
  expect_near({y.data<float>(), y.data<float>() + 2}, {0.75 * 0.5 + 2 * 1.5, 0.75 * 1 + 2 * 2});
}

TEST(TfKerasLayers, GhostBatchesUseTheMovingStatistics) {
  const Arrays weights = {{"gamma", {1, 1, 2}},
                          {"beta", {1, 1, 2}},
                          {"moving_mean", {1, 1, 2}},
                          {"moving_variance", {1, 1, 2}}};
  const std::vector<float> y = run("BatchNormalization", "2.15.0", "[null, 2]",
                                   ", 'axis': [2], 'virtual_batch_size': 2, 'epsilon': 0.5",
                                   weights, Tensor::from<float>({1, 2}, {2, 3}));
  expect_near(y, {0.5 * 1.5 / 1 + 0.5, 2 / std::sqrt(1.5) + 1});
}

TEST(Refusals, ForeignCodeIsNamedWithTheReason) {
  EXPECT_THAT(message_of("JaxLayer", ""), HasSubstr("JaxLayer 'l': holds a JAX function"));
  EXPECT_THAT(message_of("FlaxLayer", ""), HasSubstr("FlaxLayer 'l': holds a JAX function"));
  EXPECT_THAT(message_of("TorchModuleWrapper", ""),
              HasSubstr("TorchModuleWrapper 'l': holds a pickled PyTorch module"));
  EXPECT_THAT(message_of("DynamicLookup", ""),
              HasSubstr("DynamicLookup 'l': saved in a form that tf.keras itself does not load"));
  EXPECT_THAT(message_of("DynamicEmbedding", ""), HasSubstr("export the model as a SavedModel"));
}

TEST(Refusals, MergesByPythonCode) {
  EXPECT_THAT(message_of("Merge", ", 'mode': '4wEAAAA', 'mode_type': 'lambda'"),
              HasSubstr("Merge 'l': mode is Python code"));
}

TEST(Refusals, CellsOfUsers) {
  EXPECT_THAT(message_of("RNN",
                         ", 'cell': {'class_name': 'Custom>MyCell', 'config': {'name': "
                         "'my_cell', 'units': 3}}"),
              HasSubstr("Custom>MyCell"));
}

}  // namespace
}  // namespace thaw::testing
