// Dtype policies by the paths of layers.
#include "loaders/keras/policy_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loaders/keras/policy.h"
#include "tests/loaders/keras/keras_testing.h"

namespace thaw::testing {
namespace {

using ::testing::HasSubstr;

std::string map_of(const std::string& entries, const std::string& otherwise = "'float32'") {
  return ", 'dtype': {'module': 'keras', 'class_name': 'DTypePolicyMap', 'config': "
         "{'default_policy': " +
         otherwise + ", 'policy_map': {" + entries + "}}, 'registered_name': null}";
}

std::string entry(const std::string& key, const std::string& name) {
  return "'" + key + "': {'module': 'keras', 'class_name': 'DTypePolicy', 'config': {'name': '" +
         name + "'}, 'registered_name': null}";
}

// The model of one layer 'l', in a functional model or in a Sequential one called 's'.
keras::KerasModel model_of(const std::string& class_name, const std::string& config,
                           bool sequential) {
  const std::string input =
      "{'class_name': 'InputLayer', 'name': 'x', 'inbound_nodes': [], 'config': {'name': 'x', "
      "'batch_shape': [null, 3, 4], 'dtype': 'float32'}}";
  const std::string layer = ", {'class_name': '" + class_name +
                            "', 'name': 'l', 'inbound_nodes': [[['x', 0, 0, {}]]], 'config': "
                            "{'name': 'l', 'trainable': true" +
                            config + "}}";
  const std::string json =
      sequential ? "{'class_name': 'Sequential', 'config': {'name': 's', 'layers': [" + input +
                       layer + "]}}"
                 : functional(input + layer, "[['x', 0, 0]]", "[['l', 0, 0]]");
  return config_of(json, "3.15.1");
}

DType compute_type(const std::string& entries, bool sequential = false,
                   const std::string& otherwise = "'float32'") {
  const keras::KerasModel model =
      model_of("Dense", ", 'units': 2" + map_of(entries, otherwise), sequential);
  return keras::policy_of(model.root.model->layers.back(), model.writer).compute;
}

TEST(PolicyMap, GivesEachLayerTheOneOfItsPath) {
  EXPECT_EQ(compute_type(entry("l", "mixed_float16")), DType::float16);
  EXPECT_EQ(compute_type(entry("other", "mixed_float16")), DType::float32);
  EXPECT_EQ(compute_type(entry("other", "float16"), false, "'float64'"), DType::float64);
  EXPECT_EQ(compute_type(entry("other", "float16"), false, "null"), DType::float32);
  // A Sequential model builds its layers beneath its own name.
  EXPECT_EQ(compute_type(entry("l", "float16"), true), DType::float32);
  EXPECT_EQ(compute_type(entry("s/l", "float16"), true), DType::float16);
  EXPECT_EQ(compute_type(entry("s/.*", "float16"), true), DType::float16);
  // The path itself goes before patterns.
  EXPECT_EQ(compute_type(entry(".*", "float16") + ", " + entry("l", "bfloat16")), DType::bfloat16);
}

TEST(PolicyMap, PatternsMatchAsPythonsDo) {
  EXPECT_TRUE(keras::policy_pattern_fits("a/.*", "a/b/c"));
  EXPECT_TRUE(keras::policy_pattern_fits("a/.*", "a/"));
  EXPECT_FALSE(keras::policy_pattern_fits("a/.*", "a"));
  EXPECT_FALSE(keras::policy_pattern_fits("a/.+", "a/"));
  EXPECT_TRUE(keras::policy_pattern_fits(".*/dense_.", "m/n/dense_1"));
  EXPECT_FALSE(keras::policy_pattern_fits(".*/dense_.", "m/n/dense_12"));
  EXPECT_FALSE(keras::policy_pattern_fits("dense", "dense_1"));
  EXPECT_FALSE(keras::policy_pattern_fits("(dense", "(dense"));
  EXPECT_TRUE(keras::policy_pattern_fits("", ""));
  const std::string many(300, 'a');
  std::string stars;
  for (int i = 0; i < 100; ++i) stars += ".*a";
  EXPECT_TRUE(keras::policy_pattern_fits(stars, many));  // in time that grows with the product
  EXPECT_FALSE(keras::policy_pattern_fits(stars + "b", many));
}

TEST(PolicyMap, WhatIsNotClearIsRefused) {
  const auto message = [](const std::string& class_name, const std::string& config) {
    const keras::KerasModel model = model_of(class_name, config, false);
    try {
      keras::policy_of(model.root.model->layers.back(), model.writer);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  // Two patterns fit; a pattern beyond those that are read; a cell with a policy of its own.
  const std::string two = entry("l.*", "float16") + ", " + entry(".", "bfloat16");
  for (const std::string& entries : {two, entry("(l|m)", "float16")}) {
    EXPECT_THAT(message("Dense", ", 'units': 2" + map_of(entries)), HasSubstr("DTypePolicyMap"));
  }
  EXPECT_THAT(message("LSTM", ", 'units': 2" + map_of(entry("l", "float16"))),
              HasSubstr("is not supported"));
  EXPECT_EQ(message("LSTM", ", 'units': 2" + map_of(entry("other", "float16"))), "");
  EXPECT_EQ(message("LSTM", ", 'units': 2" + map_of(entry(".*", "float16"), "'float16'")), "");
}

}  // namespace
}  // namespace thaw::testing
