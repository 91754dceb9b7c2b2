// Random graphs with every op, attribute and type, and their comparison.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "runtime/ir/graph.h"

namespace thaw::test {

using Rng = std::mt19937;

// ---- equality of graphs, attribute by attribute ----

inline bool same(const Tensor& a, const Tensor& b) {
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
inline bool same(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }
inline bool same(const UnaryFn& a, const UnaryFn& b) {
  return a.kind == b.kind && same(a.alpha, b.alpha) && same(a.beta, b.beta);
}

inline bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}
inline bool same(const Attributes& a, const Attributes& b) {
  return std::equal(
      a.entries().begin(), a.entries().end(), b.entries().begin(), b.entries().end(),
      [](const Attributes::Entry& x, const Attributes::Entry& y) {
        return x.first == y.first && x.second.index() == y.second.index() &&
               std::visit(
                   [&]<class T>(const T& value) { return same(value, std::get<T>(y.second)); },
                   x.second);
      });
}

inline bool same(const Op& a, const Op& b) {
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

inline void expect_same(const Graph& a, const Graph& b) {
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

inline std::int64_t pick(Rng& rng, std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(rng);
}
inline std::string random_name(Rng& rng) {
  std::string name(static_cast<std::size_t>(pick(rng, 0, 6)), ' ');
  for (char& c : name) c = static_cast<char>(pick(rng, 0, 255));
  return name;
}
inline Shape random_shape(Rng& rng, bool known) {
  if (!known && pick(rng, 0, 5) == 0) return Shape::unknown_rank();
  std::vector<std::int64_t> dims(static_cast<std::size_t>(pick(rng, 0, 3)));
  for (std::int64_t& dim : dims) dim = pick(rng, known ? 0 : -1, 3);
  return Shape(dims);
}
inline Tensor random_tensor(Rng& rng) {
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

inline void randomize(Rng& rng, bool& value) { value = pick(rng, 0, 1) == 1; }
inline void randomize(Rng& rng, std::int32_t& value) {
  value = static_cast<std::int32_t>(pick(rng, 0, 9));
}
inline void randomize(Rng& rng, std::int64_t& value) { value = pick(rng, INT64_MIN, INT64_MAX); }
inline void randomize(Rng& rng, double& value) {
  const std::int64_t bits = pick(rng, INT64_MIN, INT64_MAX);
  std::memcpy(&value, &bits, sizeof value);
}
inline void randomize(Rng& rng, std::string& value) { value = random_name(rng); }
inline void randomize(Rng& rng, Tensor& value) { value = random_tensor(rng); }
inline void randomize(Rng& rng, DType& value) { value = static_cast<DType>(pick(rng, 0, 18)); }
template <class T>
void randomize(Rng& rng, std::vector<T>& values) {
  values.resize(static_cast<std::size_t>(pick(rng, 0, 3)));
  for (T& value : values) randomize(rng, value);
}
template <std::size_t I = 0>
void randomize(Rng& rng, Attributes& attributes) {  // one of each kind, some left out
  if constexpr (I == 0) attributes = {};
  if constexpr (I < std::variant_size_v<Attributes::Value>) {
    Attributes::Value value(std::in_place_index<I>);
    std::visit([&](auto& typed) { randomize(rng, typed); }, value);
    if (pick(rng, 0, 1) == 1) attributes.set("a" + std::to_string(I), std::move(value));
    if constexpr (I + 1 < std::variant_size_v<Attributes::Value>) randomize<I + 1>(rng, attributes);
  }
}
inline void randomize(Rng& rng, UnaryFn& fn) {
  fn.kind = static_cast<UnaryKind>(pick(rng, 0, static_cast<int>(UnaryKind::digamma)));
  randomize(rng, fn.alpha);
  randomize(rng, fn.beta);
}
inline void randomize(Rng& rng, Padding& padding) {
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
  if constexpr (std::is_same_v<Kind, ScatterKind>) last = 4;
  if constexpr (std::is_same_v<Kind, PadMode> || std::is_same_v<Kind, CellKind> ||
                std::is_same_v<Kind, ShapeQueryKind>) {
    last = 2;
  }
  kind = static_cast<Kind>(pick(rng, 0, last));
}

inline std::vector<Op> all_ops() {
  return {
#define X(name, Struct) ops::Struct{},
      THAW_OPS(X)
#undef X
  };
}

inline Graph random_graph(Rng& rng, int depth) {
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

}  // namespace thaw::test
