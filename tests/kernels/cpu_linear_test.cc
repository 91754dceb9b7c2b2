// Matrix products and convolutions against the reference in float64, bitwise equal for any thread
// count.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "tests/kernels/cpu_support.h"

namespace thaw::test {
namespace {

template <class T>
T pick(std::mt19937& random, std::initializer_list<T> from) {
  return *(from.begin() + std::uniform_int_distribution<std::size_t>(0, from.size() - 1)(random));
}

UnaryFn random_activation(std::mt19937& random) {
  return pick<UnaryFn>(random, {{UnaryKind::linear},
                                {UnaryKind::relu},
                                {UnaryKind::tanh},
                                {UnaryKind::clamp, 0, 6},
                                {UnaryKind::gelu},
                                {UnaryKind::leaky_relu, 0.2}});
}

TEST(CpuMatMul, RandomShapesAgreeWithTheReference) {
  std::mt19937 random(31);
  std::bernoulli_distribution coin(0.5);
  for (int i = 0; i < 300; ++i) {
    const std::int64_t m = pick<std::int64_t>(random, {0, 1, 2, 3, 5, 6, 7, 13, 97, 200});
    const std::int64_t k = pick<std::int64_t>(random, {0, 1, 2, 31, 64, 383, 385, 800});
    const std::int64_t n = pick<std::int64_t>(random, {0, 1, 5, 10, 16, 17, 63, 64, 65, 130});
    ops::MatMul op;
    op.transpose_a = coin(random);
    op.transpose_b = coin(random);
    op.activation = random_activation(random);
    Shape a = op.transpose_a ? Shape{k, m} : Shape{m, k},
          b = op.transpose_b ? Shape{n, k} : Shape{k, n};
    const int batch = pick(random, {0, 0, 1, 2, 3});
    const auto prepend = [](Shape shape, std::vector<std::int64_t> dims) {
      dims.insert(dims.end(), shape.dims().begin(), shape.dims().end());
      return Shape(std::move(dims));
    };
    if (batch == 1) a = prepend(a, {3});
    if (batch == 2) a = prepend(a, {2, 1}), b = prepend(b, {3});
    if (batch == 3) b = prepend(b, {2, 2});
    // Sums of about 1: where an activation saturates, errors must not outgrow the results.
    const float scale = 1.5f / std::sqrt(static_cast<float>(std::max<std::int64_t>(k, 1)));
    std::vector<Tensor> in = {random_floats(random, a), random_floats(random, b, -scale, scale)};
    if (coin(random)) in.push_back(random_floats(random, {n}));
    const bool constant = coin(random);
    expect_agrees(
        op, in, 1, constant ? std::vector<int>{1} : std::vector<int>{}, 2e-6,
        fmt::format("{} x {} transpose {} {} constant {} {}", a.to_string(), b.to_string(),
                    op.transpose_a, op.transpose_b, constant, name_of(op.activation.kind)));
  }
}

TEST(CpuMatMul, LongSumsStayWithinTheLimit) {
  std::mt19937 random(32);
  for (const std::int64_t m : {1, 8, 64}) {
    expect_agrees(ops::MatMul{},
                  {random_floats(random, {m, 8192}), random_floats(random, {8192, 32})}, 1, {1},
                  2e-6, fmt::format("m = {}", m));
  }
}

struct ConvCase {
  ops::Conv op;
  Shape x, w;
};

ConvCase random_conv(std::mt19937& random, bool depthwise) {
  ConvCase c;
  const int spatial = pick(random, {1, 2, 2, 2, 3});
  c.op.groups = depthwise ? pick<std::int64_t>(random, {2, 5, 16, 24, 33})
                          : pick<std::int64_t>(random, {1, 1, 2, 3});
  const std::int64_t per_group = depthwise ? 1 : pick<std::int64_t>(random, {1, 3, 4, 17});
  std::vector<std::int64_t> x = {pick<std::int64_t>(random, {1, 2, 5})}, w;
  for (int i = 0; i < spatial; ++i) {
    const std::int64_t k = pick<std::int64_t>(random, {1, 2, 3, 5});
    const bool strided = std::bernoulli_distribution(0.4)(random);
    c.op.strides.push_back(strided ? pick<std::int64_t>(random, {2, 3}) : 1);
    c.op.dilations.push_back(strided ? 1 : pick<std::int64_t>(random, {1, 1, 2}));
    w.push_back(k);
    x.push_back((k - 1) * 2 + pick<std::int64_t>(random, {1, 2, 7, 10}));
  }
  const PaddingKind kind =
      pick(random, {PaddingKind::valid, PaddingKind::same, PaddingKind::explicit_,
                    spatial == 1 ? PaddingKind::causal : PaddingKind::same});
  c.op.padding.kind = kind;
  for (int i = 0; kind == PaddingKind::explicit_ && i < spatial; ++i) {
    c.op.padding.before.push_back(pick<std::int64_t>(random, {0, 1, 2}));
    c.op.padding.after.push_back(pick<std::int64_t>(random, {0, 1, 3}));
  }
  c.op.activation = random_activation(random);
  x.push_back(c.op.groups * per_group);
  w.push_back(per_group);
  w.push_back(c.op.groups * pick<std::int64_t>(random, {1, 2, 5, 33}));
  c.x = Shape(x);
  c.w = Shape(w);
  return c;
}

void check_conv(std::mt19937& random, const ConvCase& c) {
  const float scale =
      1.5f / std::sqrt(static_cast<float>(c.w.num_elements() / c.w[c.w.rank() - 1]));
  std::vector<Tensor> in = {random_floats(random, c.x), random_floats(random, c.w, -scale, scale)};
  if (std::bernoulli_distribution(0.5)(random))
    in.push_back(random_floats(random, {c.w[c.w.rank() - 1]}));
  expect_agrees(
      c.op, in, 1, {1}, 2e-6,
      fmt::format("conv {} * {} stride {} dilation {} padding {} groups {} {}", c.x.to_string(),
                  c.w.to_string(), c.op.strides[0], c.op.dilations[0],
                  static_cast<int>(c.op.padding.kind), c.op.groups, name_of(c.op.activation.kind)));
}

TEST(CpuConv, RandomConvolutionsAgreeWithTheReference) {
  std::mt19937 random(33);
  for (int i = 0; i < 300; ++i) check_conv(random, random_conv(random, false));
}

TEST(CpuConv, RandomDepthwiseConvolutionsAgreeWithTheReference) {
  std::mt19937 random(34);
  for (int i = 0; i < 200; ++i) check_conv(random, random_conv(random, true));
}

TEST(CpuConv, ImagesBeyondOneWaveAgreeWithTheReference) {
  std::mt19937 random(35);
  ConvCase c;
  c.op.strides = c.op.dilations = {1, 1};
  c.op.padding.kind = PaddingKind::same;
  c.x = {40, 28, 28, 12};
  c.w = {3, 3, 12, 8};
  check_conv(random, c);
  c.op.groups = 12;
  c.w = {3, 3, 1, 12};
  check_conv(random, c);
}

/// Enough work for oneDNN, with every form of weights that it is given.
TEST(CpuConv, LargeConvolutionsAgreeWithTheReference) {
  std::mt19937 random(37);
  for (const std::int64_t groups : {1, 2}) {
    for (const std::int64_t stride : {1, 2}) {
      ConvCase c;
      c.op.groups = groups;
      c.op.strides = {stride, stride};
      c.op.dilations = {1, 1};
      c.op.padding.kind = PaddingKind::same;
      c.op.activation = random_activation(random);
      c.x = {2, 31 * stride, 30 * stride, 96};
      c.w = {3, 5, 96 / groups, 80 * groups};
      const PreparedOp op(cpu_backend(), c.op,
                          {random_floats(random, c.x), random_floats(random, c.w)}, 1, {1});
      EXPECT_STREQ(op.kernel().name(), "onednn conv");
      check_conv(random, c);
    }
  }
}

TEST(CpuConv, ReluLetsNanThrough) {
  std::mt19937 random(38);
  for (const std::int64_t channels : {4, 8, 256}) {  // packed, minimal filtering
    ops::Conv op;
    op.strides = op.dilations = {1, 1};
    op.activation.kind = UnaryKind::relu;
    Tensor x = random_floats(random, {1, 12, 12, channels});
    x.mutable_data<float>()[0] = std::nanf("");
    const auto y = PreparedOp(cpu_backend(), op,
                              {x, random_floats(random, {3, 3, channels, channels})}, 1, {1})
                       .run();
    for (std::int64_t i = 0; i < channels; ++i) EXPECT_TRUE(std::isnan(y[0].data<float>()[i]));
    EXPECT_FALSE(std::isnan(y[0].data<float>()[channels]));
  }
}

TEST(CpuLinear, OneKernelRunsInSeveralThreads) {
  std::mt19937 random(36);
  ops::Conv conv;
  conv.strides = conv.dilations = {1, 1};
  conv.padding.kind = PaddingKind::same;
  const PreparedOp product(cpu_backend(), ops::MatMul{},
                           {random_floats(random, {100, 70}), random_floats(random, {70, 90})}, 1,
                           {}, 2);
  const PreparedOp window(
      cpu_backend(), conv,
      {random_floats(random, {3, 9, 9, 5}), random_floats(random, {3, 3, 5, 20})}, 1, {1}, 2);
  for (const PreparedOp* op : {&product, &window}) {
    const std::vector<Tensor> expected = op->run();
    std::vector<int> good(4, 0);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < good.size(); ++i) {
      threads.emplace_back([&, i] {
        ThreadPool pool(2);
        for (int round = 0; round < 30; ++round)
          good[i] += same_bits(op->run(&pool), expected) ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(good, std::vector<int>(4, 30));
  }
}

}  // namespace
}  // namespace thaw::test
