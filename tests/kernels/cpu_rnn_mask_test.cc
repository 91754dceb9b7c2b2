// Recurrent kernels with masks of every pattern: the same results as the reference.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cpu/rnn_mask.h"
#include "tests/kernels/cpu_support.h"

namespace thaw::test {
namespace {

enum class Pattern { right, left, both, holes, islands, none_valid, all_valid };
constexpr Pattern kPatterns[] = {Pattern::right,    Pattern::left,    Pattern::both,
                                 Pattern::holes,    Pattern::islands, Pattern::none_valid,
                                 Pattern::all_valid};

Tensor mask_of(std::mt19937& random, Pattern pattern, std::int64_t batch, std::int64_t steps) {
  Tensor mask(DType::boolean, {batch, steps});
  std::uniform_int_distribution<std::int64_t> length(0, steps), third(0, steps / 3);
  std::bernoulli_distribution often(0.8);
  for (std::int64_t row = 0; row < batch; ++row) {
    const std::int64_t n = length(random), before = third(random), behind = third(random);
    for (std::int64_t t = 0; t < steps; ++t) {
      bool valid = pattern != Pattern::none_valid;
      if (pattern == Pattern::right) valid = t < n;
      if (pattern == Pattern::left) valid = t >= n;
      if (pattern == Pattern::both) valid = t >= before && t < steps - behind;
      if (pattern == Pattern::holes) valid = often(random);
      if (pattern == Pattern::islands) valid = (t / 4 + row / 7) % 3 == 0;  // whole tiles masked
      mask.mutable_data<bool>()[row * steps + t] = valid;
    }
  }
  return mask;
}

ops::Rnn cell_of(int which) {
  ops::Rnn op;
  op.cell = which == 0 ? CellKind::lstm : which == 3 ? CellKind::simple : CellKind::gru;
  op.reset_after = which != 2;
  return op;
}

std::vector<Tensor> operands_for(std::mt19937& random, const ops::Rnn& op, std::int64_t batch,
                                 std::int64_t steps, std::int64_t inputs, std::int64_t units,
                                 Pattern pattern) {
  const std::int64_t gates = op.cell == CellKind::lstm ? 4 : op.cell == CellKind::gru ? 3 : 1;
  const bool two = op.cell == CellKind::gru && op.reset_after;
  const float scale = 1.0f / std::sqrt(static_cast<float>(units));
  std::vector<Tensor> in = {
      random_floats(random,
                    op.time_major ? Shape{steps, batch, inputs} : Shape{batch, steps, inputs}),
      random_floats(random, {inputs, gates * units}, -0.5f, 0.5f),
      random_floats(random, {units, gates * units}, -scale, scale),
      random_floats(random, two ? Shape{2, 3 * units} : Shape{gates * units})};
  if (op.has_mask) in.push_back(mask_of(random, pattern, batch, steps));
  if (op.has_state) in.push_back(random_floats(random, {batch, units}));
  if (op.has_state && op.cell == CellKind::lstm)
    in.push_back(random_floats(random, {batch, units}));
  return in;
}

int results_of(const ops::Rnn& op) { return op.cell == CellKind::lstm ? 3 : 2; }

TEST(CpuRnnMask, EveryPatternAgreesWithTheReference) {
  std::mt19937 random(21);
  std::bernoulli_distribution coin(0.5);
  for (const Pattern pattern : kPatterns) {
    for (const std::int64_t batch : {1, 5, 6, 29, 40}) {
      for (int which = 0; which < 4; ++which) {
        ops::Rnn op = cell_of(which);
        op.has_mask = true;
        op.return_sequences = coin(random);
        op.go_backwards = coin(random);
        op.time_major = coin(random);
        op.zero_output_for_mask = coin(random);
        op.has_state = coin(random);
        const std::vector<Tensor> in = operands_for(random, op, batch, 17, 9, 50, pattern);
        expect_agrees(op, in, results_of(op), {1, 2, 3}, 3e-6,
                      fmt::format("pattern {} B{} cell {} sequences {} backwards {} zero {}",
                                  static_cast<int>(pattern), batch, which, op.return_sequences,
                                  op.go_backwards, op.zero_output_for_mask));
      }
    }
  }
}

TEST(CpuRnnMask, RowsThatArePaddedOnOneSideStandInOrder) {
  const bool left[] = {false, false, true, false, true,  true,
                       true,  true,  true, false, false, false};
  const cpu::RnnMask mask{left, 4, 3, false};
  cpu::RnnPlace places[4];
  cpu::order_rows(mask, places);
  std::int64_t counts[3];
  EXPECT_EQ(places[0].row, 2);
  EXPECT_EQ(places[1].row, 1);
  EXPECT_EQ(places[2].row, 0);
  EXPECT_EQ(places[3].row, 3);
  EXPECT_EQ(places[3].last, -1);
  cpu::count_rows(mask, places, 4, 1, counts);
  EXPECT_EQ((std::vector<std::int64_t>(counts, counts + 3)), (std::vector<std::int64_t>{1, 2, 3}));
  cpu::count_rows(mask, places + 1, 2, 2, counts);
  EXPECT_EQ((std::vector<std::int64_t>(counts, counts + 3)), (std::vector<std::int64_t>{0, 1, 1}));
}

}  // namespace
}  // namespace thaw::test
