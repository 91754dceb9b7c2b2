// Every instruction set that this machine can run gives right results, not only the one it would
// choose.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/cpu/functions.h"
#include "kernels/cpu/targets.h"
#include "tests/kernels/cpu_support.h"

namespace thaw::test {
namespace {

class CpuTargets : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { cpu::force_vector_target(GetParam()); }
  void TearDown() override { cpu::force_vector_target(""); }

  void check(const Op& op, const std::vector<Tensor>& in, int outputs,
             const std::vector<int>& constants, const std::string& what) {
    expect_agrees(op, in, outputs, constants, 3e-6, GetParam() + ": " + what);
  }
  Tensor floats(Shape shape, float low = -1, float high = 1) {
    return random_floats(random_, std::move(shape), low, high);
  }

  std::mt19937 random_{51};
};

TEST_P(CpuTargets, Functions){
#define X(name)                                                                                \
  {                                                                                            \
    UnaryFn fn{UnaryKind::name, 0.75, 0.5};                                                    \
    if (fn.kind == UnaryKind::clamp) fn.beta = 6;                                              \
    const float low =                                                                          \
        fn.kind == UnaryKind::log || fn.kind == UnaryKind::sqrt || fn.kind == UnaryKind::rsqrt \
            ? 0.01f                                                                            \
        : fn.kind == UnaryKind::log1p ? -0.9f                                                  \
                                      : -7;                                                    \
    Tensor x = floats({1, 103}, low, 7);                                                       \
    x.mutable_data<float>()[0] = 7;                                                            \
    check(ops::Unary{fn}, {x}, 1, {}, #name);                                                  \
  }
    THAW_VECTOR_UNARY_KINDS(X)
#undef X
}

TEST_P(CpuTargets, Products) {
  for (const std::int64_t m : {1, 2, 3, 5, 7, 100}) {
    for (const std::int64_t n : {1, 5, 17, 64, 130}) {
      check(ops::MatMul{}, {floats({m, 400}), floats({400, n}), floats({n})}, 1, {1},
            fmt::format("{} x {}", m, n));
    }
  }
  ops::Conv conv;
  conv.strides = conv.dilations = {1, 1};
  conv.padding.kind = PaddingKind::same;
  check(conv, {floats({2, 9, 11, 5}), floats({3, 3, 5, 21})}, 1, {1}, "conv");
  conv.groups = 21;
  check(conv, {floats({2, 9, 11, 21}), floats({3, 3, 1, 42})}, 1, {1}, "depthwise");
}

TEST_P(CpuTargets, Rows) {
  ops::Pool pool;
  pool.window = pool.strides = {2, 3};
  const Tensor axes = Tensor::from<std::int64_t>({1}, {1});
  for (const std::int64_t size : {1, 3, 4, 7, 16, 33, 300}) {
    const Tensor x = floats({5, size}, -3, 3);
    pool.kind = PoolKind::max;
    check(pool, {floats({2, 7, 8, size})}, 1, {}, "max pool");
    pool.kind = PoolKind::average;
    check(pool, {floats({2, 7, 8, size})}, 1, {}, "average pool");
    for (const ReduceKind kind :
         {ReduceKind::sum, ReduceKind::mean, ReduceKind::max, ReduceKind::min}) {
      check(ops::Reduce{kind, false}, {floats({5, size}, 0, 1), axes}, 1, {}, "reduce rows");
      check(ops::Reduce{kind, false}, {floats({3, 70, size}, 0, 1), axes}, 1, {}, "reduce columns");
    }
    check(ops::Softmax{{-1}, false}, {x}, 1, {}, "softmax");
    check(ops::Softmax{{-1}, true}, {x}, 1, {}, "log-softmax");
    check(ops::Normalize{{-1}}, {x}, 1, {}, "normalize");
    ops::Attention attention;
    attention.heads = attention.key_heads = 2;
    attention.key_width = attention.value_width = size;
    attention.scale = 0.1;
    const Tensor k = floats({2, 11, 2 * size}, -1, 1);
    check(attention, {floats({2, 9, 2 * size}, -1, 1), k, k, floats({9, 11})}, 1, {}, "attention");
    check(ops::Binary{BinaryKind::maximum}, {x, floats({size})}, 1, {}, "maximum");
  }
}

TEST_P(CpuTargets, RecurrentLayers) {
  for (const CellKind cell : {CellKind::lstm, CellKind::gru, CellKind::simple}) {
    const std::int64_t gates = cell == CellKind::lstm ? 4 : cell == CellKind::gru ? 3 : 1;
    for (const std::int64_t units : {1, 5, 8, 17, 40}) {
      for (const std::int64_t batch : {1, 2, 5, 14}) {
        ops::Rnn op;
        op.cell = cell;
        op.reset_after = units % 2 == 1;
        op.return_sequences = batch % 2 == 0;
        op.recurrent_activation =
            units == 5 ? UnaryFn{UnaryKind::hard_sigmoid, 0.2, 0.5} : UnaryFn{UnaryKind::sigmoid};
        const bool two = cell == CellKind::gru && op.reset_after;
        const float scale = 1 / std::sqrt(static_cast<float>(units));
        check(op,
              {floats({batch, 9, 6}), floats({6, gates * units}, -0.5f, 0.5f),
               floats({units, gates * units}, -scale, scale),
               floats(two ? Shape{2, gates * units} : Shape{gates * units})},
              cell == CellKind::lstm ? 3 : 2, {1, 2, 3},
              fmt::format("cell {} units {} batch {}", static_cast<int>(cell), units, batch));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, CpuTargets, testing::ValuesIn(cpu::vector_targets()),
                         [](const auto& target) {
                           std::string name = target.param;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace thaw::test
