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
#include "thaw/error.h"

namespace thaw {
namespace {

using testing::HasSubstr;
using Rng = std::mt19937;

// ---- equality of graphs, attribute by attribute ----

bool same(const Tensor& a, const Tensor& b) {
  if (a.type() != b.type()) return false;
  if (a.dtype() == DType::string) {
    return std::equal(a.data<std::string>(), a.data<std::string>() + a.num_elements(),
                      b.data<std::string>());
  }
  return a.size_bytes() == 0 || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}
template <class T>
bool same(const T& a, const T& b) {
  return a == b;
}
bool same(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }
bool same(const UnaryFn& a, const UnaryFn& b) {
  return a.kind == b.kind && same(a.alpha, b.alpha) && same(a.beta, b.beta);
}

bool same(const Op& a, const Op& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&]<class T>(const T& first) {
        bool equal = true;
        if constexpr (!std::is_same_v<T, std::monostate>) {
          std::vector<const void*> values;
          T::fields(first, [&](const char*, const auto& value) { values.push_back(&value); });
          std::size_t i = 0;
          T::fields(std::get<T>(b), [&]<class V>(const char*, const V& value) {
            equal = equal && same(*static_cast<const V*>(values[i++]), value);
          });
        }
        return equal;
      },
      a);
}

void expect_same(const Graph& a, const Graph& b) {
  EXPECT_EQ(a.name, b.name);
  ASSERT_EQ(a.values.size(), b.values.size());
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    EXPECT_EQ(a.values[i].name, b.values[i].name);
    EXPECT_EQ(a.values[i].type, b.values[i].type);
    EXPECT_EQ(a.values[i].producer, b.values[i].producer);
  }
  ASSERT_EQ(a.nodes.size(), b.nodes.size());
  for (std::size_t i = 0; i < a.nodes.size(); ++i) {
    EXPECT_TRUE(same(a.nodes[i].op, b.nodes[i].op)) << name_of(a.nodes[i].op);
    EXPECT_EQ(a.nodes[i].inputs, b.nodes[i].inputs);
    EXPECT_EQ(a.nodes[i].outputs, b.nodes[i].outputs);
    EXPECT_EQ(a.nodes[i].name, b.nodes[i].name);
  }
  EXPECT_EQ(a.inputs, b.inputs);
  EXPECT_EQ(a.outputs, b.outputs);
  EXPECT_EQ(a.input_names, b.input_names);
  EXPECT_EQ(a.output_names, b.output_names);
  ASSERT_EQ(a.variables.size(), b.variables.size());
  for (std::size_t i = 0; i < a.variables.size(); ++i) {
    EXPECT_EQ(a.variables[i].name, b.variables[i].name);
    EXPECT_TRUE(same(a.variables[i].initial, b.variables[i].initial));
  }
  ASSERT_EQ(a.subgraphs.size(), b.subgraphs.size());
  for (std::size_t i = 0; i < a.subgraphs.size(); ++i) expect_same(a.subgraphs[i], b.subgraphs[i]);
}

// ---- random graphs: any attributes, names, types; the text asks for no sense ----

std::int64_t pick(Rng& rng, std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(rng);
}
std::string random_name(Rng& rng) {
  std::string name(static_cast<std::size_t>(pick(rng, 0, 6)), ' ');
  for (char& c : name) c = static_cast<char>(pick(rng, 0, 255));
  return name;
}
Shape random_shape(Rng& rng, bool known) {
  if (!known && pick(rng, 0, 5) == 0) return Shape::unknown_rank();
  std::vector<std::int64_t> dims(static_cast<std::size_t>(pick(rng, 0, 3)));
  for (std::int64_t& dim : dims) dim = pick(rng, known ? 0 : -1, 3);
  return Shape(dims);
}
Tensor random_tensor(Rng& rng) {
  static constexpr DType kTypes[] = {
      DType::float16, DType::bfloat16,  DType::float32,    DType::float64,
      DType::int8,    DType::int16,     DType::int32,      DType::int64,
      DType::uint8,   DType::uint16,    DType::uint32,     DType::uint64,
      DType::boolean, DType::complex64, DType::complex128, DType::string};
  Tensor tensor(kTypes[pick(rng, 0, 15)], random_shape(rng, true));
  if (tensor.dtype() == DType::string) {
    for (std::int64_t i = 0; i < tensor.num_elements(); ++i) {
      tensor.mutable_data<std::string>()[i] = random_name(rng);
    }
    return tensor;
  }
  auto* bytes = static_cast<unsigned char*>(tensor.mutable_data());
  const std::int64_t most = tensor.dtype() == DType::boolean ? 1 : 255;
  for (std::size_t i = 0; i < tensor.size_bytes(); ++i) {
    bytes[i] = static_cast<unsigned char>(pick(rng, 0, most));
  }
  return tensor;
}

void randomize(Rng& rng, bool& value) { value = pick(rng, 0, 1) == 1; }
void randomize(Rng& rng, std::int32_t& value) {
  value = static_cast<std::int32_t>(pick(rng, 0, 9));
}
void randomize(Rng& rng, std::int64_t& value) { value = pick(rng, INT64_MIN, INT64_MAX); }
void randomize(Rng& rng, double& value) {
  const std::int64_t bits = pick(rng, INT64_MIN, INT64_MAX);
  std::memcpy(&value, &bits, sizeof value);
}
void randomize(Rng& rng, std::string& value) { value = random_name(rng); }
void randomize(Rng& rng, Tensor& value) { value = random_tensor(rng); }
void randomize(Rng& rng, DType& value) { value = static_cast<DType>(pick(rng, 0, 18)); }
void randomize(Rng& rng, ops::Ints& value) {
  value.resize(static_cast<std::size_t>(pick(rng, 0, 3)));
  for (std::int64_t& number : value) randomize(rng, number);
}
void randomize(Rng& rng, UnaryFn& fn) {
  fn.kind = static_cast<UnaryKind>(pick(rng, 0, static_cast<int>(UnaryKind::digamma)));
  randomize(rng, fn.alpha);
  randomize(rng, fn.beta);
}
void randomize(Rng& rng, Padding& padding) {
  padding.kind = static_cast<PaddingKind>(pick(rng, 0, 3));
  randomize(rng, padding.before);
  randomize(rng, padding.after);
}
template <class Kind>
requires std::is_enum_v<Kind>
void randomize(Rng& rng, Kind& kind) {
  std::int64_t last = 1;
  if constexpr (std::is_same_v<Kind, BinaryKind>) last = static_cast<int>(BinaryKind::right_shift);
  if constexpr (std::is_same_v<Kind, ReduceKind>) last = 6;
  if constexpr (std::is_same_v<Kind, ScatterKind>) last = 3;
  if constexpr (std::is_same_v<Kind, PadMode> || std::is_same_v<Kind, CellKind> ||
                std::is_same_v<Kind, ShapeQueryKind>) {
    last = 2;
  }
  kind = static_cast<Kind>(pick(rng, 0, last));
}

std::vector<Op> all_ops() {
  return {
#define X(name, Struct) ops::Struct{},
      THAW_OPS(X)
#undef X
  };
}

Graph random_graph(Rng& rng, int depth) {
  Graph graph;
  graph.name = random_name(rng);
  const std::vector<Op> ops = all_ops();
  std::vector<std::size_t> order;
  for (int i = 0; i < 30; ++i)
    order.push_back(static_cast<std::size_t>(pick(rng, 0, std::ssize(ops) - 1)));
  for (const std::size_t which : order) {
    Node node{ops[which], {}, {}, random_name(rng)};
    std::visit(
        [&]<class T>(T& op) {
          if constexpr (!std::is_same_v<T, std::monostate>) {
            T::fields(op, [&](const char*, auto& value) { randomize(rng, value); });
          }
        },
        node.op);
    const auto known = static_cast<std::int64_t>(graph.values.size());
    for (std::int64_t n = known == 0 ? 0 : pick(rng, 0, 3); n > 0; --n) {
      node.inputs.push_back(static_cast<ValueId>(pick(rng, 0, known - 1)));
    }
    const auto id = static_cast<NodeId>(graph.nodes.size());
    const bool is_input = std::holds_alternative<ops::Input>(node.op);
    for (std::int64_t n = is_input ? 1 : pick(rng, 0, 2); n > 0; --n) {
      node.outputs.push_back(static_cast<ValueId>(graph.values.size()));
      const auto dtype = static_cast<DType>(pick(rng, 1, 18));
      graph.values.push_back({random_name(rng), {dtype, random_shape(rng, false)}, id});
    }
    if (is_input && pick(rng, 0, 1) == 0) {
      graph.inputs.push_back(node.outputs[0]);
      graph.input_names.push_back(random_name(rng));
    }
    graph.nodes.push_back(std::move(node));
  }
  for (int i = 0; i < 3 && !graph.values.empty(); ++i) {
    graph.outputs.push_back(static_cast<ValueId>(pick(rng, 0, std::ssize(graph.values) - 1)));
    graph.output_names.push_back(random_name(rng));
  }
  if (depth == 0)
    graph.variables = {{random_name(rng), random_tensor(rng)}, {"", random_tensor(rng)}};
  for (int i = 0; i < 2 && depth < 2; ++i) graph.subgraphs.push_back(random_graph(rng, depth + 1));
  return graph;
}

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
