// Convolutions that keep the largest of each block of their results, against the reference in
// float64, bitwise equal for any thread count.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/cpu/targets.h"
#include "tests/kernels/cpu_support.h"

namespace thaw::test {
namespace {

struct PooledCase {
  std::string kernel;
  Shape x, w;
  PaddingKind padding = PaddingKind::valid;
  UnaryFn activation = {};
  std::int64_t groups = 1, stride = 1, pool = 2;

  ops::Conv op() const {
    ops::Conv conv;
    const auto spatial = static_cast<std::size_t>(x.rank() - 2);
    conv.strides.assign(spatial, stride);
    conv.dilations.assign(spatial, 1);
    conv.padding.kind = padding;
    conv.activation = activation;
    conv.groups = groups;
    conv.pool = pool;
    return conv;
  }
  std::string text() const { return fmt::format("{} * {}", x.to_string(), w.to_string()); }
};

std::vector<PooledCase> cases() {
  const UnaryFn relu{UnaryKind::relu}, tanh{UnaryKind::tanh};
  return {
      {"cpu pooled winograd conv", {1, 13, 13, 32}, {3, 3, 32, 64}, PaddingKind::valid, relu},
      {"cpu pooled winograd conv", {3, 12, 17, 9}, {3, 3, 9, 33}, PaddingKind::same, tanh},
      {"cpu pooled winograd conv", {2, 33, 30, 16}, {3, 3, 16, 16}, PaddingKind::same, {}},
      {"cpu pooled packed conv", {1, 28, 28, 1}, {3, 3, 1, 32}, PaddingKind::valid, relu},
      {"cpu pooled packed conv", {5, 9, 7, 3}, {5, 3, 3, 17}, PaddingKind::same, tanh},
      {"cpu pooled packed conv", {2, 7, 66, 4}, {1, 2, 4, 70}, PaddingKind::valid, {}},
      {"cpu pooled packed conv", {2, 31, 23, 3}, {3, 3, 3, 8}, PaddingKind::same, relu, 1, 2},
      // As two kernels: many taps, groups, blocks of three, one axis, three axes.
      {"cpu packed conv", {1, 9, 9, 40}, {5, 5, 40, 40}, PaddingKind::same, relu},
      {"cpu packed conv", {2, 11, 11, 8}, {3, 3, 4, 6}, PaddingKind::valid, relu, 2},
      {"cpu winograd conv", {1, 17, 13, 8}, {3, 3, 8, 8}, PaddingKind::same, relu, 1, 1, 3},
      {"cpu winograd conv", {2, 51, 16}, {3, 16, 24}, PaddingKind::same, tanh},
      {"cpu packed conv", {1, 5, 6, 7, 3}, {2, 2, 2, 3, 9}, PaddingKind::valid, {}},
  };
}

std::vector<Tensor> operands(std::mt19937& random, const PooledCase& c, bool bias) {
  const std::int64_t outputs = c.w[c.w.rank() - 1];
  const float scale = 1.5F / std::sqrt(static_cast<float>(c.w.num_elements() / outputs));
  std::vector<Tensor> in = {random_floats(random, c.x), random_floats(random, c.w, -scale, scale)};
  if (bias) in.push_back(random_floats(random, {outputs}));
  return in;
}

TEST(CpuConvPooled, AgreesWithTheReference) {
  std::mt19937 random(81);
  for (const PooledCase& c : cases()) {
    for (const bool bias : {false, true}) {
      const std::vector<Tensor> in = operands(random, c, bias);
      EXPECT_EQ(PreparedOp(cpu_backend(), c.op(), in, 1, {1}).kernel().name(), c.kernel)
          << c.text();
      expect_agrees(c.op(), in, 1, {1}, 2e-6, c.text());
    }
  }
}

/// The largest of what the convolution alone gives, to the bit where the kernels are the same.
TEST(CpuConvPooled, IsThePoolOfTheConvolution) {
  std::mt19937 random(82);
  for (const PooledCase& c : cases()) {
    const std::vector<Tensor> in = operands(random, c, true);
    ops::Conv conv = c.op();
    conv.pool = 1;
    ops::Pool pool;
    pool.window.assign(conv.strides.size(), c.pool);
    pool.strides = pool.window;
    for (const Backend* backend : {&cpu_backend(), &reference_backend()}) {
      const Tensor pixels = PreparedOp(*backend, conv, in, 1, {1}).run()[0];
      EXPECT_TRUE(same_bits(PreparedOp(*backend, c.op(), in, 1, {1}).run(),
                            PreparedOp(*backend, pool, {pixels}, 1).run()))
          << backend->name() << ' ' << c.text();
    }
  }
}

TEST(CpuConvPooled, NaNWins) {
  std::mt19937 random(83);
  for (PooledCase c : cases()) {
    std::vector<Tensor> in = operands(random, c, true);
    for (const float value : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
      const auto last = in[0].num_elements() - 1;
      in[0].mutable_data<float>()[std::uniform_int_distribution<std::int64_t>(0, last)(random)] =
          value;
    }
    const Tensor y = PreparedOp(cpu_backend(), c.op(), in, 1, {1}).run()[0];
    const Tensor r = PreparedOp(reference_backend(), c.op(), widen(in), 1, {1}).run()[0];
    for (std::int64_t i = 0; i < y.num_elements(); ++i) {
      const double expected = r.data<double>()[i];
      ASSERT_EQ(std::isnan(y.data<float>()[i]), std::isnan(expected)) << c.text() << " at " << i;
    }
  }
}

TEST(CpuConvPooled, EveryVectorTarget) {
  std::mt19937 random(84);
  for (const std::string& target : cpu::vector_targets()) {
    cpu::force_vector_target(target);
    for (const PooledCase& c : cases()) {
      expect_agrees(c.op(), operands(random, c, true), 1, {1}, 2e-6, target + ' ' + c.text());
    }
  }
  cpu::force_vector_target("");
}

TEST(CpuConvPooled, NoBlockAtAll) {
  const PooledCase c{"", {2, 3, 9, 8}, {3, 3, 8, 8}};
  std::mt19937 random(85);
  const Tensor y = PreparedOp(cpu_backend(), c.op(), operands(random, c, true), 1, {1}).run()[0];
  EXPECT_EQ(y.shape(), Shape({2, 0, 3, 8}));
}

}  // namespace
}  // namespace thaw::test
