// Which array of a file goes to which input.
#include "tools/arrays.h"

#include <gtest/gtest.h>

#include "thaw/error.h"

namespace thaw {
namespace {

/// Arrays that hold their position in the list.
tools::NamedArrays arrays(const std::vector<std::string>& names) {
  tools::NamedArrays all;
  for (const std::string& name : names) {
    Tensor tensor(DType::int32, Shape{});
    *static_cast<std::int32_t*>(tensor.mutable_data()) = static_cast<std::int32_t>(all.size());
    all.emplace_back(name, tensor);
  }
  return all;
}

/// The positions in the list of what the inputs get.
std::vector<int> order(const std::vector<std::string>& given,
                       const std::vector<std::string>& inputs) {
  std::vector<TensorSpec> specs;
  for (const std::string& name : inputs) specs.push_back({name, {DType::int32, Shape{}}});
  std::vector<int> taken;
  for (const Tensor& tensor : tools::match_arrays(arrays(given), specs, "input", "in.npz")) {
    taken.push_back(*static_cast<const std::int32_t*>(tensor.data()));
  }
  return taken;
}

using Order = std::vector<int>;

TEST(Arrays, GoToInputsByNameOrPosition) {
  EXPECT_EQ(order({"b", "a"}, {"a", "b"}), (Order{1, 0}));
  EXPECT_EQ(order({"input_1", "input_0"}, {"a", "b"}), (Order{1, 0}));
  EXPECT_EQ(order({"b", "input_0"}, {"a", "b"}), (Order{1, 0}));
}

TEST(Arrays, NamesThatLookLikePositions) {
  EXPECT_EQ(order({"input_1", "input_2"}, {"input_1", "input_2"}), (Order{0, 1}));
  EXPECT_EQ(order({"input_0", "input_1"}, {"input_1", "input_2"}), (Order{0, 1}));
  EXPECT_EQ(order({"input_0", "input_1"}, {"input_1", "input_0"}), (Order{1, 0}));
}

TEST(Arrays, MissingAndUnknownOnesAreNamed) {
  const auto message = [](const std::vector<std::string>& given) -> std::string {
    try {
      order(given, {"a", "b"});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({"a"}),
            "in.npz: no array 'b' or 'input_1'; the model's inputs: "
            "'a' int32[], 'b' int32[]");
  EXPECT_EQ(message({"a", "b", "c"}),
            "in.npz: array 'c' is no input of the model: 'a' int32[], 'b' int32[]");
}

}  // namespace
}  // namespace thaw
