// Weights in shorter forms: the kernels must give what float32 weights of the same rounded values
// give, so that all they cost is that rounding.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/cpu/targets.h"
#include "runtime/base/half.h"
#include "tests/kernels/cpu_support.h"

namespace thaw::test {
namespace {

constexpr WeightStorage kForms[] = {WeightStorage::fp16, WeightStorage::bf16, WeightStorage::int8};

/// One scale per row or per column, the largest element at 127.
Tensor quantised(const Tensor& weights, bool by_row) {
  Tensor result = weights.clone();
  const int rank = weights.shape().rank();
  const std::int64_t inner =
      by_row ? weights.num_elements() / weights.shape()[0] : weights.shape()[rank - 1];
  const std::int64_t outer = weights.num_elements() / inner;
  const std::int64_t count = by_row ? inner : outer, lines = by_row ? outer : inner;
  const std::int64_t step = by_row ? 1 : inner;
  for (std::int64_t line = 0; line < lines; ++line) {
    float* x = result.mutable_data<float>() + (by_row ? line * inner : line);
    float largest = 0;
    for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(x[i * step]));
    const float scale = largest / 127;
    for (std::int64_t i = 0; i < count && scale > 0; ++i) {
      x[i * step] = std::nearbyint(x[i * step] / scale) * scale;
    }
  }
  return result;
}

Tensor rounded(const Tensor& weights, WeightStorage form, bool by_row = false) {
  if (form == WeightStorage::int8) return quantised(weights, by_row);
  Tensor result = weights.clone();
  float* x = result.mutable_data<float>();
  for (std::int64_t i = 0; i < result.num_elements(); ++i) {
    x[i] = form == WeightStorage::fp16 ? half_to_float(float_to_half(x[i]))
                                       : bfloat_to_float(float_to_bfloat(x[i]));
  }
  return result;
}

class CpuWeights : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { cpu::force_vector_target(GetParam()); }
  void TearDown() override { cpu::force_vector_target(""); }

  /// `rounding`: the operands that are kept in the form, bias and tables of rows told apart.
  void check(const Op& op, const std::vector<Tensor>& in, int outputs,
             const std::vector<int>& constants, const std::vector<std::size_t>& rounding,
             WeightStorage form, double tolerance, bool by_row, const std::string& what) {
    std::vector<Tensor> wide = in;
    for (const std::size_t i : rounding) wide[i] = rounded(in[i], form, by_row);
    const std::vector<Tensor> expected =
        PreparedOp(reference_backend(), op, widen(wide), outputs, constants).run();
    std::vector<Tensor> first;
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      PackCache packs(form);
      const PreparedOp ours(cpu_backend(), op, in, outputs, constants, threads, &packs);
      ASSERT_STRNE(ours.kernel().name(), "reference") << what;
      const std::vector<Tensor> results = ours.run(&pool);
      for (std::size_t i = 0; i < results.size(); ++i) {
        EXPECT_LE(error_of(results[i], expected[i]), tolerance)
            << GetParam() << ", form " << static_cast<int>(form) << ": " << what;
      }
      if (threads == 1) first = results;
      EXPECT_TRUE(same_bits(first, results)) << what;
    }
  }
  Tensor floats(Shape shape, float low = -1, float high = 1) {
    return random_floats(random_, std::move(shape), low, high);
  }

  std::mt19937 random_{71};
};

TEST_P(CpuWeights, Products) {
  for (const WeightStorage form : kForms) {
    for (const std::int64_t m : {1, 2, 5, 6, 7, 100}) {
      for (const std::int64_t n : {1, 5, 17, 64, 130}) {
        if (m * n == 1) continue;  // a single sum may cancel, and has nothing to be judged beside
        for (const bool transposed : {false, true}) {
          ops::MatMul op;
          op.transpose_b = transposed && form != WeightStorage::int8;
          op.activation.kind = m == 5 ? UnaryKind::tanh : UnaryKind::linear;
          const Shape b = op.transpose_b ? Shape{n, 400} : Shape{400, n};
          check(op, {floats({m, 400}), floats(b, -0.1f, 0.1f), floats({n})}, 1, {1}, {1}, form,
                3e-6, false, fmt::format("matmul {} x {}", m, n));
        }
      }
    }
    check(ops::MatMul{}, {floats({3, 2, 40}), floats({3, 40, 21}, -0.1f, 0.1f)}, 1, {1},
          form == WeightStorage::int8 ? std::vector<std::size_t>{} : std::vector<std::size_t>{1},
          form, form == WeightStorage::int8 ? 2e-2 : 3e-6, false, "a batch of weights");
  }
}

TEST_P(CpuWeights, RecurrentLayers) {
  for (const WeightStorage form : kForms) {
    for (const CellKind cell : {CellKind::lstm, CellKind::gru, CellKind::simple}) {
      const std::int64_t gates = cell == CellKind::lstm ? 4 : cell == CellKind::gru ? 3 : 1;
      for (const std::int64_t units : {1, 5, 8, 17, 40}) {
        for (const std::int64_t batch : {1, 2, 14}) {
          if (units == 1 && batch < 14) continue;  // nor do one or two numbers
          ops::Rnn op;
          op.cell = cell;
          op.reset_after = units % 2 == 1;
          op.return_sequences = batch % 2 == 0;
          const bool two = cell == CellKind::gru && op.reset_after;
          const float scale = 1 / std::sqrt(static_cast<float>(units));
          check(op,
                {floats({batch, 9, 6}), floats({6, gates * units}, -0.5f, 0.5f),
                 floats({units, gates * units}, -scale, scale),
                 floats(two ? Shape{2, gates * units} : Shape{gates * units})},
                cell == CellKind::lstm ? 3 : 2, {1, 2, 3}, {1, 2}, form, 5e-6, false,
                fmt::format("cell {} units {} batch {}", static_cast<int>(cell), units, batch));
        }
      }
    }
  }
}

// Steps of single rows keep two rows of 16-bit weights side by side; elements of every size, odd
// numbers of units, and what the form does not hold.
TEST_P(CpuWeights, SingleRowsOfRecurrentLayers) {
  for (const WeightStorage form : kForms) {
    for (const int cell : {0, 1, 2, 3}) {
      for (const std::int64_t units : {5, 131}) {
        for (const float largest : {0.1f, 150.0f}) {
          ops::Rnn op;
          op.cell = cell == 0 ? CellKind::lstm : cell == 3 ? CellKind::simple : CellKind::gru;
          op.reset_after = cell != 2;
          op.return_sequences = true;
          const std::int64_t gates = cell == 0 ? 4 : cell == 3 ? 1 : 3;
          Tensor recurrent = floats({units, gates * units}, -0.1f, 0.1f);
          float* u = recurrent.mutable_data<float>();
          for (std::int64_t i = 0; i < recurrent.num_elements(); i += 3) u[i] *= 1e-5f;
          for (std::int64_t i = 1; i < recurrent.num_elements(); i += 7)
            u[i] = i % 2 ? 0.0f : -0.0f;
          u[units * units / 2] = largest;
          for (const std::int64_t inputs : {33, 140}) {
            check(
                op,
                {floats({1, 9, inputs}), floats({inputs, gates * units}, -0.3f, 0.3f), recurrent,
                 floats(cell == 1 ? Shape{2, gates * units} : Shape{gates * units})},
                cell == 0 ? 3 : 2, {1, 2, 3}, {1, 2}, form, 5e-6, false,
                fmt::format("cell {} units {} inputs {} largest {}", cell, units, inputs, largest));
          }
        }
      }
    }
  }
}

TEST_P(CpuWeights, Embeddings) {
  for (const WeightStorage form : kForms) {
    for (const std::int64_t row : {1, 3, 8, 17, 100}) {
      Tensor indices(DType::int32, {4, 9});
      for (int i = 0; i < 36; ++i) indices.mutable_data<std::int32_t>()[i] = i * 7 % 50;
      check(ops::Gather{}, {floats({50, row}), indices}, 1, {0}, {0}, form, 1e-7, true,
            fmt::format("rows of {}", row));
    }
  }
}

TEST_P(CpuWeights, AnIndexOutsideTheTableIsAnError) {
  PackCache packs(WeightStorage::fp16);
  const PreparedOp gather(cpu_backend(), ops::Gather{},
                          {floats({5, 3}), Tensor::from<std::int64_t>({2}, {1, 5})}, 1, {0}, 1,
                          &packs);
  EXPECT_STREQ(gather.kernel().name(), "cpu compressed gather");
  EXPECT_THROW(gather.run(), Error);
}

// Infinity in float16, no scale for infinities: such weights are kept as they are.
TEST_P(CpuWeights, WhatAFormCannotHoldStaysFloat32) {
  for (const WeightStorage form : {WeightStorage::fp16, WeightStorage::int8}) {
    const float large = form == WeightStorage::fp16 ? 1e5f : HUGE_VALF;
    Tensor weights = floats({30, 20});
    weights.mutable_data<float>()[77] = large;
    const std::vector<Tensor> in = {floats({2, 30}), weights};
    PackCache packs(form);
    const std::vector<Tensor> kept =
        PreparedOp(cpu_backend(), ops::MatMul{}, in, 1, {1}, 1, &packs).run();
    const std::vector<Tensor> plain = PreparedOp(cpu_backend(), ops::MatMul{}, in, 1, {1}).run();
    EXPECT_TRUE(same_bits(kept, plain));
  }
}

// Columns of zeros have no scale; numbers too small for one vanish.
TEST_P(CpuWeights, ColumnsOfZeros) {
  Tensor weights = floats({30, 20});
  for (int k = 0; k < 30; ++k) {
    weights.mutable_data<float>()[k * 20 + 3] = 0;
    weights.mutable_data<float>()[k * 20 + 4] = 1e-40f;
  }
  PackCache packs(WeightStorage::int8);
  const Tensor y =
      PreparedOp(cpu_backend(), ops::MatMul{}, {floats({2, 30}), weights}, 1, {1}, 1, &packs)
          .run()[0];
  for (const int at : {3, 4, 23, 24}) EXPECT_EQ(y.data<float>()[at], 0);
}

INSTANTIATE_TEST_SUITE_P(All, CpuWeights, testing::ValuesIn(cpu::vector_targets()),
                         [](const auto& target) {
                           std::string name = target.param;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace thaw::test
