// TensorFlow functions and nodes between Keras layers: what they give, what is refused by name, and
// damaged ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loaders/keras/keras_testing.h"
#include "tests/support/evaluate_graph.h"

namespace thaw::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kInput =
    "{'class_name': 'InputLayer', 'name': 'x', 'inbound_nodes': [], 'config': {'name': 'x', "
    "'batch_input_shape': [null, 2], 'dtype': 'float32'}}";

// A model of one node on x; `nodes` are its inbound nodes.
std::string model(const std::string& class_name, const std::string& config,
                  const std::string& nodes) {
  return functional(
      kInput + ",{'class_name': '" + class_name + "', 'name': 'f', 'inbound_nodes': " + nodes +
          ", 'config': {'name': 'f', 'trainable': true, 'dtype': 'float32'" + config + "}}",
      "[['x', 0, 0]]", "[['f', 0, 0]]");
}

std::string function(const std::string& name, const std::string& kwargs) {
  return model("TFOpLambda", ", 'function': '" + name + "'", "[['x', 0, 0, " + kwargs + "]]");
}

std::string node(const std::string& definition, const std::string& constants) {
  return model("TensorFlowOpLayer", ", 'node_def': " + definition + ", 'constants': " + constants,
               "[[['x', 0, 0, {}]]]");
}

MemoryH5 no_weights() {
  MemoryH5 file;
  file.lists[""]["layer_names"] = {};
  return file;
}

std::vector<float> run(const std::string& json) {
  const Graph graph = import_of(config_of(json, "2.15.0"), no_weights());
  const Tensor y = evaluate_graph(graph, {Tensor::from<float>(Shape{2, 2}, {1, -2, 3, -4})})[0];
  return {y.data<float>(), y.data<float>() + y.num_elements()};
}

std::string message_of(const std::string& json) {
  try {
    import_of(config_of(json, "2.15.0"), no_weights());
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Functions, NumbersTakeTheTensorsType) {
  EXPECT_THAT(run(function("math.subtract", "{'y': 1}")), ElementsAre(0, -3, 2, -5));
  EXPECT_THAT(run(model("TFOpLambda", ", 'function': 'math.subtract'",
                        "[['_CONSTANT_VALUE', -1, 1, {'y': ['x', 0, 0]}]]")),
              ElementsAre(0, 3, -2, 5));
}

TEST(Functions, UnknownAndRandomOnesAreRefusedByName) {
  EXPECT_THAT(message_of(function("py_function", "{}")), HasSubstr("py_function"));
  EXPECT_THAT(message_of(function("random.normal", "{}")), HasSubstr("draws random numbers"));
  EXPECT_THAT(message_of(function("nn.dropout", "{'rate': 0.5}")),
              HasSubstr("draws random numbers"));
  EXPECT_THAT(message_of(model("ClassMethod",
                               ", 'cls_symbol': 'RaggedTensor', 'method_name': 'from_tensor'",
                               "[[['x', 0, 0, {'kwargs': {}}]]]")),
              HasSubstr("ragged"));
}

// tf-keras writes no more than the first of a variable number of arguments.
TEST(Functions, ArgumentsThatTheFileLacksAreNamed) {
  EXPECT_THAT(message_of(function("einsum", "{}")), HasSubstr("inputs"));
}

TEST(Functions, WhatIsNoCallIsNamed) {
  EXPECT_THAT(message_of(model("SlicingOpLambda", ", 'function': '__operators__.getitem'",
                               "[['x', 0, 0, {}]]")),
              HasSubstr("layer 'f' (SlicingOpLambda): called without a slice"));
  EXPECT_THAT(message_of(model("TensorFlowOpLayer", "", "[[['x', 0, 0, {}]]]")),
              HasSubstr("layer 'f' (TensorFlowOpLayer): node_def is missing"));
  EXPECT_THAT(message_of(node("{'name': 'n', 'op': 'Frobnicate', 'input': ['x']}", "{}")),
              HasSubstr("TensorFlowOpLayer 'f': TensorFlow op Frobnicate"));
}

// The shape is an operand, whose length the file does not state.
TEST(Functions, TensorsOfUnknownRankAreNamed) {
  const auto after = [](const std::string& layer) {
    return message_of(functional(
        kInput +
            ",{'class_name': 'InputLayer', 'name': 's', 'inbound_nodes': [], 'config': {'name': "
            "'s', 'batch_input_shape': [null], 'dtype': 'int32'}}"
            ",{'class_name': 'TFOpLambda', 'name': 'r', 'inbound_nodes': [['x', 0, 0, {'shape': "
            "['s', 0, 0]}]], 'config': {'name': 'r', 'trainable': true, 'function': 'reshape'}}," +
            layer,
        "[['x', 0, 0], ['s', 0, 0]]", "[['f', 0, 0]]"));
  };
  const std::string function = after(
      "{'class_name': 'TFOpLambda', 'name': 'f', 'inbound_nodes': [['r', 0, 0, {}]], 'config': "
      "{'name': 'f', 'trainable': true, 'function': 'linalg.adjoint'}}");
  EXPECT_THAT(function, HasSubstr("a tensor of unknown rank"));
  EXPECT_THAT(function, HasSubstr("'f'"));
  EXPECT_THAT(after("{'class_name': 'Add', 'name': 'f', 'inbound_nodes': [[['r', 0, 0, {}], ['x', "
                    "0, 0, {}]]], 'config': {'name': 'f', 'trainable': true}}"),
              HasSubstr("layer 'f' (Add): the inputs' ranks must be known"));
}

TEST(Functions, DamagedArgumentsAreErrors) {
  for (const char* kwargs :
       {"{'y': [[1], 2]}", "{'y': 'text'}", "{'y': {'class_name': 'Foo', 'config': {}}}"}) {
    EXPECT_NE(message_of(function("math.add", kwargs)), "") << kwargs;
  }
  EXPECT_NE(message_of(function("reshape", "{'shape': [7, 7, 7, 1e300]}")), "");
  EXPECT_NE(message_of(function("split", "{'num_or_size_splits': 1000000000000}")), "");
  EXPECT_NE(message_of(function("math.reduce_sum", "{'axis': 9007199254740993}")), "");
  EXPECT_NE(message_of(function("one_hot", "{'depth': -5}")), "");
  EXPECT_NE(message_of(function("transpose", "{'perm': [0, 0]}")), "");
}

TEST(Slices, TakeNumbersNonesAndSteps) {
  const auto slice = [](const std::string& spec) {
    return model("SlicingOpLambda", ", 'function': '__operators__.getitem'",
                 "[['x', 0, 0, {'slice_spec': " + spec + "}]]");
  };
  EXPECT_THAT(run(slice("[{'start': null, 'stop': null, 'step': null}, 1]")), ElementsAre(-2, -4));
  EXPECT_THAT(run(slice("[{'start': null, 'stop': null, 'step': -1}]")), ElementsAre(3, -4, 1, -2));
  EXPECT_THAT(run(slice("[{'class_name': '__ellipsis__'}, null, 0]")), ElementsAre(1, 3));
  EXPECT_THAT(run(slice("-1")), ElementsAre(3, -4));
  for (const char* damaged :
       {"[{'class_name': '__ellipsis__'}, {'class_name': '__ellipsis__'}]", "['a']", "[1.5]",
        "[{'start': 0, 'stop': 1, 'step': 0}]", "[0, 0, 0]"}) {
    EXPECT_NE(message_of(slice(damaged)), "") << damaged;
  }
}

TEST(Nodes, RunWithTheirConstants) {
  EXPECT_THAT(run(node("{'name': 'n', 'op': 'Sub', 'input': ['x', 'n/y'], 'attr': {'T': {'type': "
                       "'DT_FLOAT'}}}",
                       "{'1': 1.0}")),
              ElementsAre(0, -3, 2, -5));
  EXPECT_THAT(run(node("{'name': 'n', 'op': 'Sub', 'input': ['n/x', 'x'], 'attr': {'T': {'type': "
                       "'DT_FLOAT'}}}",
                       "{'0': 1.0}")),
              ElementsAre(0, 3, -2, 5));
  // int64 attributes are strings in protobuf's JSON.
  EXPECT_THAT(run(node("{'name': 'n', 'op': 'StridedSlice', 'attr': {'begin_mask': {'i': '1'}, "
                       "'end_mask': {'i': '1'}, 'shrink_axis_mask': {'i': '2'}}}",
                       "{'1': [0, 1], '2': [0, 2], '3': [1, 1]}")),
              ElementsAre(-2, -4));
}

TEST(Nodes, DamagedOnesAreErrors) {
  for (const char* definition :
       {"{}", "'not a protobuf'", "{'op': 5}", "{'op': 'Sub', 'attr': {'T': {'type': 'DT_NONE'}}}",
        "{'op': 'Sub', 'attr': {'T': {'i': 'x'}}}", "{'op': 'Sub', 'attr': [1]}", "17"}) {
    EXPECT_NE(message_of(node(definition, "{'1': 1.0}")), "") << definition;
  }
  const std::string sub = "{'op': 'Sub'}";
  for (const char* constants : {"{'7': 1.0}", "{'-1': 1.0}", "{'one': 1.0}", "{'99999': 1.0}",
                                "{'1': [[1.0], 2.0]}", "[1]"}) {
    EXPECT_NE(message_of(node(sub, constants)), "") << constants;
  }
  EXPECT_THAT(message_of(node("{'op': 'PyFunc'}", "{}")), HasSubstr("PyFunc"));
  EXPECT_THAT(message_of(node("{'op': 'Frobnicate'}", "{}")), HasSubstr("Frobnicate"));
}

}  // namespace
}  // namespace thaw::testing
