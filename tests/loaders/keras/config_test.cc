// Configurations of Keras 1, 2 and 3 become one form; what contradicts itself is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loaders/keras/keras_testing.h"

namespace thaw::testing {
namespace {

using keras::Argument;
using keras::KerasModel;
using keras::ModelConfig;
using ::testing::HasSubstr;

const std::string kInput =
    "{'class_name': 'InputLayer', 'name': 'x', 'inbound_nodes': [], 'config': "
    "{'name': 'x', 'batch_input_shape': [null, 4], 'dtype': 'float32'}}";

std::string dense(const std::string& name, const std::string& nodes) {
  return ",{'class_name': 'Dense', 'name': '" + name + "', 'inbound_nodes': " + nodes +
         ", 'config': {'name': '" + name + "', 'units': 4, 'trainable': true}}";
}

std::string message_of(const std::string& json, const std::string& version = "2.15.0") {
  try {
    config_of(json, version);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Writer, TellsGenerationsApart) {
  EXPECT_EQ(keras::writer_of("1.2.2", "", 2).major, 1);
  EXPECT_FALSE(keras::writer_of("2.3.1", "tensorflow", 2).tf_keras);
  EXPECT_TRUE(keras::writer_of("2.2.4-tf", "tensorflow", 2).tf_keras);
  EXPECT_TRUE(keras::writer_of("2.15.0", "tensorflow", 2).tf_keras);
  EXPECT_TRUE(keras::writer_of("3.15.1", "", 2).at_least(3, 4));
  EXPECT_FALSE(keras::writer_of("3.3.3", "", 2).at_least(3, 4));
  EXPECT_EQ(keras::writer_of("nonsense", "", 3).major, 3);
  EXPECT_EQ(keras::writer_of("2.3.1", "theano", 2).text(), "Keras 2.3.1, theano");
}

TEST(Config, ReadsABareListOfKeras1) {
  const KerasModel model = config_of(
      "{'class_name': 'Sequential', 'config': [{'class_name': 'Convolution2D', 'config': {'name': "
      "'c', 'nb_filter': 8,"
      "'nb_row': 3, 'nb_col': 5, 'border_mode': 'same', 'subsample': [2, 2], 'dim_ordering': 'th', "
      "'bias': false,"
      "'batch_input_shape': [null, 1, 9, 9]}}, {'class_name': 'Dropout', 'config': {'name': 'd', "
      "'p': 0.25}}]}",
      "1.2.2");
  const ModelConfig& config = *model.root.model;
  ASSERT_EQ(config.layers.size(), 3u);
  EXPECT_TRUE(config.layers[0].synthetic);
  EXPECT_EQ(keras::shape_from_json(config.layers[0].config.at("batch_shape")),
            Shape({-1, 1, 9, 9}));
  const keras::LayerConfig& conv = config.layers[1];
  EXPECT_EQ(conv.class_name, "Conv2D");
  EXPECT_EQ(conv.file_class, "Convolution2D");
  EXPECT_EQ(conv.config.at("filters").integer(), 8);
  EXPECT_EQ(conv.config.at("kernel_size").dump(), "[3,5]");
  EXPECT_EQ(conv.config.at("padding").string(), "same");
  EXPECT_EQ(conv.config.at("strides").dump(), "[2,2]");
  EXPECT_EQ(conv.config.at("data_format").string(), "channels_first");
  EXPECT_FALSE(conv.config.at("use_bias").boolean());
  EXPECT_EQ(config.layers[2].config.at("rate").number(), 0.25);
}

TEST(Config, SharedLayersHaveOneCallPerNode) {
  const KerasModel model =
      config_of(functional(kInput + dense("d", "[[['x', 0, 0, {}]], [['d', 0, 0, {}]]]"),
                           "[['x', 0, 0]]", "[['d', 1, 0]]"),
                "2.15.0");
  const ModelConfig& config = *model.root.model;
  ASSERT_EQ(config.layers[1].calls.size(), 2u);
  EXPECT_EQ(config.layers[1].calls[1].args[0].tensor.layer, 1u);
  EXPECT_EQ(config.layers[1].calls[1].args[0].tensor.call, 0u);
  EXPECT_EQ(config.outputs[0].call, 1u);
}

TEST(Config, NestedModelsOfKeras2CountCallsFromOne) {
  const std::string inner =
      ",{'class_name': 'Functional', 'name': 'in', 'inbound_nodes': [[['x', 0, 0, {}]]], "
      "'config': {'name': 'in', 'layers': [" +
      kInput + dense("d", "[[['x', 0, 0, {}]]]") +
      "], 'input_layers': [['x', 0, 0]], 'output_layers': [['d', 0, 0]]}}";
  const KerasModel from_one =
      config_of(functional(kInput + inner, "[['x', 0, 0]]", "[['in', 1, 0]]"), "2.15.0");
  EXPECT_EQ(from_one.root.model->outputs[0].call, 0u);
  const KerasModel from_zero =
      config_of(functional(kInput + inner, "[['x', 0, 0]]", "[['in', 0, 0]]"), "2.15.0");
  EXPECT_EQ(from_zero.root.model->outputs[0].call, 0u);
}

TEST(Config, ReadsKeras3Calls) {
  const std::string tensor =
      "{'class_name': '__keras_tensor__', 'config': {'shape': [null, 4], 'dtype': 'float32', "
      "'keras_history': ['x', 0, 0]}}";
  const std::string layers = kInput +
                             ",{'module': 'keras.layers', 'class_name': 'Add', 'name': 'sum', "
                             "'registered_name': null, 'config': "
                             "{'name': 'sum', 'trainable': true}, 'inbound_nodes': [{'args': [[" +
                             tensor + ", " + tensor +
                             "]], 'kwargs': {'flag': false, 'shape': [1, 2], 'mask': " + tensor +
                             "}}]}," +
                             "{'module': 'keras.src.ops.numpy', 'class_name': 'Add', 'name': "
                             "'add', 'config': {'name': 'add'}, "
                             "'inbound_nodes': [{'args': [" +
                             tensor + ", 2.5], 'kwargs': {}}]}";
  // A single output stands without a list around it.
  const KerasModel model = config_of(
      functional(layers, "['x', 0, 0]", "{'b': ['sum', 0, 0], 'a': ['add', 0, 0]}"), "3.15.1");
  const ModelConfig& config = *model.root.model;
  EXPECT_FALSE(config.layers[1].operation);
  EXPECT_TRUE(config.layers[2].operation);
  EXPECT_EQ(config.layers[1].calls[0].args[0].items.size(), 2u);
  EXPECT_EQ(config.layers[1].calls[0].find("mask")->kind, Argument::Kind::tensor);
  EXPECT_EQ(config.layers[1].calls[0].find("shape")->kind, Argument::Kind::value);
  EXPECT_EQ(config.layers[2].calls[0].args[1].value.number(), 2.5);
  // Dictionaries are flattened by key: a before b.
  EXPECT_EQ(config.outputs[0].layer, 2u);
  EXPECT_EQ(config.outputs[1].layer, 1u);
}

TEST(Config, KeywordTensorsAreToldFromLists) {
  const KerasModel model =
      config_of(functional(kInput + dense("d",
                                          "[[['x', 0, 0, {'mask': ['x', 0, 0], 'list': [1, 2, 3], "
                                          "'text': ['no', 0, 0]}]]]"),
                           "[['x', 0, 0]]", "[['d', 0, 0]]"),
                "2.15.0");
  const keras::Call& call = model.root.model->layers[1].calls[0];
  EXPECT_EQ(call.find("mask")->kind, Argument::Kind::tensor);
  EXPECT_EQ(call.find("list")->kind, Argument::Kind::value);
  EXPECT_EQ(call.find("text")->kind, Argument::Kind::value);
}

TEST(Config, RefusesWhatContradictsItself) {
  EXPECT_THAT(message_of(functional(kInput + dense("d", "[[['y', 0, 0, {}]]]"), "[['x', 0, 0]]",
                                    "[['d', 0, 0]]")),
              HasSubstr("inbound_nodes of layer 'd': no layer 'y'"));
  EXPECT_THAT(message_of(functional(kInput + dense("d", "[[['x', 3, 0, {}]]]"), "[['x', 0, 0]]",
                                    "[['d', 0, 0]]")),
              HasSubstr("layer 'x' has 1 calls, asked for call 3"));
  EXPECT_THAT(message_of(functional(kInput + dense("d", "[[['x', -1, 0, {}]]]"), "[['x', 0, 0]]",
                                    "[['d', 0, 0]]")),
              HasSubstr("expected an index"));
  EXPECT_THAT(message_of(functional(kInput + "," + kInput, "[['x', 0, 0]]", "[['x', 0, 0]]")),
              HasSubstr("two layers are called 'x'"));
  EXPECT_THAT(message_of(functional(kInput, "[['x', 0, 0]]", "[]")), HasSubstr("no outputs"));
  EXPECT_THAT(message_of("{'class_name': 'Sequential', 'config': {'layers': []}}"),
              HasSubstr("no layers"));
  EXPECT_THAT(message_of("{'class_name': 'Sequential', 'config': {'layers': [3]}}"),
              HasSubstr("expected a layer object"));
  EXPECT_THAT(message_of("{'class_name': 'Model', 'config': {'name': 'm'}}"),
              HasSubstr("has no layers"));
}

TEST(Config, RefusesModelsWithCodeOfTheirOwn) {
  EXPECT_THROW(config_of("{'class_name': 'MyModel', 'config': {'name': 'm'}}", "2.15.0"),
               UnsupportedError);
}

TEST(Config, NestingIsBounded) {
  std::string json = "{'class_name': 'Dense', 'config': {'name': 'd', 'units': 1}}";
  for (int i = 0; i < 120; ++i)
    json = "{'class_name': 'Sequential', 'config': {'name': 's', 'layers': [" + json + "]}}";
  std::replace(json.begin(), json.end(), '\'', '"');
  Limits limits;
  limits.max_depth = 1000;
  const Json parsed = parse_json(json, "test", limits);
  limits.max_depth = 64;
  try {
    keras::read_config(parsed, keras::writer_of("2.15.0", "", 2), "test", limits);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::resource_exhausted);
  }
}

TEST(Config, ShapesInEveryDialect) {
  const Limits limits;
  auto shape = [&](const char* text) {
    return keras::shape_from_json(parse_json(text, "test", limits));
  };
  EXPECT_EQ(shape("[null, 3]"), Shape({-1, 3}));
  EXPECT_EQ(shape(R"({"class_name": "__tuple__", "items": [null, 3]})"), Shape({-1, 3}));
  EXPECT_EQ(shape(R"({"class_name": "__tuple__", "config": {"value": [2]}})"), Shape({2}));
  EXPECT_EQ(shape(R"({"class_name": "TensorShape", "items": [null]})"), Shape({-1}));
  EXPECT_THROW(shape("[-2]"), Error);
  EXPECT_THROW(shape("\"x\""), Error);
}

}  // namespace
}  // namespace thaw::testing
