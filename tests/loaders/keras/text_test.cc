// Layers of texts and categories: vocabularies, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loaders/keras/keras_testing.h"
#include "tests/support/evaluate_graph.h"

namespace thaw::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One layer on an input of strings.
std::string model(const std::string& class_name, const std::string& config,
                  const std::string& dtype = "string") {
  return functional(
      "{'class_name': 'InputLayer', 'name': 'x', 'inbound_nodes': [], 'config': {'name': 'x', "
      "'batch_input_shape': [null, 1], 'dtype': '" +
          dtype + "'}},{'class_name': '" + class_name +
          "', 'name': 'layer', 'inbound_nodes': [[['x', 0, 0, {}]]], 'config': {'name': 'layer', "
          "'trainable': true" +
          config + "}}",
      "[['x', 0, 0]]", "[['layer', 0, 0]]");
}

Graph graph_of(const std::string& json) {
  MemoryH5 file;
  file.lists[""]["layer_names"] = {};
  return import_of(config_of(json, "2.15.0"), file);
}

std::vector<std::int64_t> indices(const std::string& json, const std::vector<std::string>& words) {
  const Tensor x = Tensor::from(Shape{static_cast<std::int64_t>(words.size()), 1}, words);
  const Tensor y = evaluate_graph(graph_of(json), {x})[0];
  return {y.data<std::int64_t>(), y.data<std::int64_t>() + y.num_elements()};
}

std::string message_of(const std::string& json) {
  try {
    graph_of(json);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const std::string kWords = ", 'vocabulary': ['a', 'b']";

TEST(StringLookup, SpecialTokensInFrontAreNoTokens) {
  EXPECT_THAT(indices(model("StringLookup", kWords), {"a", "b", "c", "[UNK]"}),
              ElementsAre(1, 2, 0, 0));
  EXPECT_THAT(indices(model("StringLookup", ", 'vocabulary': ['[UNK]', 'a', 'b']"), {"a", "b"}),
              ElementsAre(1, 2));
  EXPECT_THAT(
      indices(model("StringLookup", ", 'mask_token': '', 'vocabulary': ['', '[UNK]', 'a', 'b']"),
              {"a", "", "c"}),
      ElementsAre(2, 0, 1));
  // Some of them are tokens like any other.
  EXPECT_THAT(
      indices(model("StringLookup", ", 'num_oov_indices': 2, 'vocabulary': ['[UNK]', 'a']"), {"a"}),
      ElementsAre(3));
}

TEST(StringLookup, WithoutUnknownIndicesUnknownTokensAreErrors) {
  const std::string json = model("StringLookup", kWords + ", 'num_oov_indices': 0");
  EXPECT_THAT(indices(json, {"a", "b"}), ElementsAre(0, 1));
  EXPECT_THROW(indices(json, {"c"}), Error);
}

TEST(StringLookup, VocabulariesAreChecked) {
  EXPECT_THAT(message_of(model("StringLookup", "")),
              HasSubstr("layer 'layer' (StringLookup): the file does not hold its vocabulary"));
  EXPECT_THAT(message_of(model("StringLookup", ", 'vocabulary': ['a', 'a']")),
              HasSubstr("the vocabulary holds 'a' twice"));
  EXPECT_THAT(message_of(model("StringLookup", ", 'vocabulary': ['a', 1]")),
              HasSubstr("expected a token of string, found 1"));
  EXPECT_THAT(message_of(model("StringLookup", kWords + ", 'max_tokens': 2, "
                                                        "'pad_to_max_tokens': true")),
              HasSubstr("a vocabulary of 3, max_tokens=2"));
  EXPECT_THAT(message_of(model("StringLookup", kWords, "float32")),
              HasSubstr("expected strings, got float32"));
}

// Values and row splits, as tf.keras gives them for these texts.
TEST(TextVectorization, RaggedRowsGoOutInTwoParts) {
  const Graph graph = graph_of(model("TextVectorization", kWords + ", 'ragged': true"));
  EXPECT_THAT(graph.output_names, ElementsAre("layer/values", "layer/row_splits"));
  const auto made =
      evaluate_graph(graph, {Tensor::from<std::string>({3, 1}, {"A b, c", "", "b b"})});
  const auto numbers = [](const Tensor& x) {
    return std::vector<std::int64_t>{x.data<std::int64_t>(),
                                     x.data<std::int64_t>() + x.num_elements()};
  };
  EXPECT_THAT(numbers(made.at(0)), ElementsAre(2, 3, 1, 3, 3));
  EXPECT_THAT(numbers(made.at(1)), ElementsAre(0, 3, 3, 5));
}

TEST(TextVectorization, NothingComputesOnRaggedRows) {
  std::string json = model("TextVectorization", kWords + ", 'ragged': true");
  json.insert(json.find("], 'input_layers'"),
              ",{'class_name': 'Flatten', 'name': 'e', 'inbound_nodes': [[['layer', 0, 0, {}]]], "
              "'config': {'name': 'e'}}");
  json.replace(json.rfind("'layer'"), 7, "'e'");
  EXPECT_THAT(message_of(json), HasSubstr("takes a ragged tensor, which can only be an output"));
}

// As dense tensors: a sparse result holds the same numbers.
TEST(StringLookup, SparseResultsAreDense) {
  const Graph graph =
      graph_of(model("StringLookup", kWords + ", 'output_mode': 'count', 'sparse': true"));
  const Tensor y = evaluate_graph(graph, {Tensor::from<std::string>({2, 1}, {"b", "z"})})[0];
  ASSERT_EQ(y.shape(), (Shape{2, 3}));
  EXPECT_EQ(std::vector<float>(y.data<float>(), y.data<float>() + 6),
            (std::vector<float>{0, 0, 1, 1, 0, 0}));
}

TEST(TextLayers, WhatIsRefusedIsNamed) {
  const std::pair<std::string, std::string> rows[] = {
      {", 'standardize': 'clean'", "standardize=clean is a function in Python"},
      {", 'split': {'class_name': 'function', 'config': 'f'}", "split="},
      {", 'output_mode': 'sparse'", "output_mode=sparse"},
  };
  for (const auto& [config, message] : rows) {
    EXPECT_THAT(message_of(model("TextVectorization", kWords + config)), HasSubstr(message));
  }
  EXPECT_THAT(message_of(model("Hashing", ", 'num_bins': 0")), HasSubstr("num_bins=0"));
  EXPECT_THAT(message_of(model("Hashing", ", 'num_bins': 3, 'mask_value': 1")),
              HasSubstr("mask_value=1 for inputs of string"));
  EXPECT_THAT(message_of(model("HashedCrossing", ", 'num_bins': 3")),
              HasSubstr("expected at least two inputs"));
  EXPECT_THAT(message_of(model("Discretization", ", 'bin_boundaries': [2, 1]", "float32")),
              HasSubstr("bin_boundaries are not sorted"));
  EXPECT_THAT(message_of(model("CategoryEncoding", ", 'num_tokens': 0", "int32")),
              HasSubstr("0 categories"));
}

}  // namespace
}  // namespace thaw::testing
