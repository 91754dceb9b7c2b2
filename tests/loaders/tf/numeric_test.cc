// Random numbers and quantisation of graphs: what is noted, what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loaders/tf/text_graph.h"
#include "tests/loaders/tf/tf_testing.h"

namespace thaw::testing {
namespace {

const std::string kShape =
    constant("shape", "DT_INT32", "tensor_shape { dim { size: 1 } } int_val: 8");

std::string random_node(const std::string& seeds) {
  return kShape + node("r", "RandomUniform", "shape",
                       attr("T", "type: DT_INT32") + attr("dtype", "type: DT_FLOAT") + seeds);
}

std::vector<float> numbers(const Graph& graph) {
  const Tensor y = run_graph(graph, {}).at(0);
  return {y.data<float>(), y.data<float>() + y.num_elements()};
}

TEST(RandomNumbers, WithoutASeedEveryRunDiffersAndANoteSaysSo) {
  const LoadedModel model = load_text(random_node(""));
  const Graph& graph = model.signatures.at(0).graph;
  EXPECT_NE(numbers(graph), numbers(graph));
  ASSERT_EQ(model.info.notes.size(), 1u);
  EXPECT_THAT(model.info.notes[0], ::testing::HasSubstr("'r' draws random numbers without a seed"));
}

TEST(RandomNumbers, WithASeedTheSessionKeepsTheState) {
  const LoadedModel model = load_text(random_node(attr("seed", "i: 7")));
  const Graph& graph = model.signatures.at(0).graph;
  EXPECT_EQ(graph.variables.size(), 1u);
  EXPECT_EQ(numbers(graph), numbers(graph));  // a first run each
  EXPECT_TRUE(model.info.notes.empty());
}

TEST(RandomNumbers, OnlyPhiloxIsDrawnFrom) {
  const std::string graph =
      kShape + constant("key", "DT_UINT64", "tensor_shape { dim { size: 1 } } uint64_val: 1") +
      constant("counter", "DT_UINT64", "tensor_shape { dim { size: 2 } } uint64_val: 1") +
      constant("alg", "DT_INT32", "int_val: 2") +
      node("r", "StatelessRandomUniformV2", "shape key counter alg",
           attr("Tshape", "type: DT_INT32") + attr("dtype", "type: DT_FLOAT"));
  EXPECT_THAT(failure_of(graph).message, ::testing::HasSubstr("random number algorithm 2"));
}

TEST(Quantisation, TheNumberOfBitsIsChecked) {
  const std::string graph =
      placeholder("x") + node("y", "FakeQuantWithMinMaxArgs", "x", attr("num_bits", "i: 17"));
  EXPECT_THAT(failure_of(graph).message, ::testing::HasSubstr("num_bits must be between 2 and 16"));
}

}  // namespace
}  // namespace thaw::testing
