// What the Keras door says of files that contradict themselves or lack something.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loaders/keras/weights.h"
#include "tests/loaders/keras/keras_testing.h"

namespace thaw::testing {
namespace {

using ::testing::HasSubstr;

const std::string kInput =
    "{'class_name': 'InputLayer', 'name': 'x', 'inbound_nodes': [], 'config': {'name': 'x', "
    "'batch_input_shape': [null, 4], 'dtype': 'float32'}}";

std::string layer(const std::string& class_name, const std::string& nodes,
                  const std::string& config = "") {
  return ",{'class_name': '" + class_name + "', 'name': 'l', 'inbound_nodes': " + nodes +
         ", 'config': {'name': 'l', 'trainable': true" + config + "}}";
}

std::string one(const std::string& class_name, const std::string& nodes,
                const std::string& config = "") {
  return functional(kInput + layer(class_name, nodes, config), "[['x', 0, 0]]", "[['l', 0, 0]]");
}

TEST(Messages, Inputs) {
  const auto with_input = [](const std::string& config) {
    return functional(
        "{'class_name': 'InputLayer', 'name': 'x', 'inbound_nodes': [], 'config': "
        "{'name': 'x'" +
            config + "}}",
        "[['x', 0, 0]]", "[['x', 0, 0]]");
  };
  EXPECT_THAT(import_message(with_input(", 'batch_input_shape': [null, 4], 'dtype': 'quaternion'")),
              HasSubstr("input type \"quaternion\" is not supported"));
  EXPECT_THAT(import_message(with_input("")),
              HasSubstr("the file does not state the shape of input 'x'"));
  // tf.keras's sparse and ragged inputs: what makes them (a list of indices, row splits) has no
  // place in a call of the model.
  for (const char* kind : {"sparse", "ragged"}) {
    EXPECT_THAT(import_message(with_input(std::string(", 'batch_input_shape': [null, null], '") +
                                          kind + "': true")),
                HasSubstr(std::string(kind) + " inputs are not supported"));
  }
}

TEST(Messages, Calls) {
  EXPECT_THAT(import_message(one("Activation", "[]", ", 'activation': 'relu'")), HasSubstr("'l'"));
  EXPECT_THAT(import_message(one("Activation", "[[['x', 0, 3, {}]]]", ", 'activation': 'relu'")),
              HasSubstr("layer 'x' has 1 outputs, asked for output 3"));
  EXPECT_THAT(import_message(functional(kInput, "[['x', 0, 0]]", "[['x', 0, 2]]")),
              HasSubstr("layer 'x' has 1 outputs, asked for output 2"));
  EXPECT_THAT(import_message(
                  one("Activation", "[[['x', 0, 0, {'volume': 11}]]]", ", 'activation': 'relu'")),
              HasSubstr("Activation 'l': called with argument volume"));
  EXPECT_THAT(
      import_message(one("Activation", "[{'args': 7, 'kwargs': {}}]", ", 'activation': 'relu'"),
                     "3.15.1"),
      HasSubstr("args is no list"));
}

TEST(Messages, NestedModels) {
  const std::string inner =
      ", 'layers': [{'class_name': 'InputLayer', 'name': 'a', 'inbound_nodes': [], 'config': "
      "{'name': 'a', 'batch_input_shape': [null, 4]}}, {'class_name': 'InputLayer', 'name': 'b', "
      "'inbound_nodes': [], 'config': {'name': 'b', 'batch_input_shape': [null, 4]}}], "
      "'input_layers': [['a', 0, 0], ['b', 0, 0]], 'output_layers': [['a', 0, 0]]";
  EXPECT_THAT(import_message(one("Functional", "[[['x', 0, 0, {}]]]", inner)),
              HasSubstr("model 'l' has 2 inputs, called with 1"));
  const std::string single =
      ", 'layers': [{'class_name': 'InputLayer', 'name': 'a', 'inbound_nodes': [], 'config': "
      "{'name': 'a', 'batch_input_shape': [null, 4]}}], 'input_layers': [['a', 0, 0]], "
      "'output_layers': [['a', 0, 0]]";
  EXPECT_THAT(import_message(one("Functional",
                                 "[[['x', 0, 0, {'mask': [['x', 0, 0], ['x', 0, 0]]}]]]", single)),
              HasSubstr("a structure of masks unlike that of the inputs"));
}

TEST(Messages, PremadeModels) {
  EXPECT_THAT(
      import_message("{'class_name': 'LinearModel', 'config': {'name': 'lin', 'units': 1}}"),
      HasSubstr("model 'lin' (LinearModel) was saved before it was built"));
}

TEST(Messages, LayersWithoutTheirSavedModel) {
  EXPECT_THAT(import_message(one("TFSMLayer", "[[['x', 0, 0, {}]]]",
                                 ", 'filepath': 'nowhere', 'call_endpoint': 'serve'"),
                             "3.15.1"),
              HasSubstr("TFSMLayer 'l': a SavedModel outside of the file"));
}

TEST(Messages, GatesThatCannotBeJoined) {
  const auto message = [](const std::vector<Tensor>& parts) -> std::string {
    try {
      keras::joined(parts);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message({Tensor(DType::float32, {})}),
              HasSubstr("scalars cannot be joined to a gate matrix"));
  EXPECT_THAT(message({Tensor(DType::float32, {2, 3}), Tensor(DType::float32, {3, 3})}),
              HasSubstr("arrays of one recurrent layer differ: "));
  EXPECT_THAT(message({Tensor(DType::float32, {2, 3}), Tensor(DType::float64, {2, 3})}),
              HasSubstr("arrays of one recurrent layer differ: "));
}

TEST(Messages, QuantisedLayers) {
  const auto quantised = [](const std::string& mode) {
    return one("Dense", "[[['x', 0, 0, {}]]]",
               ", 'units': 2, 'dtype': {'module': 'keras', 'class_name': 'QuantizedDTypePolicy', "
               "'config': {'mode': '" +
                   mode + "', 'source_name': 'float32'}, 'registered_name': null}");
  };
  for (const char* mode : {"int2", "gptq/4", "awq/4/x", "int4/0"}) {
    EXPECT_THAT(import_message(quantised(mode), "3.15.1"),
                HasSubstr("layer 'l' (Dense): quantisation mode '" + std::string(mode) +
                          "' is not supported"));
  }
}

}  // namespace
}  // namespace thaw::testing
