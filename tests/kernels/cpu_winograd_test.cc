// Convolutions by minimal filtering against the reference in float64, bitwise equal for any thread
// count.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/cpu/targets.h"
#include "tests/kernels/cpu_support.h"

namespace thaw::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <class T>
T pick(std::mt19937& random, std::initializer_list<T> from) {
  return *(from.begin() + std::uniform_int_distribution<std::size_t>(0, from.size() - 1)(random));
}

struct WinogradCase {
  ops::Conv op;
  Shape x, w;

  std::string text() const {
    return fmt::format("{} * {} padding {} {}", x.to_string(), w.to_string(),
                       static_cast<int>(op.padding.kind), name_of(op.activation.kind));
  }
};

WinogradCase random_case(std::mt19937& random) {
  WinogradCase c;
  const bool square = std::bernoulli_distribution(0.6)(random);
  const std::int64_t taps = square ? 3 : pick<std::int64_t>(random, {3, 4, 5});
  std::vector<std::int64_t> x = {pick<std::int64_t>(random, {1, 2, 5})}, w;
  for (int i = 0; i < (square ? 2 : 1); ++i) {
    w.push_back(taps);
    x.push_back(pick<std::int64_t>(random, {9, 10, 13, 16}) * (square ? 1 : 5));
    c.op.strides.push_back(1);
    c.op.dilations.push_back(1);
  }
  c.op.padding.kind = pick(random, {PaddingKind::valid, PaddingKind::same, PaddingKind::explicit_,
                                    square ? PaddingKind::same : PaddingKind::causal});
  if (c.op.padding.kind == PaddingKind::explicit_) {
    for (int i = 0; i < (square ? 2 : 1); ++i) {
      c.op.padding.before.push_back(pick<std::int64_t>(random, {0, 1, 4}));
      c.op.padding.after.push_back(pick<std::int64_t>(random, {0, 2, 5}));
    }
  }
  c.op.activation = pick<UnaryFn>(random, {{UnaryKind::linear},
                                           {UnaryKind::relu},
                                           {UnaryKind::tanh},
                                           {UnaryKind::clamp, 0, 6},
                                           {UnaryKind::gelu}});
  const auto channels = pick<std::int64_t>(random, {8, 9, 16, 31, 64, 100});
  x.push_back(channels);
  w.push_back(channels);
  w.push_back(pick<std::int64_t>(random, {8, 16, 17, 33, 64, 65, 100}));
  c.x = Shape(x);
  c.w = Shape(w);
  return c;
}

std::vector<Tensor> operands(std::mt19937& random, const WinogradCase& c) {
  const std::int64_t outputs = c.w[c.w.rank() - 1];
  const float scale = 1.5F / std::sqrt(static_cast<float>(c.w.num_elements() / outputs));
  std::vector<Tensor> in = {random_floats(random, c.x), random_floats(random, c.w, -scale, scale)};
  if (std::bernoulli_distribution(0.5)(random)) in.push_back(random_floats(random, {outputs}));
  return in;
}

const char* kernel_of(const WinogradCase& c, const std::vector<Tensor>& in) {
  return PreparedOp(cpu_backend(), c.op, in, 1, {1}).kernel().name();
}

TEST(CpuWinograd, RandomConvolutionsAgreeWithTheReference) {
  std::mt19937 random(71);
  for (int i = 0; i < 60; ++i) {
    const WinogradCase c = random_case(random);
    const std::vector<Tensor> in = operands(random, c);
    EXPECT_STREQ(kernel_of(c, in), "cpu winograd conv") << c.text();
    expect_agrees(c.op, in, 1, {1}, 2e-6, c.text());
  }
}

TEST(CpuWinograd, ManyChunksAgreeWithTheReference) {
  std::mt19937 random(72);
  WinogradCase c;
  c.op.strides = c.op.dilations = {1, 1};
  c.op.padding.kind = PaddingKind::same;
  c.x = {3, 41, 39, 48};
  c.w = {3, 3, 48, 80};
  expect_agrees(c.op, operands(random, c), 1, {1}, 2e-6, c.text());
}

TEST(CpuWinograd, WholeNumbersGiveExactSums) {
  std::mt19937 random(73);
  WinogradCase c;
  c.op.strides = c.op.dilations = {1, 1};
  c.x = {1, 12, 12, 16};
  c.w = {3, 3, 16, 16};
  std::vector<Tensor> in = {random_floats(random, c.x, -9, 9), random_floats(random, c.w, -9, 9)};
  for (Tensor& tensor : in) {
    float* values = tensor.mutable_data<float>();
    for (std::int64_t i = 0; i < tensor.num_elements(); ++i) values[i] = std::round(values[i]);
  }
  expect_agrees(c.op, in, 1, {1}, 0, c.text());
}

/// What is not finite stays within its window, with the kind that it has there: error_of compares.
TEST(CpuWinograd, SpecialValuesReachWhatTheirWindowsCover) {
  std::mt19937 random(74);
  for (int i = 0; i < 30; ++i) {
    WinogradCase c = random_case(random);
    if (c.op.activation.kind == UnaryKind::gelu) c.op.activation = {};  // of -infinity: NaN or 0
    std::vector<Tensor> in = operands(random, c);
    float* x = in[0].mutable_data<float>();
    for (const float value : {std::nanf(""), kInfinity, -kInfinity, 3e38F}) {
      x[std::uniform_int_distribution<std::int64_t>(0, in[0].num_elements() - 1)(random)] = value;
    }
    // Judged element by element, since one great number would hide all others.
    const Tensor y = PreparedOp(cpu_backend(), c.op, in, 1, {1}).run()[0];
    const Tensor r = PreparedOp(reference_backend(), c.op, widen(in), 1, {1}).run()[0];
    for (std::int64_t j = 0; j < y.num_elements(); ++j) {
      const double expected = r.data<double>()[j];
      const float value = y.data<float>()[j];
      ASSERT_EQ(std::isnan(value), std::isnan(expected)) << c.text() << " at " << j;
      if (std::isinf(expected)) {
        ASSERT_EQ(value, expected) << c.text() << " at " << j;
      }
    }
  }
}

TEST(CpuWinograd, WeightsThatAreNotFiniteAreLeftToOtherKernels) {
  std::mt19937 random(75);
  WinogradCase c = random_case(random);
  c.op.activation = {};
  c.op.padding = {};
  for (const float value : {std::nanf(""), kInfinity, -kInfinity}) {
    std::vector<Tensor> in = operands(random, c);
    in[1].mutable_data<float>()[17] = value;
    EXPECT_STRNE(kernel_of(c, in), "cpu winograd conv");
    expect_agrees(c.op, in, 1, {1}, 2e-6, c.text());
  }
}

TEST(CpuWinograd, EveryInstructionSetAgreesWithTheReference) {
  for (const std::string& target : cpu::vector_targets()) {
    cpu::force_vector_target(target);
    std::mt19937 random(76);
    for (int i = 0; i < 10; ++i) {
      const WinogradCase c = random_case(random);
      std::vector<Tensor> in = operands(random, c);
      expect_agrees(c.op, in, 1, {1}, 2e-6, target + ": " + c.text());
    }
  }
  cpu::force_vector_target("");
}

TEST(CpuWinograd, ConvLstmAgreesWithTheReference) {
  std::mt19937 random(78);
  for (int i = 0; i < 8; ++i) {
    const bool square = i % 2 == 0, backwards = i % 4 < 2;
    const auto filters = pick<std::int64_t>(random, {8, 11, 32}), channels = i == 0 ? 3 : filters;
    ops::ConvLstm op;
    Shape x{2, 5, 33, channels}, w{3, channels, 4 * filters}, u{3, filters, 4 * filters};
    if (square) {
      x = {2, 5, 9, 12, channels};
      w = {3, 3, channels, 4 * filters};
      u = {3, 3, filters, 4 * filters};
    }
    op.strides.assign(square ? 2 : 1, 1);
    op.dilations = op.strides;
    op.padding.kind = PaddingKind::same;
    op.recurrent_activation = {UnaryKind::sigmoid};
    op.go_backwards = backwards;
    op.return_sequences = op.has_mask = i < 4;
    std::vector<Tensor> in = {random_floats(random, x), random_floats(random, w, -0.2F, 0.2F),
                              random_floats(random, u, -0.1F, 0.1F),
                              random_floats(random, {4 * filters})};
    if (op.has_mask) in.push_back(random_bools(random, {2, 5}, 0.7));
    expect_agrees(op, in, 3, {1, 2}, 2e-6, fmt::format("{} * {}", x.to_string(), w.to_string()));
  }
}

TEST(CpuWinograd, RunsAllocateNothing) {
  std::mt19937 random(77);
  const WinogradCase c = random_case(random);
  const PreparedOp op(cpu_backend(), c.op, operands(random, c), 1, {1}, 2);
  PreparedOp::Buffers buffers = op.buffers();
  ThreadPool pool(2);
  op.run(buffers, &pool);
  const std::size_t before = allocation_count();
  op.run(buffers, &pool);
  EXPECT_EQ(allocation_count(), before);
}

}  // namespace
}  // namespace thaw::test
