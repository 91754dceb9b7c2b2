// What the reference backend refuses, and what evaluate() does beside running kernels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "kernels/backend.h"
#include "tests/kernels/compare.h"

namespace thaw::test {
namespace {

using testing::HasSubstr;

Tensor floats(Shape shape, std::vector<float> values) {
  return Tensor::from<float>(std::move(shape), values);
}
Tensor ints(Shape shape, std::vector<std::int32_t> values) {
  return Tensor::from<std::int32_t>(std::move(shape), values);
}
Tensor longs(Shape shape, std::vector<std::int64_t> values) {
  return Tensor::from<std::int64_t>(std::move(shape), values);
}
Tensor bools(Shape shape, const std::vector<bool>& values) {
  Tensor tensor(DType::boolean, std::move(shape));
  for (std::size_t i = 0; i < values.size(); ++i) tensor.mutable_data<bool>()[i] = values[i];
  return tensor;
}

/// Expects that the op throws `code` with `part` in its message.
void expect_error(const Op& op, const std::vector<Tensor>& inputs, ErrorCode code, const char* part,
                  int outputs = 1) {
  try {
    evaluate(op, inputs, outputs);
    ADD_FAILURE() << name_of(op) << " did not throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(part));
  }
}

constexpr auto kInvalid = ErrorCode::invalid_argument;

TEST(ReferenceErrors, IndexOutsideIsNamed) {
  const Tensor params = floats({3, 2}, {1, 2, 3, 4, 5, 6});
  expect_error(ops::Gather{}, {params, ints({3}, {0, 3, 1})}, kInvalid, "indices[1] = 3");
  expect_error(ops::Gather{}, {params, longs({2}, {0, -1})}, kInvalid, "indices[1] = -1");
  expect_error(ops::Gather{1}, {params, longs({1}, {INT64_MIN})}, kInvalid, "is not in [0, 2)");
  expect_error(ops::Gather{1, 1}, {params, ints({3, 1}, {0, 1, 2})}, kInvalid, "indices[2] = 2");
  expect_error(ops::GatherNd{}, {params, ints({2, 2}, {0, 1, 2, 2})}, kInvalid,
               "indices[1, 1] = 2");
  expect_error(ops::Scatter{}, {params, ints({1, 1}, {3}), floats({1, 2}, {0, 0})}, kInvalid,
               "indices[0, 0] = 3");
}

TEST(ReferenceErrors, EmptyGatherChecksNothingAndAnEmptyAxisHasNoValidIndex) {
  const Tensor none(DType::float32, {0, 2});
  EXPECT_EQ(evaluate(ops::Gather{}, {none, Tensor(DType::int32, {0})}, 1)[0].shape(),
            (Shape{0, 2}));
  expect_error(ops::Gather{}, {none, ints({1}, {0})}, kInvalid, "is not in [0, 0)");
}

TEST(ReferenceErrors, IntegerDivisionByZero) {
  for (const BinaryKind kind : {BinaryKind::div, BinaryKind::floor_div, BinaryKind::floor_mod,
                                BinaryKind::truncate_div, BinaryKind::truncate_mod}) {
    try {
      evaluate(ops::Binary{kind}, {ints({2}, {1, 2}), ints({2}, {1, 0})}, 1);
      ADD_FAILURE() << name_of(kind);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), kInvalid) << error.what();
    }
  }
  expect_error(ops::Binary{BinaryKind::pow}, {ints({1}, {2}), ints({1}, {-1})}, kInvalid,
               "power -1");
}

TEST(ReferenceErrors, LowestIntegerDividedByMinusOneWraps) {
  const std::int32_t lowest = std::numeric_limits<std::int32_t>::min();
  const Tensor x = ints({1}, {lowest}), y = ints({1}, {-1});
  const auto run = [&](BinaryKind kind) {
    return evaluate(ops::Binary{kind}, {x, y}, 1)[0].data<std::int32_t>()[0];
  };
  EXPECT_EQ(run(BinaryKind::floor_div), lowest);
  EXPECT_EQ(run(BinaryKind::truncate_div), lowest);
  EXPECT_EQ(run(BinaryKind::floor_mod), 0);
  EXPECT_EQ(run(BinaryKind::truncate_mod), 0);
  EXPECT_EQ(evaluate(ops::Unary{{UnaryKind::abs}}, {x}, 1)[0].data<std::int32_t>()[0], lowest);
  EXPECT_EQ(evaluate(ops::Unary{{UnaryKind::neg}}, {x}, 1)[0].data<std::int32_t>()[0], lowest);
}

TEST(ReferenceErrors, AssertThrowsItsMessage) {
  expect_error(ops::Assert{"sizes differ"}, {bools({3}, {true, false, true})}, kInvalid,
               "sizes differ", 0);
  EXPECT_TRUE(evaluate(ops::Assert{"x"}, {bools({2}, {true, true})}, 0).empty());
}

TEST(ReferenceErrors, LengthsOutsideTheSequence) {
  const Tensor x = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  expect_error(ops::ReverseSequence{}, {x, ints({2}, {1, 4})}, kInvalid, "lengths[1] = 4");
  expect_error(ops::ReverseSequence{}, {x, ints({2}, {-1, 2})}, kInvalid, "lengths[0] = -1");
}

TEST(ReferenceErrors, SliceOutsideAndEmptyExtreme) {
  const Tensor x = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  expect_error(ops::Slice{}, {x, longs({2}, {1, 2}), longs({2}, {1, 2})}, kInvalid, "");
  expect_error(ops::Slice{}, {x, longs({2}, {-1, 0}), longs({2}, {1, 1})}, kInvalid, "");
  expect_error(ops::ArgReduce{false, 1}, {Tensor(DType::float32, {2, 0})}, kInvalid, "");
}

TEST(ReferenceErrors, TypesWithoutAKernelAreRefusedNotComputed) {
  const Tensor text = Tensor::from<std::string>({1}, {"a"});
  for (const Op& op : {Op{ops::Unary{{UnaryKind::exp}}}, Op{ops::Cast{DType::float32}},
                       Op{ops::Softmax{{0}}}, Op{ops::ArgReduce{}}}) {
    EXPECT_THROW(evaluate(op, {text}, 1), Error) << name_of(op);
  }
  EXPECT_THROW(
      evaluate(ops::Einsum{"a,b,c,d,e->abcde"}, std::vector<Tensor>(5, floats({1}, {1})), 1),
      Error);
}

TEST(ReferenceErrors, WindowsOverMoreThanThreeDimensions) {
  const Tensor x(DType::float32, {1, 2, 2, 2, 2, 1}), w(DType::float32, {1, 1, 1, 1, 1, 1});
  EXPECT_THROW(evaluate(ops::Conv{{1, 1, 1, 1}, {1, 1, 1, 1}}, {x, w}, 1), Error);
}

TEST(Evaluate, WhereFindsNonZeroElements) {
  const auto where = [](const Tensor& x) { return evaluate(ops::Where{}, {x}, 1)[0]; };
  EXPECT_EQ(first_difference(where(bools({2, 3}, {false, true, true, false, false, true})),
                             longs({3, 2}, {0, 1, 0, 2, 1, 2}), 0),
            "");
  EXPECT_EQ(first_difference(where(floats({3}, {0.0f, -0.0f, 0.5f})), longs({1, 1}, {2}), 0), "");
  EXPECT_EQ(where(ints({2}, {0, 0})).shape(), (Shape{0, 1}));
  EXPECT_EQ(where(bools({}, {true})).shape(), (Shape{1, 0}));
  EXPECT_EQ(where(Tensor(DType::boolean, {0, 4})).shape(), (Shape{0, 2}));
  EXPECT_THROW(where(Tensor::from<std::string>({1}, {"a"})), Error);
}

TEST(Evaluate, ControlFlowHasNoKernel) {
  EXPECT_THROW(evaluate(ops::ListLength{}, {ints({}, {1})}, 1), Error);
  EXPECT_THROW(evaluate(ops::Input{}, {}, 1), Error);
}

TEST(PackCache, PacksOncePerTensorAndLayout) {
  PackCache cache;
  int packs = 0;
  const auto pack = [&] {
    ++packs;
    return std::make_shared<int>(packs);
  };
  const Tensor a = floats({1}, {1}), b = floats({1}, {1});
  const auto first = cache.get(a, "rows", pack);
  EXPECT_EQ(cache.get(a, "rows", pack), first);
  EXPECT_NE(cache.get(a, "columns", pack), first);
  EXPECT_NE(cache.get(b, "rows", pack), first);
  EXPECT_EQ(packs, 3);
  EXPECT_EQ(cache.size(), 3u);
}

}  // namespace
}  // namespace thaw::test
