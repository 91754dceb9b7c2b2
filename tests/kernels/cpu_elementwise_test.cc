// Vectorised scalar functions: error in units of the last place over the whole range, special
// values, lengths around the vector width, broadcasting, results in place.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/cpu/functions.h"
#include "tests/kernels/cpu_support.h"

namespace thaw::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

/// Distance in units of the last place; values below the normal range count as multiples of its
/// smallest.
double ulps(float y, double expected) {
  const double magnitude = std::max(std::abs(expected), 1.1754944e-38);
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  return std::abs(y - expected) / std::ldexp(1.0, exponent - 24);
}

/// The largest error over a dense sample of [low, high].
double worst_ulps(UnaryKind kind, double (*exact)(double), float low, float high) {
  constexpr int kCount = 400001;
  std::vector<float> x(kCount), y(kCount);
  for (int i = 0; i < kCount; ++i)
    x[i] = static_cast<float>(low + (high - low) * (i / (kCount - 1.0)));
  cpu::apply(UnaryFn{kind}, x.data(), y.data(), kCount);
  double worst = 0;
  for (int i = 0; i < kCount; ++i) worst = std::max(worst, ulps(y[i], exact(x[i])));
  return worst;
}

TEST(CpuFunctions, HotFunctionsAreWithinFourUlp) {
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_LE(worst_ulps(UnaryKind::exp, std::exp, -103, 88.7f), 4);
  EXPECT_LE(worst_ulps(UnaryKind::exp, std::exp, -1, 1), 4);
  EXPECT_LE(worst_ulps(UnaryKind::expm1, std::expm1, -90, 88.7f), 4);
  EXPECT_LE(worst_ulps(UnaryKind::expm1, std::expm1, -1e-2f, 1e-2f), 4);
  EXPECT_LE(worst_ulps(UnaryKind::sigmoid, sigmoid, -87, 30), 4);
  EXPECT_LE(worst_ulps(UnaryKind::tanh, std::tanh, -12, 12), 4);
  EXPECT_LE(worst_ulps(UnaryKind::tanh, std::tanh, -1e-3f, 1e-3f), 4);
  EXPECT_LE(worst_ulps(UnaryKind::erf, std::erf, -5, 5), 4);
  EXPECT_LE(worst_ulps(UnaryKind::log, std::log, 1e-30f, 1e-20f), 4);
  EXPECT_LE(worst_ulps(UnaryKind::log, std::log, 0.25f, 100), 4);
  EXPECT_LE(worst_ulps(UnaryKind::log1p, std::log1p, -0.9f, 10), 4);
}

TEST(CpuFunctions, HugeAndTinyArgumentsSaturate) {
  const std::vector<float> x = {-kInf, -3e38f, -200, -110, 110, 200, 3e38f, kInf};
  const auto apply = [&](UnaryKind kind) {
    std::vector<float> y(x.size());
    cpu::apply(UnaryFn{kind}, x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    return y;
  };
  EXPECT_EQ(apply(UnaryKind::exp), (std::vector<float>{0, 0, 0, 0, kInf, kInf, kInf, kInf}));
  EXPECT_EQ(apply(UnaryKind::expm1), (std::vector<float>{-1, -1, -1, -1, kInf, kInf, kInf, kInf}));
  EXPECT_EQ(apply(UnaryKind::tanh), (std::vector<float>{-1, -1, -1, -1, 1, 1, 1, 1}));
  EXPECT_EQ(apply(UnaryKind::erf), (std::vector<float>{-1, -1, -1, -1, 1, 1, 1, 1}));
  const std::vector<float> sigmoid = apply(UnaryKind::sigmoid);
  for (int i = 0; i < 4; ++i) EXPECT_LT(sigmoid[i], 1e-37f);
  for (int i = 4; i < 8; ++i) EXPECT_EQ(sigmoid[i], 1);
}

/// Every vectorised function with parameters that matter.
std::vector<UnaryFn> functions() {
  std::vector<UnaryFn> all;
#define X(kind) all.push_back(UnaryFn{UnaryKind::kind, 0.75, 0.5});
  THAW_VECTOR_UNARY_KINDS(X)
#undef X
  for (UnaryFn& fn : all) {
    if (fn.kind == UnaryKind::clamp) fn = {fn.kind, -0.5, 6};
    if (fn.kind == UnaryKind::selu) fn = {fn.kind};
  }
  return all;
}

TEST(CpuUnary, EveryFunctionAgreesWithTheReference) {
  std::mt19937 random(21);
  for (const UnaryFn& fn : functions()) {
    const bool positive =
        fn.kind == UnaryKind::log || fn.kind == UnaryKind::sqrt || fn.kind == UnaryKind::rsqrt;
    for (const std::int64_t count : {0, 1, 3, 15, 16, 17, 100, 200003}) {
      if (count > 1000 && fn.kind != UnaryKind::tanh && fn.kind != UnaryKind::gelu) continue;
      const float low = positive ? 0.01f : fn.kind == UnaryKind::log1p ? -0.9f : -7;
      Tensor x = random_floats(random, {count}, low, 7);
      if (count > 0)
        x.mutable_data<float>()[0] = 7;  // functions that cancel are judged against this
      expect_agrees(ops::Unary{fn}, {x}, 1, {}, 1e-6,
                    fmt::format("{} of {}", name_of(fn.kind), count));
    }
  }
}

TEST(CpuUnary, SpecialValuesStandWhereTheReferenceHasThem) {
  const Tensor x = Tensor::from<float>(
      {10}, {std::nanf(""), kInf, -kInf, 0.0f, -0.0f, 1, -1, 1e-40f, 3e38f, -3e38f});
  for (const UnaryFn& fn : functions()) {
    const std::vector<Tensor> ours = PreparedOp(cpu_backend(), ops::Unary{fn}, {x}, 1).run();
    const std::vector<Tensor> theirs =
        PreparedOp(reference_backend(), ops::Unary{fn}, {x}, 1).run();
    for (int i = 0; i < 10; ++i) {
      const float y = ours[0].data<float>()[i], r = theirs[0].data<float>()[i];
      if (std::isnan(r)) {
        EXPECT_TRUE(std::isnan(y)) << name_of(fn.kind) << '(' << x.data<float>()[i] << ") = " << y;
      } else if (std::isinf(r)) {
        EXPECT_EQ(y, r) << name_of(fn.kind) << '(' << x.data<float>()[i] << ')';
      } else {
        EXPECT_NEAR(y, r, 1e-6 + 1e-5 * std::abs(r))
            << name_of(fn.kind) << '(' << x.data<float>()[i] << ')';
      }
    }
  }
}

TEST(CpuUnary, MayWriteOverItsOperand) {
  std::mt19937 random(22);
  const PreparedOp op(cpu_backend(), ops::Unary{{UnaryKind::tanh}}, {random_floats(random, {1003})},
                      1);
  const std::vector<Tensor> expected = op.run();
  PreparedOp::Buffers b = op.buffers();
  Tensor shared = op.inputs()[0].clone();
  b.in[0].data = b.out[0].data = shared.mutable_data();
  ThreadPool pool(2);
  op.run(b, &pool);
  EXPECT_TRUE(same_bits({shared}, expected));
}

TEST(CpuBinary, BroadcastsLikeTheReference) {
  std::mt19937 random(23);
  const std::vector<std::pair<Shape, Shape>> shapes = {{{}, {}},
                                                       {{5}, {}},
                                                       {{}, {7}},
                                                       {{33, 17}, {33, 17}},
                                                       {{33, 17}, {17}},
                                                       {{17}, {33, 17}},
                                                       {{33, 17}, {33, 1}},
                                                       {{1, 17}, {33, 1}},
                                                       {{2, 3, 4, 5}, {4, 1}},
                                                       {{2, 1, 4, 1}, {3, 1, 5}},
                                                       {{4, 0, 3}, {3}},
                                                       {{64, 1000}, {64, 1000}},
                                                       {{9, 1, 40}, {9, 7, 1}}};
  for (const BinaryKind kind : {BinaryKind::add, BinaryKind::sub, BinaryKind::mul, BinaryKind::div,
                                BinaryKind::div_no_nan, BinaryKind::mul_no_nan, BinaryKind::maximum,
                                BinaryKind::minimum, BinaryKind::squared_difference}) {
    for (const auto& [a, b] : shapes) {
      Tensor y = random_floats(random, b, 0.5f, 2);
      if (y.num_elements() > 2) y.mutable_data<float>()[1] = 0;
      expect_agrees(ops::Binary{kind}, {random_floats(random, a), y}, 1, {}, 1e-6,
                    fmt::format("{} {} {}", name_of(kind), a.to_string(), b.to_string()));
    }
  }
}

TEST(CpuBinary, NanWinsInMaximumAndMinimum) {
  const float nan = std::nanf("");
  const Tensor a = Tensor::from<float>({3}, {nan, 1, 2}), b = Tensor::from<float>({3}, {1, nan, 3});
  for (const BinaryKind kind : {BinaryKind::maximum, BinaryKind::minimum}) {
    const auto y = PreparedOp(cpu_backend(), ops::Binary{kind}, {a, b}, 1).run();
    EXPECT_TRUE(std::isnan(y[0].data<float>()[0]));
    EXPECT_TRUE(std::isnan(y[0].data<float>()[1]));
    EXPECT_EQ(y[0].data<float>()[2], kind == BinaryKind::maximum ? 3 : 2);
  }
}

TEST(CpuBinary, MayWriteOverTheOperandOfItsShape) {
  std::mt19937 random(24);
  for (const int side : {0, 1}) {
    std::vector<Tensor> in = {random_floats(random, {40, 33}), random_floats(random, {33})};
    if (side == 1) std::swap(in[0], in[1]);
    const PreparedOp op(cpu_backend(), ops::Binary{BinaryKind::sub}, in, 1);
    const std::vector<Tensor> expected = op.run();
    PreparedOp::Buffers b = op.buffers();
    Tensor shared = in[static_cast<std::size_t>(side)].clone();
    b.in[static_cast<std::size_t>(side)].data = b.out[0].data = shared.mutable_data();
    ThreadPool pool(2);
    op.run(b, &pool);
    EXPECT_TRUE(same_bits({shared}, expected));
  }
}

TEST(CpuSelect, BroadcastsLikeTheReference) {
  std::mt19937 random(25);
  const std::vector<std::array<Shape, 3>> shapes = {{Shape{}, {}, {}},
                                                    {Shape{33, 17}, {33, 17}, {33, 17}},
                                                    {Shape{33, 1}, {33, 17}, {17}},
                                                    {Shape{17}, {}, {33, 17}},
                                                    {Shape{2, 1, 4}, {3, 1}, {}}};
  for (const auto& [c, x, y] : shapes) {
    expect_agrees(
        ops::Select{},
        {random_bools(random, c, 0.5), random_floats(random, x), random_floats(random, y)}, 1, {},
        1e-7, c.to_string() + x.to_string() + y.to_string());
  }
}

}  // namespace
}  // namespace thaw::test
