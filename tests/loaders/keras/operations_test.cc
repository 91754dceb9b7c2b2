// Operations of Keras 3 and functions of TensorFlow in Keras models: the tables and the rules that
// goldens cannot show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "loaders/keras/functions/function_call.h"
#include "loaders/keras/operations/op_call.h"

namespace thaw::keras {
namespace {

std::vector<std::string> listed_operations() {
  std::ifstream file(std::string(THAW_SOURCE_DIR) + "/tests/loaders/keras/keras_operations.txt");
  std::vector<std::string> names;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) names.push_back(line);
  }
  return names;
}

TEST(Operations, EveryClassOfKerasRunsOrIsRefusedWithAReason) {
  const std::vector<std::string> listed = listed_operations();
  ASSERT_GT(listed.size(), 300u);
  std::set<std::string> refused;
  for (const RefusedOperation& row : refused_operations()) {
    EXPECT_TRUE(refused.insert(row.name).second) << row.name;
    EXPECT_EQ(refusal_of_operation(row.name), row.reason);
    EXPECT_EQ(find_operation(row.name), nullptr) << row.name << " is in both tables";
  }
  for (const std::string& name : listed)
    EXPECT_NE(find_operation(name) != nullptr, refused.contains(name)) << name;
}

TEST(Operations, TheTablesHoldNothingElse) {
  const std::vector<std::string> listed = listed_operations();
  const std::set<std::string> known(listed.begin(), listed.end());
  for (const std::string& name : operation_names()) EXPECT_TRUE(known.contains(name)) << name;
  for (const RefusedOperation& row : refused_operations())
    EXPECT_TRUE(known.contains(row.name)) << row.name;
}

TEST(Operations, UnknownOnesHaveNoRow) {
  EXPECT_EQ(find_operation("Frobnicate"), nullptr);
  EXPECT_EQ(refusal_of_operation("Frobnicate"), "unknown operation");
}

// What keras.backend.result_type answers (Keras 3.15 on TensorFlow).
TEST(Promotion, FollowsKeras) {
  using enum DType;
  const auto type = [](DType dtype) { return ArgumentType{dtype}; };
  EXPECT_EQ(result_type(int32, float32), float32);
  EXPECT_EQ(result_type(int64, float16), float16);
  EXPECT_EQ(result_type(float16, bfloat16), float32);
  EXPECT_EQ(result_type(float16, float32), float32);
  EXPECT_EQ(result_type(uint8, int8), int16);
  EXPECT_EQ(result_type(uint32, int32), int64);
  EXPECT_EQ(result_type(uint32, int8), int64);
  EXPECT_EQ(result_type(boolean, uint8), uint8);
  EXPECT_EQ(result_type(float64, int64), float64);
  EXPECT_EQ(result_type({type(int8), kPythonInt}), int8);
  EXPECT_EQ(result_type({type(boolean), kPythonInt}), int32);
  EXPECT_EQ(result_type({type(boolean), kPythonFloat}), float32);
  EXPECT_EQ(result_type({type(int8), kPythonFloat}), float32);
  EXPECT_EQ(result_type({type(bfloat16), kPythonFloat}), bfloat16);
  EXPECT_EQ(result_type({type(float64), kPythonFloat}), float64);
  EXPECT_EQ(result_type({kPythonInt, kPythonFloat}), float32);
  EXPECT_EQ(result_type({kPythonInt, kPythonInt}), int32);
  EXPECT_EQ(result_type({type(uint64), type(int8)}), float32);
  EXPECT_THROW(result_type(string, float32), Error);
}

TEST(Constants, TakeTheTypesThatTensorFlowGives) {
  const auto tensor = [](const char* text, DType dtype = DType::invalid) {
    return constant_tensor(parse_json(text, "test", {}), dtype);
  };
  EXPECT_EQ(tensor("3").dtype(), DType::int32);
  EXPECT_EQ(tensor("3000000000").dtype(), DType::int64);
  EXPECT_EQ(tensor("2.5").dtype(), DType::float32);
  EXPECT_EQ(tensor("true").dtype(), DType::boolean);
  EXPECT_EQ(tensor("[1, 2.5]").dtype(), DType::float32);
  EXPECT_EQ(tensor("[[1, 2], [3, 4]]").shape(), (Shape{2, 2}));
  EXPECT_EQ(tensor("[[], []]").shape(), (Shape{2, 0}));
  EXPECT_EQ(tensor("[1.75, -1.75]", DType::int32).data<std::int32_t>()[1], -1);
  const Tensor stored =
      tensor(R"({"class_name": "__numpy__", "config": {"value": [1, 2], "dtype": "float16"}})");
  EXPECT_EQ(stored.dtype(), DType::float16);
  EXPECT_EQ(to_float(stored.data<float16>()[1]), 2.0F);
  for (const char* damaged : {"[[1], 2]", "[1, [2]]", "[[1, 2], [3]]", "[1, \"a\"]", "[1e300]"}) {
    EXPECT_THROW(tensor(damaged, DType::int32), Error) << damaged;
  }
  EXPECT_THROW(tensor("{\"class_name\": \"Foo\", \"config\": {}}"), Error);
}

TEST(Functions, AreFoundUnderTheNamesOfBothVersions) {
  for (const char* name : {"math.add", "compat.v1.transpose", "transpose", "nn.softmax",
                           "compat.v1.nn.softmax", "__operators__.add", "image.resize"}) {
    EXPECT_NE(find_function(name), nullptr) << name;
  }
  EXPECT_EQ(find_function("random.normal"), nullptr);
  EXPECT_EQ(find_function("py_function"), nullptr);
}

}  // namespace
}  // namespace thaw::keras
