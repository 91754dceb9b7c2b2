// Quantised layers: what their policies mean, how packed numbers are read, what is refused by name.
#include "loaders/keras/quantised.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loaders/keras/policy.h"
#include "tests/loaders/keras/keras_testing.h"
#include "tests/support/evaluate_graph.h"

namespace thaw::testing {
namespace {

using keras::Quantisation;
using keras::QuantMode;
using ::testing::HasSubstr;

std::string model_of(const std::string& dtype, const std::string& more = "",
                     const std::string& layer = "Dense") {
  return "{'module': 'keras', 'class_name': 'Sequential', 'config': {'name': 's', 'layers': "
         "[{'module': 'keras.layers', 'class_name': 'InputLayer', 'config': {'name': 'x', "
         "'batch_shape': [null, 3], 'dtype': 'float32'}}, {'module': 'keras.layers', "
         "'class_name': '" +
         layer + "', 'config': {'name': 'd', 'trainable': true, 'units': 3, 'use_bias': false, " +
         "'dtype': " + dtype + more + "}}]}}";
}

std::string policy(const std::string& mode) {
  return "{'module': 'keras', 'class_name': 'QuantizedDTypePolicy', 'config': {'mode': '" + mode +
         "', 'source_name': 'bfloat16'}}";
}

Quantisation quantisation(const std::string& dtype, const std::string& more = "") {
  const keras::KerasModel model = config_of(model_of(dtype, more), "3.15.1");
  return keras::quantisation_of(model.root.model->layers[1]);
}

std::string refusal(const std::string& dtype, const std::string& more = "",
                    const std::string& layer = "Dense") {
  MemoryH5 file;
  file.add_array("layers/dense/vars/0", {3, 3});
  file.add_array("layers/p_re_lu/vars/0", {3});
  try {
    import_of(config_of(model_of(dtype, more, layer), "3.15.1"), file, true);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unimplemented) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("'d'"));
    return error.what();
  }
  return "no error";
}

TEST(Quantisation, IsReadFromThePolicy) {
  EXPECT_FALSE(quantisation("'float32'"));
  EXPECT_FALSE(quantisation("'mixed_float16'"));
  const Quantisation int8 = quantisation("'int8_from_float32'");
  EXPECT_EQ(int8.mode, QuantMode::int8);
  EXPECT_TRUE(int8.inputs);
  const Quantisation blocks = quantisation(policy("int4/128"));
  EXPECT_EQ(blocks.mode, QuantMode::int4);
  EXPECT_EQ(blocks.group, 128);
  EXPECT_FALSE(blocks.inputs);
  EXPECT_EQ(quantisation(policy("int4/-1")).group, -1);
  EXPECT_EQ(quantisation("'int4_from_float32'").group, -1);
  const Quantisation gptq = quantisation(policy("gptq/4/32"));
  EXPECT_EQ(gptq.mode, QuantMode::gptq);
  EXPECT_EQ(gptq.bits, 4);
  EXPECT_EQ(gptq.group, 32);
  EXPECT_EQ(quantisation(policy("awq/4/-1")).mode, QuantMode::awq);
  EXPECT_EQ(quantisation("'float8_from_mixed_bfloat16'").mode, QuantMode::float8);
}

TEST(Quantisation, ConfigurationsOutweighThePolicy) {
  const auto config = [](const std::string& name, const std::string& members) {
    return ", 'quantization_config': {'class_name': '" + name + "', 'config': {" + members + "}}";
  };
  EXPECT_FALSE(quantisation("'int8_from_float32'",
                            config("Int8QuantizationConfig", "'activation_quantizer': null"))
                   .inputs);
  EXPECT_EQ(
      quantisation("'int4_from_float32'", config("Int4QuantizationConfig", "'block_size': 64"))
          .group,
      64);
  const std::string absmax =
      "'activation_quantizer': {'class_name': 'AbsMaxQuantizer', 'config': {'value_range': [-127, "
      "127], 'output_dtype': 'int8'}}";
  EXPECT_TRUE(quantisation("'int4_from_float32'", config("Int4QuantizationConfig", absmax)).inputs);
  EXPECT_THAT(
      refusal("'int8_from_float32'",
              config("Int8QuantizationConfig",
                     "'activation_quantizer': {'class_name': 'MyQuantizer', 'config': {}}")),
      HasSubstr("activation quantizer"));
  EXPECT_THAT(refusal("'int8_from_float32'", config("MyConfig", "")),
              HasSubstr("quantization_config"));
}

TEST(Quantisation, TheRestIsRefusedByName) {
  for (const char* mode : {"ternary", "int4/0", "int4/x", "gptq/4", "int8/4", "int4/1/2"}) {
    EXPECT_THAT(refusal(policy(mode)),
                HasSubstr("quantisation mode '" + std::string(mode) + "' is not supported"))
        << mode;
  }
  EXPECT_THAT(refusal(policy("int8"), "", "PReLU"), HasSubstr("dtype policy"));
  EXPECT_THAT(refusal("{'module': 'keras', 'class_name': 'DTypePolicyMap', 'config': "
                      "{'default_policy': 'float32', 'policy_map': {'(a|b)': 'float16'}}}"),
              HasSubstr("DTypePolicyMap"));
}

TEST(Quantisation, TypesAreThoseOfTheSource) {
  const keras::KerasModel model = config_of(model_of(policy("int8")), "3.15.1");
  const keras::DtypePolicy types = keras::policy_of(model.root.model->layers[1], model.writer);
  EXPECT_EQ(types.compute, DType::bfloat16);
  EXPECT_EQ(types.variable, DType::bfloat16);
}

// Files that Keras 3.15 writes and cannot load itself.
TEST(Quantisation, ArraysThatTheConfigurationDoesNotExplainAreRefused) {
  const auto message = [](const std::string& dtype, int arrays) {
    MemoryH5 file;
    for (int i = 0; i < arrays; ++i) {
      file.arrays.emplace("layers/dense/vars/" + std::to_string(i), Tensor(DType::int8, {3, 3}));
    }
    try {
      import_of(config_of(model_of(dtype), "3.15.1"), file, true);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::unimplemented);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message("'float32'", 2),
              HasSubstr("layer 'd' (Dense): 2 quantised arrays in layers/dense/vars, expected 1: "
                        "its configuration does not say how it was quantised"));
  EXPECT_THAT(message(policy("gptq/4/-1"), 3),
              HasSubstr("3 quantised arrays in layers/dense/vars, expected 4: Keras wrote the "
                        "layer without its zero points"));
}

// [1, 2, 3; -4, -5, -6; 7, -8, 0] with a scale of 2 for the second column.
void expect_int4(const Shape& shape, const std::vector<std::int8_t>& packed) {
  MemoryH5 file;
  file.arrays.emplace("layers/dense/vars/0", Tensor::from<std::int8_t>(shape, packed));
  file.arrays.emplace("layers/dense/vars/1", Tensor::from<float>({3}, {1, 2, 1}));
  const Graph graph = import_of(config_of(model_of("'int4_from_float32'"), "3.15.1"), file, true);
  const Tensor y = evaluate_graph(graph, {Tensor::from<float>({1, 3}, {1, 10, 100})})[0];
  EXPECT_FLOAT_EQ(y.data<float>()[0], 1 - 40 + 700);
  EXPECT_FLOAT_EQ(y.data<float>()[1], (2.f - 50 - 800) / 2);
  EXPECT_FLOAT_EQ(y.data<float>()[2], 3 - 60);
}

TEST(Quantisation, FourBitsArePackedByColumnsAndFormerlyByRows) {
  const auto byte = [](int low, int high) {
    return static_cast<std::int8_t>((low & 15) | (high & 15) << 4);
  };
  expect_int4({3, 2}, {byte(1, 2), byte(3, 0), byte(-4, -5), byte(-6, 0), byte(7, -8), byte(0, 0)});
  expect_int4({2, 3}, {byte(1, -4), byte(2, -5), byte(3, -6), byte(7, 0), byte(-8, 0), byte(0, 0)});
}

TEST(Quantisation, PackedShapesAreChecked) {
  MemoryH5 file;
  file.arrays.emplace("layers/dense/vars/0", Tensor(DType::int8, {3, 3}));
  file.arrays.emplace("layers/dense/vars/1", Tensor(DType::float32, {3}));
  try {
    import_of(config_of(model_of("'int4_from_float32'"), "3.15.1"), file, true);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("[3, 3] holds no [3, 3] numbers of 4 bits"));
  }
}

TEST(Quantisation, GroupIndicesStayInside) {
  MemoryH5 file;
  file.arrays.emplace("layers/dense/vars/0", Tensor(DType::int8, {3, 2}));
  file.arrays.emplace("layers/dense/vars/1", Tensor(DType::float32, {2, 3}));
  file.arrays.emplace("layers/dense/vars/2", Tensor(DType::int8, {2, 3}));
  file.arrays.emplace("layers/dense/vars/3", Tensor::from<float>({3}, {0, 1, 2}));
  try {
    import_of(config_of(model_of(policy("int4/2")), "3.15.1"), file, true);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("g_idx holds 2, but there are 2 groups"));
  }
}

}  // namespace
}  // namespace thaw::testing
