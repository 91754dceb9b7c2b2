// Importing graphs: masks and numerics by version, refusals, hostile graphs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "loaders/keras/table.h"
#include "loaders/source/json.h"
#include "tests/loaders/keras/cases.h"
#include "tests/loaders/keras/keras_testing.h"
#include "tests/support/evaluate_graph.h"

namespace thaw::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

MATCHER(NearlyEqual, "") { return std::abs(std::get<0>(arg) - std::get<1>(arg)) < 1e-6; }

std::vector<float> floats(const Tensor& tensor) {
  return {tensor.data<float>(), tensor.data<float>() + tensor.num_elements()};
}

std::string input(const std::string& name, const std::string& shape) {
  return "{'class_name': 'InputLayer', 'name': '" + name +
         "', 'inbound_nodes': [], 'config': {'name': '" + name +
         "', 'batch_input_shape': " + shape + ", 'dtype': 'float32'}}";
}

std::string layer(const std::string& class_name, const std::string& name, const std::string& nodes,
                  const std::string& config = "") {
  return ",{'class_name': '" + class_name + "', 'name': '" + name + "', 'inbound_nodes': " + nodes +
         ", 'config': {'name': '" + name + "', 'trainable': true" + config + "}}";
}

MemoryH5 no_weights() {
  MemoryH5 file;
  file.lists[""]["layer_names"] = {};
  return file;
}

std::string message_of(const std::string& json, const MemoryH5& file,
                       const std::string& version = "2.15.0") {
  try {
    import_of(config_of(json, version), file);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::vector<float> run(const std::string& json, const std::string& version,
                       const std::vector<Tensor>& inputs) {
  return floats(evaluate_graph(import_of(config_of(json, version), no_weights()), inputs)[0]);
}

TEST(Activations, HardSigmoidIsThatOfTheWriter) {
  const std::string json =
      functional(input("x", "[null, 1]") + layer("Activation", "a", "[[['x', 0, 0, {}]]]",
                                                 ", 'activation': 'hard_sigmoid'"),
                 "[['x', 0, 0]]", "[['a', 0, 0]]");
  const std::vector<Tensor> x{Tensor::from<float>({1, 1}, {1})};
  EXPECT_THAT(run(json, "2.15.0", x), Pointwise(NearlyEqual(), {0.7f}));
  EXPECT_THAT(run(json, "3.15.1", x), Pointwise(NearlyEqual(), {2.0f / 3}));
}

TEST(Activations, NullIsLinear) {
  const std::string json =
      functional(input("x", "[null, 1]") +
                     layer("Activation", "a", "[[['x', 0, 0, {}]]]", ", 'activation': null"),
                 "[['x', 0, 0]]", "[['a', 0, 0]]");
  EXPECT_THAT(run(json, "2.15.0", {Tensor::from<float>({1, 1}, {-3})}), ElementsAre(-3));
}

// Two masked inputs, merged and averaged over the kept steps: what the average sees is the merged
// mask.
std::string masked_merge(const std::string& merge) {
  return functional(input("x", "[null, 3, 1]") + "," + input("y", "[null, 3, 1]") +
                        layer("Masking", "mx", "[[['x', 0, 0, {}]]]", ", 'mask_value': 0.0") +
                        layer("Masking", "my", "[[['y', 0, 0, {}]]]", ", 'mask_value': 0.0") +
                        layer(merge, "m", "[[['mx', 0, 0, {}], ['my', 0, 0, {}]]]") +
                        layer("GlobalAveragePooling1D", "p", "[[['m', 0, 0, {}]]]"),
                    "[['x', 0, 0], ['y', 0, 0]]", "[['p', 0, 0]]");
}

TEST(Masks, MergesKeepStepsThatAllInputsKeepInKeras2) {
  const std::vector<Tensor> inputs{Tensor::from<float>({1, 3, 1}, {1, 2, 0}),
                                   Tensor::from<float>({1, 3, 1}, {0, 4, 0})};
  EXPECT_THAT(run(masked_merge("Add"), "2.15.0", inputs), ElementsAre(6));     // step 1 alone
  EXPECT_THAT(run(masked_merge("Add"), "3.15.1", inputs), ElementsAre(3.5f));  // steps 0 and 1
}

TEST(Masks, ProductsAndMaximaLeaveMaskedStepsOutInKeras3) {
  const std::vector<Tensor> inputs{Tensor::from<float>({1, 3, 1}, {-1, 2, 0}),
                                   Tensor::from<float>({1, 3, 1}, {0, 4, 0})};
  EXPECT_THAT(run(masked_merge("Multiply"), "3.15.1", inputs), ElementsAre(3.5f));  // (-1 + 8) / 2
  EXPECT_THAT(run(masked_merge("Maximum"), "3.15.1", inputs), ElementsAre(1.5f));   // (-1 + 4) / 2
  EXPECT_THAT(run(masked_merge("Maximum"), "2.15.0", inputs), ElementsAre(4));
}

TEST(Masks, LayersWithoutMaskingDropThem) {
  const std::string through =
      functional(input("x", "[null, 2, 1]") +
                     layer("Masking", "m", "[[['x', 0, 0, {}]]]", ", 'mask_value': 0.0") +
                     layer("Reshape", "r", "[[['m', 0, 0, {}]]]", ", 'target_shape': [2, 1]") +
                     layer("GlobalAveragePooling1D", "p", "[[['r', 0, 0, {}]]]"),
                 "[['x', 0, 0]]", "[['p', 0, 0]]");
  EXPECT_THAT(run(through, "2.15.0", {Tensor::from<float>({1, 2, 1}, {4, 0})}), ElementsAre(2));
}

TEST(Refusals, AreCollectedWithNames) {
  const std::string json = functional(
      input("x", "[null, 4]") + layer("Lambda", "bytecode", "[[['x', 0, 0, {}]]]") +
          layer("Custom>Thing", "thing", "[[['bytecode', 0, 0, {}]]]") +
          layer("Activation", "odd", "[[['x', 0, 0, {}]]]", ", 'activation': 'my_function'"),
      "[['x', 0, 0]]", "[['thing', 0, 0], ['odd', 0, 0]]");
  const std::string message = message_of(json, no_weights());
  EXPECT_THAT(message, HasSubstr("Lambda 'bytecode': Lambda with Python code"));
  EXPECT_THAT(message, HasSubstr("Custom>Thing 'thing': unknown layer"));
  EXPECT_THAT(message, HasSubstr("Activation 'odd': unknown function 'my_function' as activation"));
}

TEST(Refusals, TrainingCallsAreRefusedByLayer) {
  const std::string json =
      functional(input("x", "[null, 4]") +
                     layer("Dropout", "d", "[[['x', 0, 0, {'training': true}]]]", ", 'rate': 0.5"),
                 "[['x', 0, 0]]", "[['d', 0, 0]]");
  EXPECT_THAT(message_of(json, no_weights()), HasSubstr("Dropout 'd': called with training=True"));
}

TEST(Refusals, SparseInputs) {
  std::string sparse = input("x", "[null, 4]");
  sparse.insert(sparse.rfind("}}"), ", 'sparse': true");
  EXPECT_THAT(message_of(functional(sparse, "[['x', 0, 0]]", "[['x', 0, 0]]"), no_weights()),
              HasSubstr("sparse inputs are not supported"));
}

TEST(Hostile, CyclesAreFound) {
  const std::string json = functional(
      input("x", "[null, 4]") + layer("Add", "a", "[[['x', 0, 0, {}], ['b', 0, 0, {}]]]") +
          layer("Activation", "b", "[[['a', 0, 0, {}]]]", ", 'activation': 'relu'"),
      "[['x', 0, 0]]", "[['b', 0, 0]]");
  EXPECT_THAT(message_of(json, no_weights()), HasSubstr("depends on itself"));
}

TEST(Hostile, NestedModelsThatDoubleAreBounded) {
  std::string model = "{'name': 'm0', 'layers': [" + input("x", "[null, 1]") +
                      layer("Activation", "a", "[[['x', 0, 0, {}]]]", ", 'activation': 'tanh'") +
                      "], 'input_layers': [['x', 0, 0]], 'output_layers': [['a', 0, 0]]}";
  for (int level = 1; level <= 20; ++level) {
    model = "{'name': 'm', 'layers': [" + input("x", "[null, 1]") +
            ",{'class_name': 'Functional', 'name': 'n', 'inbound_nodes': [[['x', 0, 0, {}]], "
            "[['n', 1, 0, {}]]], 'config': " +
            model + "}], 'input_layers': [['x', 0, 0]], 'output_layers': [['n', 2, 0]]}";
  }
  EXPECT_THAT(message_of("{'class_name': 'Functional', 'config': " + model + "}", no_weights()),
              HasSubstr("layer calls"));
}

TEST(Hostile, ArgumentsOutOfRangeAreErrors) {
  auto one = [](const std::string& class_name, const std::string& shape,
                const std::string& config) {
    return message_of(
        functional(input("x", shape) + layer(class_name, "l", "[[['x', 0, 0, {}]]]", config),
                   "[['x', 0, 0]]", "[['l', 0, 0]]"),
        no_weights());
  };
  EXPECT_THAT(one("Permute", "[null, 2, 3]", ", 'dims': [1, 1]"), HasSubstr("no permutation"));
  EXPECT_THAT(one("Reshape", "[null, 6]", ", 'target_shape': [4]"), HasSubstr("cannot reshape"));
  EXPECT_THAT(one("Reshape", "[null, 6]", ", 'target_shape': [-1, -1]"),
              HasSubstr("more than one unknown"));
  EXPECT_THAT(one("RepeatVector", "[null, 6]", ", 'n': -3"), HasSubstr("n is -3"));
  EXPECT_THAT(one("MaxPooling1D", "[null, 6, 1]", ", 'pool_size': 0"),
              HasSubstr("positive integers"));
  EXPECT_THAT(one("MaxPooling2D", "[null, 6, 1]", ""), HasSubstr("expected a 4-D input"));
  EXPECT_THAT(one("ZeroPadding2D", "[null, 6, 6, 1]", ", 'padding': [[1, -1], [0, 0]]"),
              HasSubstr("padding is"));
  EXPECT_THAT(one("UpSampling2D", "[null, 6, 6, 1]", ", 'interpolation': 'hamming'"),
              HasSubstr("interpolation=hamming"));
  EXPECT_THAT(one("AdaptiveMaxPooling1D", "[null, null, 1]", ", 'output_size': [2]"),
              HasSubstr("unknown size along spatial axis 0"));
  EXPECT_THAT(one("Flatten", "[null, 6]", ", 'data_format': 'channels_middle'"),
              HasSubstr("data_format=channels_middle"));
}

TEST(Table, IsSortedAndEveryLayerHasAGolden) {
  std::set<std::string> tested;
  for (const std::string& folder : case_folders(std::string(THAW_SOURCE_DIR) + "/tests/golden")) {
    const Bytes bytes = read_file(folder + "/case.json", {});
    const Json json = parse_json(bytes.text(), bytes.name, {});
    if (const Json* layers = json.find("layers")) {
      for (const Json& item : layers->array()) tested.insert(item.string());
    }
  }
  // Layers of Keras 1 and of TensorFlow 1 (on a GPU, or in graph mode), which no current Keras
  // writes.
  tested.insert({"CuDNNGRU", "CuDNNLSTM", "Highway", "MaxoutDense", "Merge", "ParametricSoftplus",
                 "SReLU", "TensorFlowOpLayer"});
  const auto rows = keras::layer_table();
  for (std::size_t i = 1; i < rows.size(); ++i)
    EXPECT_LT(std::string(rows[i - 1].class_name), rows[i].class_name);
  for (const keras::TableRow& row : keras::layer_table())
    EXPECT_TRUE(tested.contains(row.class_name)) << row.class_name;
}

}  // namespace
}  // namespace thaw::testing
