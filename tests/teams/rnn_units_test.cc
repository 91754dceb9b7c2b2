// Recurrent layers whose units several threads share: the same bits whatever the threads.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "tests/kernels/cpu_support.h"

namespace thaw::test {
namespace {

ops::Rnn cell_of(int which) {
  ops::Rnn op;
  op.cell = which == 0 ? CellKind::lstm : which == 3 ? CellKind::simple : CellKind::gru;
  op.reset_after = which != 2;
  return op;
}

int results_of(const ops::Rnn& op) { return op.cell == CellKind::lstm ? 3 : 2; }

std::vector<Tensor> operands_for(std::mt19937& random, const ops::Rnn& op, std::int64_t batch,
                                 std::int64_t steps, std::int64_t inputs, std::int64_t units) {
  const std::int64_t gates = op.cell == CellKind::lstm ? 4 : op.cell == CellKind::gru ? 3 : 1;
  const bool two = op.cell == CellKind::gru && op.reset_after;
  const float scale = 1.0f / std::sqrt(static_cast<float>(units));
  std::vector<Tensor> in = {
      random_floats(random, {batch, steps, inputs}),
      random_floats(random, {inputs, gates * units}, -0.5f, 0.5f),
      random_floats(random, {units, gates * units}, -scale, scale),
      random_floats(random, two ? Shape{2, 3 * units} : Shape{gates * units})};
  if (op.has_mask) in.push_back(random_bools(random, {batch, steps}, 0.8));
  return in;
}

TEST(RnnUnits, ThreadsThatShareTheUnitsChangeNoBit) {
  std::mt19937 random(22);
  for (int which = 0; which < 4; ++which) {
    for (const std::int64_t batch : {1, 2, 26}) {
      for (const bool masked : {false, true}) {
        ops::Rnn op = cell_of(which);
        op.return_sequences = true;
        op.has_mask = masked;
        const std::vector<Tensor> in = operands_for(random, op, batch, 12, masked ? 150 : 20, 100);
        const PreparedOp one(cpu_backend(), op, in, results_of(op), {1, 2, 3}, 1);
        const std::vector<Tensor> expected = one.run();
        for (const int threads : {2, 3, 4, 7}) {
          ThreadPool pool(threads);
          const PreparedOp several(cpu_backend(), op, in, results_of(op), {1, 2, 3}, threads);
          for (int round = 0; round < 3; ++round) {
            EXPECT_TRUE(same_bits(several.run(&pool), expected))
                << "cell " << which << " B" << batch << " threads " << threads;
          }
          EXPECT_TRUE(same_bits(several.run(nullptr), expected)) << "without a pool";
        }
      }
    }
  }
}

TEST(RnnUnits, SessionsThatRunAtOnceShareUnitsWithTheirOwnPoolsOrOne) {
  std::mt19937 random(23);
  ops::Rnn op = cell_of(0);
  op.has_mask = true;
  const PreparedOp prepared(cpu_backend(), op, operands_for(random, op, 1, 40, 16, 128), 3,
                            {1, 2, 3}, 2);
  const std::vector<Tensor> expected = prepared.run();
  ThreadPool common(2);
  std::vector<int> good(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < good.size(); ++i) {
    threads.emplace_back([&, i] {
      ThreadPool own(2);
      for (int round = 0; round < 20; ++round) {
        good[i] += same_bits(prepared.run(i < 2 ? &common : &own), expected) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, std::vector<int>(4, 20));
}

}  // namespace
}  // namespace thaw::test
