// Constants as TensorFlow writes them.
#include <gtest/gtest.h>

#include <limits>
#include <span>

#include "loaders/tf/tf.h"
#include "runtime/exec/evaluator.h"
#include "tests/loaders/tf/text_graph.h"
#include "tests/loaders/tf/tf_testing.h"
#include "tf/proto/thaw_tf.pb.h"

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

TEST(TensorProto, HalvesAreSixteenBits) {
  for (const char* type : {"DT_HALF", "DT_BFLOAT16"}) {
    for (const char* bits : {"65536", "-1", "2147483647"}) {
      const Failure failure = refused(
          type, std::string("half_val: 1 half_val: ") + bits + " tensor_shape { dim { size: 2 } }");
      EXPECT_EQ(failure.code, ErrorCode::invalid_argument) << type << " " << bits;
      EXPECT_NE(failure.message.find(std::string("attribute 'value': ") + bits), std::string::npos)
          << failure.message;
    }
  }
  EXPECT_EQ(to_float(decoded("DT_BFLOAT16", "half_val: 65408").data<bfloat16>()[0]),
            -std::numeric_limits<float>::infinity());
}

// On the wire a bool is a number, of which protobuf makes 0 or 1; text says what it is.
TEST(TensorProto, BoolsAreZeroOrOne) {
  EXPECT_EQ(refused("DT_BOOL", "bool_val: 2").code, ErrorCode::data_loss);
  tf::GraphDef graph;
  tf::NodeDef* made = graph.add_node();
  made->set_name("c");
  made->set_op("Const");
  tf::AttrEntry* dtype = made->add_attr();
  dtype->set_key("dtype");
  dtype->mutable_value()->set_type(tf::DT_BOOL);
  tf::AttrEntry* value = made->add_attr();
  value->set_key("value");
  value->mutable_value()->mutable_tensor()->set_dtype(tf::DT_BOOL);
  value->mutable_value()->mutable_tensor()->add_bool_val(true);
  tf::NodeDef* result = graph.add_node();
  result->set_name("y");
  result->set_op("Identity");
  result->add_input("c");
  std::string bytes = graph.SerializeAsString();
  const std::size_t at = bytes.find("\x5a\x01\x01");  // bool_val, packed: one byte
  ASSERT_NE(at, std::string::npos);
  bytes[at + 2] = 2;
  const LoadedModel model = load_frozen_graph(
      {std::as_bytes(std::span(bytes)), nullptr, "graph.pb"}, {}, reference_evaluator());
  const Graph& loaded = model.signatures.at(0).graph;
  const Tensor flag = *constant_of(loaded, loaded.outputs.at(0));
  EXPECT_EQ(*static_cast<const unsigned char*>(flag.data()), 1);
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

TEST(TensorProto, Float8IsNoResultOfAFrozenGraph) {
  const std::string type = "type: DT_FLOAT8_E4M3FN", list = "list { " + type + " }";
  const std::string x = placeholder("x", "2"),
                    eight =
                        node("e", "Cast", "x", attr("SrcT", "type: DT_FLOAT") + attr("DstT", type));
  const std::string call =
      attr("f", "func { name: \"id\" }") + attr("Tin", list) + attr("Tout", list);
  const std::string id = function("id", "a:DT_FLOAT8_E4M3FN", "r:DT_FLOAT8_E4M3FN", "", "r=a");
  const std::pair<const char*, std::string> rows[] = {
      {"e:0", x + eight},
      {"y:0", x + eight + node("y", "Identity", "e", attr("T", type))},
      {"y:0", x + eight + node("y", "IdentityN", "e", attr("T", list))},
      {"y:0", x + eight + node("y", "PartitionedCall", "e", call) + id},
      {"y:0", x + eight + node("y", "id", "e") + id},
      {"y:0", constant("y", "DT_FLOAT8_E4M3FN", "float8_val: \"a\"")},
  };
  for (const auto& [result, graph] : rows) {
    LoadOptions options;
    options.outputs = {result};
    const Failure failure = failure_of(graph, options);
    EXPECT_EQ(failure.code, ErrorCode::unimplemented) << graph << failure.message;
    EXPECT_NE(failure.message.find("result of float8 (e4m3fn)"), std::string::npos)
        << graph << failure.message;
    EXPECT_NE(failure.message.find(result), std::string::npos) << failure.message;
  }
  // What is cast back, and what only counts it, are results.
  const Graph graph =
      graph_of_text(x + eight + node("s", "Shape", "e", attr("T", type)) +
                    node("y", "Cast", "e", attr("SrcT", type) + attr("DstT", "type: DT_FLOAT")));
  EXPECT_EQ(graph.outputs.size(), 2U);
}

}  // namespace
}  // namespace thaw::testing
