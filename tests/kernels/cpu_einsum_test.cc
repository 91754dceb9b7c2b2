// Einsums that the packed product runs, against the reference in float64; and those that it leaves.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "kernels/cpu/kernels.h"
#include "tests/kernels/cpu_support.h"

namespace thaw::test {
namespace {

Shape shape_of(const std::string& term, const std::map<char, std::int64_t>& sizes) {
  std::vector<std::int64_t> dims;
  for (const char label : term) dims.push_back(sizes.at(label));
  return Shape(dims);
}

void check(std::mt19937& random, const std::string& equation, const Shape& a, const Shape& b) {
  for (const std::vector<int>& constants : {std::vector<int>{}, {1}, {0}}) {
    expect_agrees(ops::Einsum{equation}, {random_floats(random, a), random_floats(random, b)}, 1,
                  constants, 2e-6,
                  fmt::format("{} of {} and {}", equation, a.to_string(), b.to_string()));
  }
}

TEST(CpuEinsum, AttentionsForms) {
  std::mt19937 random(81);
  for (const std::int64_t length : {1, 7, 33}) {
    // Scores, values, projections to and from the heads; of both Keras generations.
    check(random, "aecd,abcd->acbe", {2, length, 3, 17}, {2, 9, 3, 17});
    check(random, "acbe,aecd->abcd", {2, 3, 9, length}, {2, length, 3, 17});
    check(random, "abc,cde->abde", {2, length, 24}, {24, 3, 17});
    check(random, "abcd,cde->abe", {2, length, 3, 17}, {3, 17, 24});
    check(random, "bqhd,bkhd->bhqk", {2, length, 3, 16}, {2, 9, 3, 16});
    // Several axes attended to at once.
    check(random, "afgde,abcde->adbcfg", {2, 3, 4, 2, 8}, {2, length, 5, 2, 8});
    check(random, "adbcfg,afgde->abcde", {2, 2, length, 5, 3, 4}, {2, 3, 4, 2, 8});
  }
}

TEST(CpuEinsum, EllipsesBroadcastAndOuterProducts) {
  std::mt19937 random(82);
  check(random, "...a,ab->...b", {2, 3, 4, 8}, {8, 5});
  check(random, "...ij,...jk->...ik", {3, 1, 4, 8}, {3, 1, 8, 5});
  check(random, "...ij,jk->ik...", {3, 2, 4, 8}, {8, 5});
  check(random, "i,j->ij", {5}, {7});
  check(random, "ij,ij->", {5, 3}, {5, 3});
  check(random, "ij,kj->ki", {5, 3}, {1, 3});
}

// Every order of the axes of a batched product.
TEST(CpuEinsum, RandomOrders) {
  std::mt19937 random(83);
  for (int i = 0; i < 60; ++i) {
    std::string left = "bBmMkK", right = "bBnNkK", result = "bBmMnN";
    std::map<char, std::int64_t> sizes;
    for (const char label : std::string("bBmMnNkK")) {
      sizes[label] = std::uniform_int_distribution<std::int64_t>(2, 4)(random);
    }
    for (std::string* term : {&left, &right, &result}) {
      std::shuffle(term->begin(), term->end(), random);
    }
    const std::string equation = left + "," + right + "->" + result;
    expect_agrees(ops::Einsum{equation},
                  {random_floats(random, shape_of(left, sizes)),
                   random_floats(random, shape_of(right, sizes))},
                  1, i % 2 == 0 ? std::vector<int>{} : std::vector<int>{1}, 2e-6, equation);
  }
}

TEST(CpuEinsum, LeavesWhatIsNoProductOfMatrices) {
  std::mt19937 random(84);
  const auto kernel_of = [&](const std::string& equation, const Shape& a, const Shape& b) {
    const PreparedOp op(cpu_backend(), ops::Einsum{equation},
                        {random_floats(random, a), random_floats(random, b)}, 1);
    return std::string(op.kernel().name());
  };
  EXPECT_EQ(kernel_of("ij,jk->ik", {3, 4}, {4, 5}), "cpu einsum");
  EXPECT_EQ(kernel_of("iij,jk->ik", {3, 3, 4}, {4, 5}), "reference");  // a diagonal
  EXPECT_EQ(kernel_of("ijl,jk->ik", {3, 4, 2}, {4, 5}), "reference");  // summed on one side
  EXPECT_EQ(kernel_of("ij,ij->ij", {5, 3}, {5, 3}), "reference");      // elementwise
}

}  // namespace
}  // namespace thaw::test
