#include "runtime/verify/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "runtime/verify/bisect.h"

namespace thaw {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::nan("");

Tensor doubles(std::vector<double> values) {
  return Tensor::from(Shape{static_cast<std::int64_t>(values.size())}, values);
}

TEST(Compare, JudgesEachElementByBothTolerances) {
  const Tensor expected = doubles({0, 1, 100});
  EXPECT_TRUE(compare(doubles({1e-5, 1.0001, 100.01}), expected, {1e-4, 1e-5}).match);
  const Comparison worse = compare(doubles({2e-5, 1, 100.02}), expected, {1e-4, 1e-5});
  EXPECT_FALSE(worse.match);
  EXPECT_EQ(worse.mismatches, 2);
  EXPECT_EQ(worse.first_bad, 0);
  EXPECT_NEAR(worse.max_abs, 0.02, 1e-9);
  EXPECT_NEAR(worse.max_rel, 0.0002, 1e-9);
  EXPECT_NEAR(worse.norm_wise, 0.0002, 1e-9);
}

TEST(Compare, NanAndInfinityMustStandWhereExpected) {
  EXPECT_TRUE(compare(doubles({kNan, kInf, -kInf}), doubles({kNan, kInf, -kInf}), {}).match);
  EXPECT_FALSE(compare(doubles({kInf}), doubles({-kInf}), {}).match);
  EXPECT_FALSE(compare(doubles({kNan}), doubles({1}), {}).match);
  EXPECT_FALSE(compare(doubles({1}), doubles({kNan}), {}).match);
  EXPECT_FALSE(compare(doubles({1e300}), doubles({kInf}), {}).match);
}

TEST(Compare, ShapesAndKindsAreExact) {
  EXPECT_NE(compare(doubles({1, 2}), doubles({1}), {}).problem, "");
  EXPECT_NE(compare(Tensor(DType::string, {1}), doubles({1}), {}).problem, "");
  EXPECT_NE(compare(Tensor(DType::boolean, {1}), doubles({0}), {}).problem, "");
  EXPECT_TRUE(compare(Tensor::from<float>({1}, {1.5f}), doubles({1.5}), {0, 0}).match);
}

TEST(Compare, WideIntegersAreComparedExactly) {
  const std::int64_t big = (std::int64_t{1} << 60) + 1;
  EXPECT_FALSE(compare(Tensor::from<std::int64_t>({1}, {big}),
                       Tensor::from<std::int64_t>({1}, {big - 1}), {0, 0})
                   .match);
  EXPECT_TRUE(compare(Tensor::from<std::int64_t>({1}, {big}),
                      Tensor::from<std::int64_t>({1}, {big}), {0, 0})
                  .match);
}

TEST(Compare, StringsAndIndices) {
  const Tensor got = Tensor::from<std::string>({2, 2}, {"a", "b", "c", "d"});
  const Tensor expected = Tensor::from<std::string>({2, 2}, {"a", "b", "x", "d"});
  const Comparison result = compare(got, expected, {});
  EXPECT_EQ(result.first_index, (std::vector<std::int64_t>{1, 0}));
  EXPECT_EQ(result.first_got, "\"c\"");
}

TEST(Bisect, NamesTheFirstValueThatLeavesTheOracle) {
  const auto run = [](double middle) {
    return [middle](const Visit& visit) {
      visit("first", doubles({1}));
      visit("middle", doubles({middle}));
      visit("last", doubles({middle * 2}));
    };
  };
  const Bisection same = bisect(run(3), run(3), {});
  EXPECT_FALSE(same.first.has_value());
  EXPECT_EQ(same.values.size(), 3u);
  const Bisection different = bisect(run(3.5), run(3), {});
  ASSERT_TRUE(different.first.has_value());
  EXPECT_EQ(different.values[*different.first].name, "middle");
  EXPECT_THROW(bisect(run(3), [](const Visit& visit) { visit("other", doubles({1})); }, {}), Error);
  // What only one of them shows is no reason to differ.
  const auto fewer = [](const Visit& visit) {
    visit("copy", doubles({7}));
    visit("last", doubles({7}));
  };
  const Bisection partly = bisect(fewer, run(3), {});
  ASSERT_EQ(partly.values.size(), 1u);
  EXPECT_EQ(partly.values[*partly.first].name, "last");
}

}  // namespace
}  // namespace thaw
