// The recurrent kernels against the reference in float64: sizes around the vector and tile widths,
// every attribute, masks of any pattern.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "tests/kernels/cpu_support.h"

namespace thaw::test {
namespace {

struct Config {
  ops::Rnn op;
  std::int64_t batch, steps, inputs, units;
};

std::string describe(const Config& c) {
  return fmt::format(
      "cell {} reset_after {} B{} T{} I{} U{} sequences {} backwards {} time_major {} zero {} bias "
      "{} "
      "mask {} state {} activations {}/{}",
      static_cast<int>(c.op.cell), c.op.reset_after, c.batch, c.steps, c.inputs, c.units,
      c.op.return_sequences, c.op.go_backwards, c.op.time_major, c.op.zero_output_for_mask,
      c.op.has_bias, c.op.has_mask, c.op.has_state, name_of(c.op.activation.kind),
      name_of(c.op.recurrent_activation.kind));
}

std::vector<Tensor> operands(std::mt19937& random, const Config& c) {
  const std::int64_t gates = c.op.cell == CellKind::lstm ? 4 : c.op.cell == CellKind::gru ? 3 : 1;
  const float scale = 1.0f / std::sqrt(static_cast<float>(c.units));
  std::vector<Tensor> in;
  in.push_back(random_floats(random, c.op.time_major ? Shape{c.steps, c.batch, c.inputs}
                                                     : Shape{c.batch, c.steps, c.inputs}));
  const float input_scale = std::min(0.5f, 4.0f / std::sqrt(static_cast<float>(c.inputs)));
  in.push_back(random_floats(random, {c.inputs, gates * c.units}, -input_scale, input_scale));
  in.push_back(random_floats(random, {c.units, gates * c.units}, -scale, scale));
  if (c.op.has_bias) {
    const bool two = c.op.cell == CellKind::gru && c.op.reset_after;
    in.push_back(random_floats(random, two ? Shape{2, 3 * c.units} : Shape{gates * c.units}));
  }
  if (c.op.has_mask) {
    Tensor mask = random_bools(random, {c.batch, c.steps}, 0.6);
    // Row 0 is masked throughout, row 1 not at all, row 2 right-padded.
    for (std::int64_t t = 0; t < c.steps; ++t) {
      bool* m = mask.mutable_data<bool>();
      m[t] = false;
      if (c.batch > 1) m[c.steps + t] = true;
      if (c.batch > 2) m[2 * c.steps + t] = t < c.steps / 2;
    }
    in.push_back(mask);
  }
  if (c.op.has_state) {
    in.push_back(random_floats(random, {c.batch, c.units}));
    if (c.op.cell == CellKind::lstm) in.push_back(random_floats(random, {c.batch, c.units}));
  }
  return in;
}

int results_of(const ops::Rnn& op) { return op.cell == CellKind::lstm ? 3 : 2; }
std::vector<int> weights_of(const ops::Rnn& op) {
  return op.has_bias ? std::vector<int>{1, 2, 3} : std::vector<int>{1, 2};
}

void check(std::mt19937& random, const Config& c) {
  // relu and linear let states grow; the error grows with them, so it is judged against their size.
  expect_agrees(c.op, operands(random, c), results_of(c.op), weights_of(c.op), 3e-6, describe(c));
}

template <class T>
T pick(std::mt19937& random, std::initializer_list<T> from) {
  return *(from.begin() + std::uniform_int_distribution<std::size_t>(0, from.size() - 1)(random));
}

TEST(CpuRnn, RandomConfigurationsAgreeWithTheReference) {
  std::mt19937 random(11);
  std::bernoulli_distribution coin(0.5);
  const UnaryFn tanh{UnaryKind::tanh}, sigmoid{UnaryKind::sigmoid}, relu{UnaryKind::relu},
      hard{UnaryKind::hard_sigmoid, 0.2, 0.5}, keras3{UnaryKind::hard_sigmoid, 1.0 / 6, 0.5},
      softsign{UnaryKind::softsign}, elu{UnaryKind::elu, 1.0}, linear{UnaryKind::linear};
  for (int i = 0; i < 400 && !HasFatalFailure(); ++i) {
    Config c;
    c.op.cell = pick(random, {CellKind::lstm, CellKind::gru, CellKind::simple});
    const bool usual = coin(random);
    c.op.activation = usual ? tanh : pick(random, {tanh, softsign, hard, sigmoid});
    c.op.recurrent_activation =
        usual ? sigmoid : pick(random, {hard, keras3, sigmoid, tanh, softsign});
    c.op.reset_after = coin(random);
    c.op.return_sequences = coin(random);
    c.op.go_backwards = coin(random);
    c.op.time_major = coin(random);
    c.op.zero_output_for_mask = coin(random);
    c.op.has_bias = coin(random);
    c.op.has_mask = coin(random);
    c.op.has_state = coin(random);
    c.batch = pick<std::int64_t>(random, {1, 2, 3, 8, 33});
    c.units = pick<std::int64_t>(random, {1, 3, 5, 16, 17, 33, 64});
    c.steps = pick<std::int64_t>(random, {0, 1, 2, 7, 20});
    c.inputs = pick<std::int64_t>(random, {1, 2, 13, 32});
    check(random, c);
    if (i % 40 == 0) {  // unbounded activations, few steps
      c.op.activation = pick(random, {relu, elu, linear});
      c.steps = pick<std::int64_t>(random, {1, 2});
      check(random, c);
    }
  }
}

TEST(CpuRnn, LongAndWideLayersAgreeWithTheReference) {
  std::mt19937 random(12);
  for (const CellKind cell : {CellKind::lstm, CellKind::gru, CellKind::simple}) {
    for (const std::int64_t batch : {1, 33}) {
      Config c;
      c.op.cell = cell;
      c.batch = batch;
      c.steps = 100;
      c.inputs = 32;
      c.units = 128;
      check(random, c);
      c.op.has_mask = c.op.return_sequences = true;
      c.steps = 9;
      c.inputs = 7;
      c.units = 200;
      check(random, c);
      c.inputs = 390;  // longer than one run of the product's sums
      check(random, c);
    }
  }
}

TEST(CpuRnn, SingleRowsAgreeWithTheReference) {
  std::mt19937 random(17);
  std::bernoulli_distribution coin(0.5);
  for (int i = 0; i < 60 && !HasFatalFailure(); ++i) {
    Config c;
    c.op.cell = pick(random, {CellKind::lstm, CellKind::gru, CellKind::simple});
    c.op.recurrent_activation = {coin(random) ? UnaryKind::sigmoid : UnaryKind::softsign};
    c.op.reset_after = coin(random);
    c.op.return_sequences = coin(random);
    c.op.go_backwards = coin(random);
    c.op.time_major = coin(random);
    c.op.has_bias = coin(random);
    c.op.has_mask = coin(random);
    c.op.has_state = coin(random);
    c.batch = 1;
    c.steps = pick<std::int64_t>(random, {1, 7, 8, 9, 25, 60});
    c.units = pick<std::int64_t>(random, {100, 129, 200});  // weights beyond the L1 cache
    c.inputs = pick<std::int64_t>(random, {1, 33, 128, 190, 260});
    std::vector<Tensor> in = operands(random, c);
    if (c.op.has_mask) {
      const std::size_t mask = c.op.has_bias ? 4 : 3;
      in[mask] = random_bools(random, {1, c.steps}, 0.8);
    }
    expect_agrees(c.op, in, results_of(c.op), weights_of(c.op), 3e-6, describe(c));
  }
}

TEST(CpuRnn, EmptyBatchGivesEmptyResults) {
  std::mt19937 random(13);
  Config c;
  c.op.return_sequences = true;
  c.batch = 0;
  c.steps = 3;
  c.inputs = 4;
  c.units = 5;
  check(random, c);
}

TEST(CpuRnn, VariableWeightsAndOtherTypesFallBackToTheReference) {
  std::mt19937 random(14);
  Config c;
  c.batch = c.steps = 2;
  c.inputs = c.units = 3;
  const std::vector<Tensor> in = operands(random, c);
  const PreparedOp variable(cpu_backend(), c.op, in, 3, {});
  EXPECT_STREQ(variable.kernel().name(), "reference");
  const PreparedOp wide(cpu_backend(), c.op, widen(in), 3, {1, 2, 3});
  EXPECT_STREQ(wide.kernel().name(), "reference");
}

TEST(CpuRnn, OneKernelRunsInSeveralThreads) {
  std::mt19937 random(15);
  Config c;
  c.op.return_sequences = c.op.has_mask = true;
  c.batch = 7;
  c.steps = 11;
  c.inputs = 9;
  c.units = 40;
  const PreparedOp prepared(cpu_backend(), c.op, operands(random, c), 3, {1, 2, 3}, 2);
  const std::vector<Tensor> expected = prepared.run();
  std::vector<int> good(4, 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      ThreadPool pool(2);
      for (int round = 0; round < 50; ++round) {
        good[static_cast<std::size_t>(i)] += same_bits(prepared.run(&pool), expected) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, std::vector<int>(4, 50));
}

TEST(CpuRnn, PackedWeightsAreSharedThroughTheCache) {
  std::mt19937 random(16);
  Config c;
  c.batch = 2;
  c.steps = 3;
  c.inputs = 4;
  c.units = 5;
  const std::vector<Tensor> in = operands(random, c);
  PackCache cache;
  const PreparedOp first(cpu_backend(), c.op, in, 3, {1, 2, 3}, 1, &cache);
  EXPECT_EQ(cache.size(), 3u);
  const PreparedOp second(cpu_backend(), c.op, in, 3, {1, 2, 3}, 1, &cache);
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_TRUE(same_bits(first.run(), second.run()));
}

}  // namespace
}  // namespace thaw::test
