// Constants as TensorFlow writes them.
#include <gtest/gtest.h>

#include "tests/loaders/tf/text_graph.h"
#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

// The constant behind an output.
Tensor decoded(const std::string& type, const std::string& fields) {
  const Graph graph = graph_of_text(constant("c", type, fields) +
                                    node("y", "Identity", "c", attr("T", "type: " + type)));
  return *constant_of(graph, graph.outputs.at(0));
}

Failure refused(const std::string& type, const std::string& fields) {
  return failure_of(constant("c", type, fields) +
                    node("y", "Identity", "c", attr("T", "type: " + type)));
}

template <class T>
std::vector<T> elements(const Tensor& tensor) {
  return {tensor.data<T>(), tensor.data<T>() + tensor.num_elements()};
}

std::string shape(const std::string& dims) {
  std::string text = "tensor_shape { ";
  for (char c : dims) text += c == ' ' ? " " : "dim { size: " + std::string(1, c) + " } ";
  return text + "} ";
}

TEST(TensorProto, LastValueRepeats) {
  EXPECT_EQ(elements<float>(decoded("DT_FLOAT", shape("2 2") + "float_val: 1 float_val: 2.5")),
            (std::vector<float>{1, 2.5, 2.5, 2.5}));
  EXPECT_EQ(elements<std::int64_t>(decoded("DT_INT64", shape("3") + "int64_val: -7")),
            (std::vector<std::int64_t>{-7, -7, -7}));
  EXPECT_EQ(elements<std::string>(
                decoded("DT_STRING", shape("3") + "string_val: \"a\" string_val: \"bc\"")),
            (std::vector<std::string>{"a", "bc", "bc"}));
}

TEST(TensorProto, NoValuesAreZeros) {
  EXPECT_EQ(elements<float>(decoded("DT_FLOAT", shape("2"))), (std::vector<float>{0, 0}));
  EXPECT_EQ(elements<std::string>(decoded("DT_STRING", shape("1"))), std::vector<std::string>{""});
  EXPECT_EQ(decoded("DT_FLOAT", shape("0 3")).shape(), (Shape{0, 3}));
}

TEST(TensorProto, SurplusValuesAreIgnored) {
  EXPECT_EQ(elements<std::int32_t>(decoded("DT_INT32", shape("1") + "int_val: 4 int_val: 5")),
            std::vector<std::int32_t>{4});
}

TEST(TensorProto, NarrowTypesComeFromWideFields) {
  EXPECT_EQ(elements<std::uint8_t>(decoded("DT_UINT8", shape("2") + "int_val: 255 int_val: 3")),
            (std::vector<std::uint8_t>{255, 3}));
  EXPECT_EQ(elements<std::int16_t>(decoded("DT_INT16", "int_val: -300")),
            std::vector<std::int16_t>{-300});
  const Tensor half = decoded("DT_HALF", "half_val: 15872");
  EXPECT_EQ(to_float(half.data<float16>()[0]), 1.5F);
  const Tensor brain = decoded("DT_BFLOAT16", "half_val: 16320");
  EXPECT_EQ(to_float(brain.data<bfloat16>()[0]), 1.5F);
  EXPECT_EQ(elements<std::uint64_t>(decoded("DT_UINT64", "uint64_val: 18446744073709551615")),
            std::vector<std::uint64_t>{UINT64_MAX});
}

TEST(TensorProto, ComplexNumbersArePairs) {
  const Tensor value = decoded("DT_COMPLEX64", shape("2") + "scomplex_val: 1 scomplex_val: -2");
  const auto* parts = static_cast<const float*>(value.data());
  EXPECT_EQ(std::vector<float>(parts, parts + 4), (std::vector<float>{1, -2, 1, -2}));
}

TEST(TensorProto, RawContent) {
  EXPECT_EQ(elements<std::int32_t>(decoded(
                "DT_INT32", shape("2") + R"(tensor_content: "\001\000\000\000\377\377\377\377")")),
            (std::vector<std::int32_t>{1, -1}));
  // Any byte but 0 is true.
  const Tensor flags = decoded("DT_BOOL", shape("3") + R"(tensor_content: "\000\002\377")");
  const auto* bytes = static_cast<const unsigned char*>(flags.data());
  EXPECT_EQ(std::vector<int>(bytes, bytes + 3), (std::vector<int>{0, 1, 1}));
  EXPECT_EQ(
      elements<std::string>(decoded("DT_STRING", shape("2") + R"(tensor_content: "\001\002abc")")),
      (std::vector<std::string>{"a", "bc"}));
}

TEST(TensorProto, ContradictionsAreErrors) {
  EXPECT_EQ(refused("DT_FLOAT", shape("2") + R"(tensor_content: "\000\000\000\000")").code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(refused("DT_STRING", shape("2") + R"(tensor_content: "\001\005abc")").code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(refused("DT_FLOAT", "tensor_shape { dim { size: -1 } }").code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(refused("DT_FLOAT", "tensor_shape { dim { size: -9 } }").code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(refused("DT_FLOAT", "tensor_shape { unknown_rank: true }").code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(
      refused(
          "DT_FLOAT",
          "tensor_shape { dim { size: 9223372036854775807 } dim { size: 9223372036854775807 } }")
          .code,
      ErrorCode::invalid_argument);
  const Failure other_type = failure_of(
      node("c", "Const", "",
           attr("dtype", "type: DT_INT32") + attr("value", "tensor { dtype: DT_FLOAT }")) +
      node("y", "Identity", "c"));
  EXPECT_EQ(other_type.code, ErrorCode::invalid_argument);
  EXPECT_NE(other_type.message.find("'c' (Const)"), std::string::npos) << other_type.message;
  const Failure no_value = failure_of(node("c", "Const", "", attr("dtype", "type: DT_INT32")) +
                                      node("y", "Identity", "c"));
  EXPECT_NE(no_value.message.find("attribute 'value' is missing"), std::string::npos)
      << no_value.message;
}

TEST(TensorProto, FewBytesDoNotClaimAllMemory) {
  EXPECT_EQ(refused("DT_FLOAT", "tensor_shape { dim { size: 1099511627776 } } float_val: 1").code,
            ErrorCode::resource_exhausted);
  EXPECT_EQ(
      refused("DT_STRING", "tensor_shape { dim { size: 1073741824 } } string_val: \"x\"").code,
      ErrorCode::resource_exhausted);
}

TEST(TensorProto, TypesWithoutElementsAreRefusedByName) {
  const Failure failure = refused("DT_FLOAT8_E5M2FNUZ", "");
  EXPECT_EQ(failure.code, ErrorCode::unimplemented);
  EXPECT_NE(failure.message.find("DT_FLOAT8_E5M2FNUZ"), std::string::npos) << failure.message;
}

TEST(TensorProto, Float8StandsInGraphsButDoesNotLeaveThem) {
  EXPECT_EQ(
      refused("DT_FLOAT8_E5M2", "tensor_shape { dim { size: 3 } } tensor_content: \"ab\"").code,
      ErrorCode::invalid_argument);
  EXPECT_EQ(
      refused("DT_FLOAT8_E4M3FN", "tensor_shape { dim { size: 1099511627776 } } float8_val: \"a\"")
          .code,
      ErrorCode::resource_exhausted);
  const Failure fed =
      failure_of(placeholder("x", "2", "DT_FLOAT8_E5M2") +
                 node("y", "Cast", "x",
                      attr("SrcT", "type: DT_FLOAT8_E5M2") + attr("DstT", "type: DT_FLOAT")));
  EXPECT_EQ(fed.code, ErrorCode::unimplemented);
  EXPECT_NE(fed.message.find("DT_FLOAT8_E5M2"), std::string::npos) << fed.message;
}

}  // namespace
}  // namespace thaw::testing
