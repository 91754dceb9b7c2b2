// The reference backend against what TensorFlow and Keras compute (vectors/*.npz, make_vectors.py).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "kernels/backend.h"
#include "loaders/source/npz.h"
#include "tests/kernels/compare.h"

namespace thaw::test {
namespace {

struct Case {
  std::string op;
  std::map<std::string, Tensor> arrays;

  std::vector<Tensor> sequence(const char* prefix) const {
    std::vector<Tensor> tensors;
    for (int i = 0;; ++i) {
      const auto found = arrays.find(fmt::format("{}{}", prefix, i));
      if (found == arrays.end()) return tensors;
      tensors.push_back(found->second);
    }
  }
};

std::map<std::string, Case> read_cases(const std::string& file) {
  std::map<std::string, Case> cases;
  const std::string path = std::string(THAW_SOURCE_DIR) + "/tests/kernels/vectors/" + file + ".npz";
  for (auto& [key, tensor] : read_npz(path, Limits{})) {
    const auto bar = key.find('|');
    Case& entry = cases[key.substr(0, bar)];
    const std::string part = key.substr(bar + 1);
    if (part == "op") {
      entry.op = *tensor.data<std::string>();
    } else {
      entry.arrays[part] = tensor;
    }
  }
  return cases;
}

/// The op that a graph's text calls `text`, made from a graph with one node.
Op parse_op(const std::string& text, const std::vector<Tensor>& inputs, std::size_t outputs) {
  std::string graph = "graph {\n", operands, results;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    graph += fmt::format("%{}: {} = input()\n", i, to_string(inputs[i].type()));
    operands += fmt::format("{}%{}", i == 0 ? "" : ", ", i);
  }
  for (std::size_t i = 0; i < outputs; ++i) results += fmt::format("{}%y{}", i == 0 ? "" : ", ", i);
  const auto brace = std::min(text.find(' '), text.size());
  graph +=
      fmt::format("{} = {}({}) {}\n", results, text.substr(0, brace), operands, text.substr(brace));
  graph += "outputs(%y0)\n}";
  return parse(graph).nodes.back().op;
}

class ReferenceVectors : public testing::TestWithParam<const char*> {};

TEST_P(ReferenceVectors, AgreesWithTensorFlow) {
  const std::map<std::string, Case> cases = read_cases(GetParam());
  EXPECT_GT(cases.size(), 40u);
  for (const auto& [name, entry] : cases) {
    SCOPED_TRACE(name + ": " + entry.op);
    const std::vector<Tensor> inputs = entry.sequence("in"), expected = entry.sequence("out");
    ASSERT_FALSE(expected.empty());
    std::vector<Tensor> results;
    try {
      const Op op = parse_op(entry.op, inputs, expected.size());
      results = evaluate(op, inputs, static_cast<int>(expected.size()));
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
      continue;
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double tolerance = elementwise_tolerance(expected[i].dtype());
      EXPECT_EQ(first_difference(results[i], expected[i], tolerance), "") << "result " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, ReferenceVectors,
                         testing::Values("elementwise", "windows", "layout", "reductions",
                                         "recurrent"),
                         [](const auto& file) { return std::string(file.param); });

}  // namespace
}  // namespace thaw::test
