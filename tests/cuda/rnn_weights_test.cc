// The order in which teams of blocks read a recurrent layer's weights, and the packed form of those
// that are constant.
#include "kernels/cuda/rnn_weights.cuh"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cuda/rnn_persistent.h"
#include "tests/cuda/device_op.h"
#include "tests/support/fake_device.h"

namespace thaw::test {
namespace {

using cuda::kTeamThreads;
using cuda::TeamShape;
using cuda::WeightOrder;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// What the threads of all blocks read, piece by piece, is everything once.
void expect_complete(const WeightOrder& order, int piece) {
  const int own = kTeamThreads / order.lanes, blocks = (order.units + own - 1) / own;
  std::vector<int> reads(at(order.elements()), 0);
  std::vector<int> met(at(std::int64_t{order.units} * order.gates * order.units), 0);
  const auto read = [&](int block, int thread, int gate, int j) {
    const std::int64_t place = order.place(block, thread, gate, j, piece);
    if (thread > 0) {
      ASSERT_EQ(place, order.place(block, thread - 1, gate, j, piece) + 1) << "side by side";
    }
    const int unit = block * own + thread / order.lanes, lane = thread % order.lanes;
    for (int e = 0; e < piece; ++e) {
      // Each lane multiplies four states in turn.
      const int k = ((j + e) / 4 * order.lanes + lane) * 4 + (j + e) % 4;
      const std::int64_t i = place * piece + e, source = order.source(i, piece);
      ASSERT_LT(i, order.elements());
      ++reads[at(i)];
      if (k >= order.units || unit >= order.units) {
        ASSERT_EQ(source, -1);
        continue;
      }
      ASSERT_EQ(source, std::int64_t{k} * order.gates * order.units + gate * order.units + unit);
      ++met[at(source)];
    }
  };
  for (int block = 0; block < blocks; ++block) {
    for (int thread = 0; thread < kTeamThreads; ++thread) {
      for (int gate = 0; gate < order.gates; ++gate) {
        for (int j = 0; j < order.per_lane; j += piece) read(block, thread, gate, j);
      }
    }
  }
  EXPECT_EQ(reads, std::vector<int>(reads.size(), 1));
  EXPECT_EQ(met, std::vector<int>(met.size(), 1));
}

TEST(RnnWeights, ThreadsReadEveryWeightOnceSideBySide) {
  for (const int gates : {1, 3, 4}) {
    for (const int per_lane : {16, 32}) {
      for (const int units : {1, 7, 16, 33, 64, 100, 250}) {
        int lanes = 1;
        while (lanes * per_lane < units) lanes *= 2;
        for (const int piece : {4, 8}) {
          SCOPED_TRACE(fmt::format("{} gates, {} units, {} rows of each of {} lanes, {} at once",
                                   gates, units, per_lane, lanes, piece));
          expect_complete({gates, units, per_lane, lanes}, piece);
        }
      }
    }
  }
}

TEST(RnnWeights, PiecesHoldWhatIsStored) {
  const float values[4] = {1.5f, -0.0f, 3e38f, 1e-40f};
  cuda::WeightPiece<float> whole;
  std::memcpy(whole.words, values, sizeof values);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(whole.element(i), values[i]);
  cuda::WeightPiece<float16> half;
  cuda::WeightPiece<bfloat16> bfloat;
  for (int i = 0; i < 8; ++i) {
    cuda::store_float(half.words, DType::float16, i, static_cast<float>(i) - 3.5f);
    cuda::store_float(bfloat.words, DType::bfloat16, i, static_cast<float>(i) - 3.5f);
  }
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(half.element(i), static_cast<float>(i) - 3.5f);
    EXPECT_EQ(bfloat.element(i), static_cast<float>(i) - 3.5f);
  }
}

class TeamBackend final : public DeviceBackend {
 public:
  explicit TeamBackend(cuda::TeamRoom has_room) : has_room_(has_room) {}
  const char* name() const override { return "cuda"; }
  const Device& device() const override { return device_; }
  std::unique_ptr<DeviceKernel> prepare(const Site& site) const override {
    return cuda::prepare_rnn_persistent(
        site, {{132, 227 * 1024, 8}, cuda::plain_projection, Precision::f32, &device_, has_room_});
  }

 private:
  FakeDevice device_;
  cuda::TeamRoom has_room_;
};

OpCase lstm(std::int64_t batch, std::int64_t units, bool constant) {
  ops::Rnn op;
  op.return_sequences = true;
  OpCase row;
  row.op = op;
  const std::vector<Shape> shapes = {
      {batch, 3, 5}, {5, 4 * units}, {units, 4 * units}, {4 * units}};
  for (const Shape& shape : shapes) {
    OperandCase operand;
    operand.shape = shape;
    operand.low = -1.0 / std::sqrt(static_cast<double>(units));
    operand.high = -operand.low;
    row.operands.push_back(operand);
  }
  row.operands[2].constant = constant;
  row.accuracy = Accuracy::recurrent;
  row.results = 3;
  return row;
}

void expect_right(const DeviceOp& op, const OpCase& row, const std::vector<Tensor>& operands) {
  const std::vector<Tensor> found = op.run(), expected = expected_results(row, operands);
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(judge(found[i], expected[i], limit(row.accuracy, found[i].dtype()), false), "");
  }
}

TEST(RnnWeights, ConstantsLiePackedOnTheDeviceOnly) {
  const TeamBackend backend(cuda::device_has_room);
  for (const DType dtype : {DType::float32, DType::float16, DType::bfloat16}) {
    for (const bool constant : {true, false}) {
      SCOPED_TRACE(fmt::format("{}, {}", thaw::name_of(dtype), constant));
      const OpCase row = lstm(2, 70, constant);
      const std::vector<Tensor> operands = make_operands(row, dtype);
      const DeviceOp op(backend, row, operands);
      ASSERT_NE(op.kernel(), nullptr);
      EXPECT_EQ(op.kernel()->use(1), OperandUse::elements);
      EXPECT_EQ(op.kernel()->use(2), constant ? OperandUse::nothing : OperandUse::elements);
      expect_right(op, row, operands);
    }
  }
}

// Another deal of the same layer reads another order.
TEST(RnnWeights, PackedOnceForAllBatchesOfOneOrder) {
  const TeamBackend sixteen(cuda::device_has_room),
      thirty_two([](cuda::TeamCell, const TeamShape&team) { return team.per_lane == 32; });
  PackCache packs;
  const OpCase row = lstm(2, 70, true), larger = lstm(9, 70, true);
  const std::vector<Tensor> operands = make_operands(row, DType::float32);
  std::vector<Tensor> more = make_operands(larger, DType::float32);
  more[2] = operands[2];
  const DeviceOp first(sixteen, row, operands, &packs);
  EXPECT_EQ(packs.size(), 1u);
  const DeviceOp second(sixteen, larger, more, &packs);
  EXPECT_EQ(packs.size(), 1u);
  const DeviceOp third(thirty_two, row, operands, &packs);
  EXPECT_EQ(packs.size(), 2u);
  expect_right(first, row, operands);
  expect_right(second, larger, more);
  expect_right(third, row, operands);
}

}  // namespace
}  // namespace thaw::test
