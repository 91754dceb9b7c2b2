#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>
#include <type_traits>

#include "runtime/ir/graph.h"
#include "tests/ir/random_graph.h"
#include "thaw/error.h"

namespace thaw {
namespace {

using test::all_ops;
using test::expect_same;
using test::pick;
using test::random_graph;
using test::randomize;
using test::Rng;
using test::same;
using testing::HasSubstr;

TEST(GraphText, RandomGraphsRoundTrip) {
  Rng rng(7);
  for (int i = 0; i < 60; ++i) {
    const Graph graph = random_graph(rng, 0);
    const std::string text = to_text(graph);
    const Graph again = parse(text);
    expect_same(graph, again);
    EXPECT_EQ(to_text(again), text);
    if (HasFailure()) FAIL() << text;
  }
}

TEST(GraphText, EveryOpRoundTrips) {
  Rng rng(11);
  for (const Op& plain : all_ops()) {
    for (int round = 0; round < 8; ++round) {
      Graph graph;
      Node node{plain, {}, {0}, "n"};
      std::visit(
          [&]<class T>(T& op) {
            if constexpr (!std::is_same_v<T, std::monostate>) {
              T::fields(op, [&](const char*, auto& value) {
                if (round > 0) randomize(rng, value);
              });
            }
          },
          node.op);
      graph.values.push_back({"v", {DType::float32, Shape{2}}, 0});
      graph.nodes.push_back(std::move(node));
      if (std::holds_alternative<ops::Input>(plain)) {
        graph.inputs = {0};
        graph.input_names = {"x"};
      }
      const std::string text = to_text(graph);
      expect_same(graph, parse(text));
      if (HasFailure()) FAIL() << text;
    }
  }
}

Tensor round_trip(const Tensor& tensor) {
  Graph graph;
  graph.values.push_back({"", tensor.type(), 0});
  graph.nodes.push_back({ops::Constant{tensor}, {}, {0}, ""});
  return std::get<ops::Constant>(parse(to_text(graph)).nodes[0].op).value;
}

TEST(GraphText, SpecialElements) {
  using F = std::numeric_limits<float>;
  using D = std::numeric_limits<double>;
  const Tensor floats =
      Tensor::from<float>({10}, {0.0f, -0.0f, F::infinity(), -F::infinity(), F::quiet_NaN(),
                                 -F::quiet_NaN(), F::max(), F::denorm_min(), F::min(), 0.1f});
  const Tensor doubles = Tensor::from<double>(
      {2, 4},
      {-0.0, D::infinity(), D::quiet_NaN(), -D::quiet_NaN(), D::max(), D::denorm_min(), 0.1, 1e22});
  const Tensor longs = Tensor::from<std::int64_t>({2}, {INT64_MIN, INT64_MAX});
  const Tensor unsigneds = Tensor::from<std::uint64_t>({1}, {UINT64_MAX});
  const Tensor strings = Tensor::from<std::string>(
      {4}, {"", "a \"quoted\" \\ word\n", std::string("\0\xff\x80", 3), "gr\xc3\xbc\xc3\x9f"});
  for (const Tensor& tensor :
       {floats, doubles, longs, unsigneds, strings, Tensor(DType::float32, {0, 3}),
        Tensor(DType::boolean, {3}), Tensor(DType::complex128, {2})}) {
    EXPECT_TRUE(same(round_trip(tensor), tensor)) << to_string(tensor.type());
  }
  for (const DType dtype : {DType::float16, DType::bfloat16}) {  // every pattern
    for (std::uint32_t begin = 0; begin < 65536; begin += 64) {
      Tensor tensor(dtype, {64});
      for (std::uint32_t i = 0; i < 64; ++i) {
        static_cast<std::uint16_t*>(tensor.mutable_data())[i] =
            static_cast<std::uint16_t>(begin + i);
      }
      ASSERT_TRUE(same(round_trip(tensor), tensor)) << name_of(dtype) << " from " << begin;
    }
  }
}

TEST(GraphText, LargeConstantsPrintAsChecksum) {
  Graph graph;
  Tensor tensor(DType::float32, {65});
  graph.values.push_back({"", tensor.type(), 0});
  graph.nodes.push_back({ops::Constant{tensor}, {}, {0}, ""});
  const std::string zeros = to_text(graph);
  EXPECT_THAT(zeros, HasSubstr("float32[65](checksum 0x"));
  EXPECT_THROW(parse(zeros), Error);
  EXPECT_TRUE(same(parse(to_text(graph, 65)).nodes[0].op, graph.nodes[0].op));
  tensor.mutable_data<float>()[3] = 1;
  EXPECT_NE(to_text(graph), zeros);
}

TEST(GraphText, PrintsAsDocumented) {
  const std::string text =
      "graph \"g\" {\n"
      "  variable \"n\" = int64[](0)\n"
      "  %0 \"x\": float32[?, 8, 8, 1] = input() @ \"x\"\n"
      "  %1: float32[1, 1, 1, 2] = constant() {value = float32[1, 1, 1, 2](0.5, -1)}\n"
      "  %2: float32[?, 8, 8, 2] = conv(%0, %1) {strides = [1, 1], dilations = [1, 1], padding = "
      "same, "
      "activation = clamp(0, 6)} @ \"conv\"\n"
      "  inputs(%0 \"x\")\n"
      "  outputs(%2 \"y\")\n"
      "}\n";
  EXPECT_EQ(to_text(parse(text)), text);
}

TEST(GraphText, TheExampleOfTheDocumentation) {
  std::ifstream file(THAW_SOURCE_DIR "/docs/graph-text.md");
  std::stringstream page;
  page << file.rdbuf();
  const std::string text = page.str();
  const std::size_t begin = text.find("graph \"classifier\"");
  ASSERT_NE(begin, std::string::npos);
  const Graph graph = parse(text.substr(begin, text.find("```", begin) - begin));
  verify(graph, "documentation");
  EXPECT_EQ(graph.output_names, (std::vector<std::string>{"value", "index"}));
}

TEST(GraphText, ShortForms) {
  const Graph graph = parse(R"(graph {  # no name
      %image: float32[?, 3] = input()
      %w = constant() {value = float32[3, 2](1, 2, 3, 4, 5, 6)}
      %y = matmul(%image, %w)
      outputs(%y)
    })");
  EXPECT_EQ(graph.values[2].type, (TensorType{DType::float32, Shape{kUnknownDim, 2}}));
  EXPECT_EQ(graph.inputs, std::vector<ValueId>{0});
  verify(graph, "test");
  // Numbers in any order are the ids.
  const Graph swapped = parse("graph { %1: int32[] = input() %0 = identity(%1) outputs(%0) }");
  EXPECT_EQ(swapped.outputs[0], 0);
  EXPECT_EQ(swapped.values[1].producer, 0);
}

TEST(GraphText, PrintsWhatIsBroken) {
  Graph graph = parse("graph { %0: int32[] = input() %1 = identity(%0) outputs(%1) }");
  graph.nodes[1].inputs = {99, -5};
  graph.nodes[1].outputs = {42};
  graph.nodes[0].op = std::monostate{};
  graph.output_names.clear();
  EXPECT_THAT(to_text(graph), HasSubstr("%42 = identity(%99, %-5)"));
}

std::string parse_error(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << text;
    return error.what();
  }
  return "no error";
}

TEST(GraphText, ErrorsSayWhere) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", "1:1: expected 'graph', found the end"},
      {"graph", "1:6: expected '{', found the end"},
      {"graph {\n  %0 = nothing()\n}", "2:3: 'nothing' is no op"},
      {"graph {\n  %0: float32[2] = input()\n  %1 = identity(%2)\n}", "3:17: %2 is not defined"},
      {"graph { %0: float32[2] = input() %0 = identity(%0) }", "1:34: %0 is defined twice"},
      {"graph { %0: float31[2] = input() }", "1:13: 'float31' is no element type"},
      {"graph { %0: float32[-2] = input() }", "1:21: expected a size or '?'"},
      {"graph { %0: float32[2 = input() }", "1:23: expected ',', found '= input() }'"},
      {"graph { %0 = input() }", "1:9: an input needs a type"},
      {"graph { %0 = identity(%0) }", "1:23: a node cannot use its own result"},
      {"graph { %0 = constant() {valu = 1} }", "1:26: constant has no attribute 'valu'"},
      {"graph { %0 = constant() {value = int32[2](1)} }",
       "1:34: expected 2 elements for int32[2], found 1"},
      {"graph { %0 = constant() {value = int32[1](1.5)} }", "1:44: expected the end of a number"},
      {"graph { %0 = constant() {value = int8[1](200)} }", "1:42: number out of range"},
      {"graph { %0 = constant() {value = int8[?](2)} }",
       "1:34: a constant cannot be of type int8[?]"},
      {"graph { %0 = constant() {value = table[](2)} }",
       "1:34: a constant cannot be of type table[]"},
      {"graph { %0 = constant() {value = string[1](\"ab)} }", "expected '\"', found the end"},
      {"graph { %0 = constant() {value = string[1](\"\\q\")} }",
       "1:45: expected \\\", \\\\, \\n or \\xHH"},
      {"graph { %0 = constant() {value = float32[1](nan:0x3f800000)} }",
       "expected the bits of a NaN"},
      {"graph { %0: int32[] = input() %1 = unary(%0) {fn = relux} }",
       "1:52: 'relux' is no function"},
      {"graph { %0: int32[] = input() %1 = reduce(%0) {kind = big} }",
       "1:55: expected one of sum, mean"},
      {"graph { %0: int32[] = input() %1 = reduce(%0) {keep_dims = 1} }",
       "1:60: expected true or false"},
      {"graph { %0: int32[] = input() %1 = unary(%0) {fn = exp} }", "1:31: unary: exp: expected"},
      {"graph { subgraph \"a\" { variable \"v\" = int32[](0) } }",
       "1:24: variables belong to the outermost graph"},
      {"graph { } }", "1:11: expected the end"},
      {"graph { %0: int32[] = input() outputs(%0 }", "1:42: expected ',', found '}'"},
  };
  for (const auto& [text, message] : rows)
    EXPECT_THAT(parse_error(text), HasSubstr(message)) << text;
  std::string nested = "graph ";
  for (int i = 0; i < 2000; ++i) nested += "{ subgraph ";
  EXPECT_THAT(parse_error(nested), HasSubstr("nested too deep"));
}

TEST(GraphText, DamagedTextIsAnErrorOrAGraph) {
  Rng rng(3);
  for (int i = 0; i < 40; ++i) {
    const std::string text = to_text(random_graph(rng, 1));
    for (int n = 0; n < 40; ++n) {
      std::string damaged = text;
      const auto at = static_cast<std::size_t>(pick(rng, 0, std::ssize(text) - 1));
      if (n % 2 == 0) {
        damaged[at] = static_cast<char>(pick(rng, 0, 255));
      } else {
        damaged.resize(at);
      }
      try {
        to_text(parse(damaged));
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace thaw
