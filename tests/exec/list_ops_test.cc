#include "runtime/exec/list_ops.h"

#include "tests/exec/exec_test_util.h"

namespace thaw::testing {
namespace {

Datum datum(Tensor tensor) {
  Datum result;
  result.tensor = std::move(tensor);
  return result;
}
Datum any_shape() { return datum(scalar(-1)); }
Datum pair_shape() { return datum(Tensor::from<std::int32_t>({1}, {2})); }

Datum one(const Op& op, std::vector<Datum> operands) {
  std::vector<Datum> results = run_list_op(op, std::move(operands));
  EXPECT_EQ(results.size(), 1u);
  return std::move(results[0]);
}

Datum reserve(int count) {
  return one(ops::ListReserve{DType::float32}, {pair_shape(), datum(scalar(count))});
}

TEST(Lists, UnsetItemsReadAsZeros) {
  const Datum list = reserve(3);
  const Datum item = one(ops::ListGet{DType::float32}, {list, datum(scalar(2)), pair_shape()});
  EXPECT_EQ(to_vector(item.tensor), (std::vector<float>{0, 0}));
  const Datum all = one(ops::ListStack{DType::float32}, {list, any_shape()});
  EXPECT_EQ(all.tensor.shape(), (Shape{3, 2}));
}

TEST(Lists, AnUpdateLeavesOtherHoldersAlone) {
  const Datum list = reserve(2);
  const Datum changed = one(ops::ListSet{}, {list, datum(scalar(0)), datum(floats({2}, {1, 2}))});
  EXPECT_NE(changed.list, list.list);
  EXPECT_TRUE(list.list->items[0].empty());
  EXPECT_EQ(to_vector(changed.list->items[0].tensor), (std::vector<float>{1, 2}));
}

TEST(Lists, AnUpdateOfTheOnlyHolderHappensInPlace) {
  Datum list = reserve(2);
  const TensorList* before = list.list.get();
  std::vector<Datum> operands;
  operands.push_back(std::move(list));
  operands.push_back(datum(scalar(1)));
  operands.push_back(datum(floats({2}, {1, 2})));
  const std::vector<Datum> results = run_list_op(ops::ListSet{}, std::move(operands));
  EXPECT_EQ(results[0].list.get(), before);
}

TEST(Lists, PushPopAndLength) {
  Datum list = one(ops::ListReserve{DType::float32}, {any_shape(), datum(scalar(0))});
  for (float i = 0; i < 3; ++i) {
    list = one(ops::ListPushBack{}, {list, datum(floats({1}, {i}))});
  }
  EXPECT_EQ(one(ops::ListLength{}, {list}).tensor.data<std::int32_t>()[0], 3);
  const std::vector<Datum> popped =
      run_list_op(ops::ListPopBack{DType::float32}, {list, any_shape()});
  EXPECT_EQ(to_vector(popped[1].tensor), (std::vector<float>{2}));
  EXPECT_EQ(popped[0].list->items.size(), 2u);
  EXPECT_EQ(list.list->items.size(), 3u);
}

TEST(Lists, FromTensorAndBack) {
  const Tensor tensor = random_floats({4, 3, 2}, 1);
  const Datum list = one(ops::ListFromTensor{}, {datum(tensor)});
  EXPECT_EQ(list.list->items[1].tensor.shape(), (Shape{3, 2}));
  const Datum stacked = one(ops::ListStack{DType::float32}, {list, any_shape()});
  EXPECT_TRUE(identical(stacked.tensor, tensor));
  const Datum none = one(ops::ListFromTensor{}, {datum(Tensor(DType::float32, {0, 3}))});
  EXPECT_EQ(one(ops::ListStack{DType::float32}, {none, any_shape()}).tensor.shape(), (Shape{0, 3}));
}

TEST(Lists, SetMayResize) {
  const Datum list = reserve(0);
  const Datum grown = one(ops::ListSet{true}, {list, datum(scalar(2)), datum(floats({2}, {1, 2}))});
  EXPECT_EQ(grown.list->items.size(), 3u);
}

TEST(Lists, WhatDoesNotFitIsRefused) {
  const Datum list = reserve(2);
  const auto message = [](const Op& op, const std::vector<Datum>& operands) {
    ErrorCode code = ErrorCode::internal;
    const std::string text =
        error_of([&] { run_list_op(op, std::vector<Datum>(operands)); }, &code);
    EXPECT_EQ(code, ErrorCode::invalid_argument) << text;
    return text;
  };
  const ops::ListGet get{DType::float32};
  EXPECT_EQ(message(get, {list, datum(scalar(2)), any_shape()}), "index 2 in a list of 2 items");
  EXPECT_EQ(message(get, {list, datum(scalar(-1)), any_shape()}), "index -1 in a list of 2 items");
  EXPECT_EQ(message(ops::ListGet{DType::int32}, {list, datum(scalar(0)), any_shape()}),
            "the list holds float32, asked for int32");
  EXPECT_EQ(message(ops::ListSet{}, {list, datum(scalar(0)), datum(floats({3}, {1, 2, 3}))}),
            "items of shape [3] in a list of [2]");
  EXPECT_EQ(message(ops::ListSet{}, {list, datum(scalar(5)), datum(floats({2}, {1, 2}))}),
            "index 5 in a list of 2 items");
  EXPECT_EQ(message(ops::ListReserve{DType::float32}, {pair_shape(), datum(scalar(-2))}),
            "a list of -2 items");
  EXPECT_EQ(message(ops::ListPopBack{DType::float32}, {reserve(0), any_shape()}),
            "popping an item of an empty list");
  const Datum untyped = one(ops::ListReserve{DType::float32}, {any_shape(), datum(scalar(1))});
  EXPECT_EQ(message(get, {untyped, datum(scalar(0)), any_shape()}),
            "reading an item that was never set and whose shape is [...]");
}

}  // namespace
}  // namespace thaw::testing
