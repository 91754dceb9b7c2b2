// Recurrent layers in teams of blocks, compiled for the host and taken through their phases one by
// one: every row of the case table, and layers that need one block, a cluster, or a grid.
#include "kernels/cuda/rnn_persistent.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/cuda/device_op.h"
#include "tests/support/fake_device.h"

namespace thaw::test {
namespace {

using cuda::TeamKind;
using cuda::TeamLimits;
using cuda::TeamShape;

constexpr TeamLimits kHopper{132, 227 * 1024, 8}, kTuring{40, 64 * 1024, 0};

class PersistentBackend final : public DeviceBackend {
 public:
  explicit PersistentBackend(const TeamLimits& limits, Precision precision = Precision::f32,
                             cuda::TeamRoom has_room = cuda::device_has_room)
      : limits_(limits), precision_(precision), has_room_(has_room) {}
  const char* name() const override { return "cuda"; }
  const Device& device() const override { return device_; }
  std::unique_ptr<DeviceKernel> prepare(const Site& site) const override {
    auto kernel = cuda::prepare_rnn_persistent(
        site, {limits_, cuda::plain_projection, precision_, &device_, has_room_});
    if (kernel != nullptr) names.insert(kernel->name());
    return kernel;
  }
  mutable std::set<std::string> names;

 private:
  FakeDevice device_;
  TeamLimits limits_;
  Precision precision_;
  cuda::TeamRoom has_room_;
};

TEST(RnnPersistent, EveryRowAgreesWithReferenceFloat64) {
  const PersistentBackend backend(kHopper);
  int runs = 0;
  for (const OpCase& row : op_cases()) {
    if (!std::holds_alternative<ops::Rnn>(row.op)) continue;
    for (const DType dtype : row.dtypes) {
      SCOPED_TRACE(fmt::format("row '{}' in {}", row.name, name_of(dtype)));
      const bool whole = row.operands[0].shape.num_elements() > 0;
      const bool ran = check_row(backend, row, dtype);
      if (whole) {
        EXPECT_EQ(ran, dtype != DType::float64);
      }
      runs += ran ? 1 : 0;
    }
  }
  EXPECT_GT(runs, 200);
}

struct LayerCase {
  CellKind cell = CellKind::lstm;
  bool reset_after = true;
  std::int64_t batch = 1, steps = 3, inputs = 5, units = 100;
  bool mask = false, state = false, backwards = false;
};

OpCase row_of(const LayerCase& c) {
  ops::Rnn op;
  op.cell = c.cell;
  op.reset_after = c.reset_after;
  op.return_sequences = true;
  op.has_mask = c.mask;
  op.has_state = c.state;
  op.go_backwards = c.backwards;
  const std::int64_t gates = c.cell == CellKind::lstm ? 4 : c.cell == CellKind::gru ? 3 : 1;
  const double bound = 1.0 / std::sqrt(static_cast<double>(c.units));
  const auto add = [](OpCase& row, Shape shape, double limit) {
    OperandCase operand;
    operand.shape = std::move(shape);
    operand.low = -limit;
    operand.high = limit;
    row.operands.push_back(operand);
  };
  OpCase row;
  row.op = op;
  add(row, {c.batch, c.steps, c.inputs}, 1);
  add(row, {c.inputs, gates * c.units}, bound);
  add(row, {c.units, gates * c.units}, bound);
  const bool two = c.cell == CellKind::gru && c.reset_after;
  add(row, two ? Shape{2, gates * c.units} : Shape{gates * c.units}, 1);
  if (c.mask) {
    OperandCase mask;
    mask.shape = {c.batch, c.steps};
    mask.fill = Fill::whole;
    mask.low = 0;
    mask.high = 2;
    mask.dtype = DType::boolean;
    row.operands.push_back(mask);
  }
  for (int i = 0; c.state && i < (c.cell == CellKind::lstm ? 2 : 1); ++i) {
    add(row, {c.batch, c.units}, 1);
  }
  row.accuracy = Accuracy::recurrent;
  row.results = c.cell == CellKind::lstm ? 3 : 2;
  return row;
}

void expect_right(const TeamLimits& limits, const LayerCase& c, const std::string& kernel) {
  SCOPED_TRACE(fmt::format("{} units, {} sequences", c.units, c.batch));
  const PersistentBackend backend(limits);
  EXPECT_TRUE(check_row(backend, row_of(c), DType::float32));
  EXPECT_EQ(backend.names, std::set<std::string>{kernel});
}

TEST(RnnPersistent, EveryCellInClusters) {
  const std::string kernel = "cuda rnn, clusters";
  expect_right(kHopper, {CellKind::lstm, true, 1, 3, 5, 100}, kernel);
  expect_right(kHopper, {CellKind::lstm, true, 3, 3, 5, 65, true, true}, kernel);
  expect_right(kHopper, {CellKind::gru, true, 2, 3, 5, 129, true, false, true}, kernel);
  expect_right(kHopper, {CellKind::gru, false, 2, 3, 5, 128, true, true}, kernel);
  expect_right(kHopper, {CellKind::simple, true, 2, 3, 5, 200, false, true}, kernel);
}

TEST(RnnPersistent, EveryCellOverTheWholeDevice) {
  const std::string kernel = "cuda rnn, grid";
  expect_right(kHopper, {CellKind::lstm, true, 2, 2, 3, 300, true, true}, kernel);
  expect_right(kTuring, {CellKind::lstm, true, 5, 3, 3, 97}, kernel);
  expect_right(kTuring, {CellKind::gru, true, 3, 3, 3, 70, true}, kernel);
  expect_right(kTuring, {CellKind::gru, false, 11, 3, 3, 99, true, true, true}, kernel);
  expect_right(kTuring, {CellKind::simple, true, 6, 3, 3, 130}, kernel);
}

TEST(RnnPersistent, MoreSequencesThanBlocks) {
  constexpr TeamLimits kSmall{4, 64 * 1024, 8};
  expect_right(kSmall, {CellKind::lstm, true, 21, 3, 5, 20, true, true}, "cuda rnn, blocks");
  expect_right(kSmall, {CellKind::lstm, true, 13, 2, 5, 70, true}, "cuda rnn, clusters");
  expect_right(kSmall, {CellKind::gru, false, 18, 2, 5, 33, true}, "cuda rnn, blocks");
}

TEST(RnnPersistent, SixteenBitElementsAreSummedInFloat32) {
  const PersistentBackend backend(kHopper);
  for (const DType dtype : {DType::float16, DType::bfloat16}) {
    EXPECT_TRUE(check_row(backend, row_of({CellKind::lstm, true, 2, 3, 5, 100}), dtype));
  }
}

/// Kernel `make` for both sites of a bidirectional layer, the second backwards, with everything but
/// x of its own; results of the first and behind them of the second.
struct PairRun {
  std::string kernel;
  std::vector<Tensor> found, expected;
};

/// What `precision` keeps of operand `i` of a recurrent op.
Tensor kept(const Tensor& tensor, std::size_t i, Precision precision) {
  if (precision == Precision::f32 || i > 2) return tensor;
  Tensor made = tensor.clone();
  float* elements = made.mutable_data<float>();
  for (std::int64_t n = 0; n < made.num_elements(); ++n) {
    elements[n] = precision == Precision::fp16 ? to_float(float16_from(elements[n]))
                                               : to_float(bfloat16_from(elements[n]));
  }
  return made;
}

PairRun run_pair(const TeamLimits& limits, LayerCase c, Precision precision = Precision::f32,
                 cuda::TeamRoom has_room = cuda::device_has_room) {
  const OpCase forwards = row_of(c);
  c.backwards = !c.backwards;
  const OpCase backwards = row_of(c);
  const OpCase* rows[2] = {&forwards, &backwards};
  std::vector<Tensor> operands[2] = {make_operands(forwards, DType::float32),
                                     make_operands(backwards, DType::float32)};
  operands[1][0] = operands[0][0];
  for (std::size_t i = 1; i < operands[1].size(); ++i) {  // other weights than the first's
    if (operands[1][i].dtype() != DType::float32) continue;
    operands[1][i] = operands[1][i].clone();
    float* elements = operands[1][i].mutable_data<float>();
    std::reverse(elements, elements + operands[1][i].num_elements());
  }
  PairRun run;
  std::vector<TensorType> in[2], out[2];
  std::vector<const Tensor*> known[2];
  const FakeDevice device;
  for (int d = 0; d < 2; ++d) {
    std::vector<Tensor> seen = operands[d];
    for (std::size_t i = 0; i < seen.size(); ++i) seen[i] = kept(seen[i], i, precision);
    for (Tensor& result : expected_results(*rows[d], seen)) {
      out[d].push_back({DType::float32, result.shape()});
      run.expected.push_back(std::move(result));
    }
    for (const Tensor& operand : operands[d]) in[d].push_back(operand.type());
    known[d].assign(operands[d].size(), nullptr);
  }
  const auto kernel = cuda::prepare_rnn_pair(
      {rows[0]->op, in[0], out[0], known[0]}, {rows[1]->op, in[1], out[1], known[1]},
      {limits, cuda::plain_projection, precision, &device, has_room});
  if (kernel == nullptr) return run;
  run.kernel = kernel->name();
  std::vector<std::shared_ptr<std::byte>> memory;
  const auto take = [&](std::size_t bytes) {
    memory.push_back(device.allocate(bytes + 1, MemoryKind::device));
    return memory.back().get();
  };
  std::byte* workspace = take(kernel->workspace());
  auto* fault = reinterpret_cast<Fault*>(take(sizeof(Fault)));
  const auto stream = device.make_stream();
  stream->fill_zero(fault, sizeof(Fault));
  std::vector<View> from, to;
  for (int d = 0; d < 2; ++d) {
    for (std::size_t i = 0; i < operands[d].size(); ++i) {
      from.push_back({take(operands[d][i].size_bytes()), &in[d][i]});
      stream->copy_to_device(from.back().data, operands[d][i].data(), operands[d][i].size_bytes());
    }
    for (const TensorType& type : out[d]) {
      run.found.emplace_back(type.dtype, type.shape);
      to.push_back({take(run.found.back().size_bytes()), &type});
    }
  }
  kernel->enqueue({from, to, workspace, nullptr}, {*stream, fault, 0});
  for (std::size_t i = 0; i < to.size(); ++i) {
    stream->copy_to_host(run.found[i].mutable_data(), to[i].data, run.found[i].size_bytes());
  }
  stream->wait();
  return run;
}

TEST(RnnPersistent, BothDirectionsInOneLaunchAgreeWithEachAlone) {
  const struct {
    TeamLimits limits;
    LayerCase layer;
    const char* kernel;
  } cases[] = {
      {kHopper, {CellKind::lstm, true, 3, 4, 5, 20}, "cuda rnn pair, blocks"},
      {kHopper, {CellKind::lstm, true, 2, 3, 5, 100, true, true}, "cuda rnn pair, clusters"},
      {kHopper, {CellKind::gru, true, 2, 3, 5, 129, true}, "cuda rnn pair, clusters"},
      {kHopper, {CellKind::gru, false, 1, 3, 5, 70, false, true}, "cuda rnn pair, clusters"},
      {kHopper, {CellKind::simple, true, 2, 3, 5, 200, true}, "cuda rnn pair, clusters"},
      {kTuring, {CellKind::lstm, true, 5, 3, 3, 65, true, true}, "cuda rnn pair, grid"},
      {kTuring, {CellKind::gru, false, 3, 3, 3, 99, true}, "cuda rnn pair, grid"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(fmt::format("{}, {} units", c.kernel, c.layer.units));
    const PairRun run = run_pair(c.limits, c.layer);
    ASSERT_EQ(run.kernel, c.kernel);
    ASSERT_EQ(run.found.size(), run.expected.size());
    for (std::size_t i = 0; i < run.found.size(); ++i) {
      EXPECT_EQ(
          judge(run.found[i], run.expected[i], limit(Accuracy::recurrent, DType::float32), false),
          "")
          << "result " << i;
    }
  }
}

// As exact as float32 is on weights and an x that were rounded to 16 bits.
TEST(RnnPersistent, ShorterFormsKeepWeightsInSixteenBits) {
  for (const Precision precision : {Precision::fp16, Precision::bf16}) {
    const DType storage = precision == Precision::fp16 ? DType::float16 : DType::bfloat16;
    for (const bool constant : {true, false}) {
      const PersistentBackend backend(kHopper, precision);
      for (const LayerCase& c : {LayerCase{CellKind::lstm, true, 2, 3, 5, 100, true, true},
                                 LayerCase{CellKind::gru, false, 3, 3, 5, 20},
                                 LayerCase{CellKind::gru, true, 1, 3, 5, 33},
                                 LayerCase{CellKind::simple, true, 2, 3, 5, 70}}) {
        SCOPED_TRACE(fmt::format("{} units in {}", c.units, thaw::name_of(storage)));
        OpCase row = row_of(c);
        row.operands[1].constant = row.operands[2].constant = constant;
        std::vector<Tensor> operands = make_operands(row, DType::float32);
        const DeviceOp op(backend, row, operands);
        ASSERT_NE(op.kernel(), nullptr);
        for (const std::size_t i : {1, 2}) {
          EXPECT_EQ(op.kernel()->use(i), constant ? OperandUse::nothing : OperandUse::elements);
        }
        const std::vector<Tensor> found = op.run();
        for (std::size_t i = 0; i < operands.size(); ++i) {
          if (i <= 2) operands[i] = kept(operands[i], i, precision);
        }
        const std::vector<Tensor> expected = expected_results(row, operands);
        for (std::size_t i = 0; i < found.size(); ++i) {
          EXPECT_EQ(judge(found[i], expected[i], limit(Accuracy::recurrent, DType::float32), false),
                    "");
        }
      }
    }
    const PairRun run = run_pair(kHopper, {CellKind::lstm, true, 3, 4, 5, 20}, precision);
    ASSERT_EQ(run.found.size(), 6u);
    for (std::size_t i = 0; i < run.found.size(); ++i) {
      EXPECT_EQ(
          judge(run.found[i], run.expected[i], limit(Accuracy::recurrent, DType::float32), false),
          "");
    }
  }
}

TEST(RnnPersistent, WeightsBeyondFloat16StayInFloat32) {
  OpCase row = row_of({CellKind::simple, true, 1, 2, 3, 4});
  row.operands[2].constant = true;
  row.operands[2].fill = Fill::values;
  row.operands[2].values = {70000};
  const PersistentBackend half(kHopper, Precision::fp16), bfloat(kHopper, Precision::bf16);
  EXPECT_EQ(DeviceOp(half, row, make_operands(row, DType::float32)).kernel(), nullptr);
  EXPECT_NE(DeviceOp(bfloat, row, make_operands(row, DType::float32)).kernel(), nullptr);
}

// A part of a GPU may have the blocks of a cluster, but not next to each other.
TEST(RnnPersistent, LayersWhoseBlocksFindNoRoomAreDealtOutOtherwise) {
  const cuda::TeamRoom no_clusters = [](cuda::TeamCell, const TeamShape& team) {
    return team.kind != TeamKind::cluster;
  };
  const cuda::TeamRoom two_blocks = [](cuda::TeamCell, const TeamShape& team) {
    return team.kind == TeamKind::block || (team.kind == TeamKind::cluster && team.ranks <= 2);
  };
  const cuda::TeamRoom none = [](cuda::TeamCell, const TeamShape& team) {
    return team.kind == TeamKind::block;
  };
  const LayerCase small{CellKind::lstm, true, 2, 3, 5, 20},
      middle{CellKind::lstm, true, 2, 3, 5, 65, true, true},
      large{CellKind::gru, false, 2, 3, 5, 150, false, true};
  const struct {
    cuda::TeamRoom has_room;
    LayerCase layer;
    std::string kernel, pair;  // empty: none, for another implementation to try
  } cases[] = {
      {no_clusters, small, "cuda rnn, blocks", "cuda rnn pair, blocks"},
      {no_clusters, middle, "cuda rnn, grid", "cuda rnn pair, grid"},
      {no_clusters, large, "cuda rnn, grid", "cuda rnn pair, grid"},
      {two_blocks, middle, "cuda rnn, clusters", "cuda rnn pair, clusters"},
      {two_blocks, large, "", ""},
      {none, small, "cuda rnn, blocks", "cuda rnn pair, blocks"},
      {none, middle, "", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(fmt::format("{} units, '{}'", c.layer.units, c.kernel));
    const PersistentBackend backend(kHopper, Precision::f32, c.has_room);
    EXPECT_EQ(check_row(backend, row_of(c.layer), DType::float32), !c.kernel.empty());
    EXPECT_EQ(backend.names,
              c.kernel.empty() ? std::set<std::string>{} : std::set<std::string>{c.kernel});
    const PairRun run = run_pair(kHopper, c.layer, Precision::f32, c.has_room);
    EXPECT_EQ(run.kernel, c.pair);
    for (std::size_t i = 0; i < run.found.size(); ++i) {
      EXPECT_EQ(
          judge(run.found[i], run.expected[i], limit(Accuracy::recurrent, DType::float32), false),
          "");
    }
  }
}

const auto kRoomForAll = [](const TeamShape&) { return true; };

// Each unit has all its lanes, every block its units, no block more threads than it has.
TEST(RnnPersistent, DealingOutCoversUnitsAndSequences) {
  for (const TeamLimits& limits : {kHopper, kTuring, TeamLimits{108, 163 * 1024, 0}}) {
    for (std::int64_t units = 1; units <= 1100; units += units < 70 ? 1 : 37) {
      for (const std::int64_t batch : {1, 2, 5, 32, 33, 256, 5000}) {
        for (const int directions : {1, 2}) {
          TeamShape team;
          if (!cuda::deal_out(limits, units, batch, directions, kRoomForAll, team)) {
            EXPECT_GT(units, 64) << "one block always does";
            continue;
          }
          SCOPED_TRACE(fmt::format("{} units, {} sequences", units, batch));
          EXPECT_EQ(team.lanes & (team.lanes - 1), 0);
          EXPECT_LE(team.lanes, 32);
          EXPECT_EQ(team.lanes * team.own, cuda::kTeamThreads);
          EXPECT_GE(team.padded(), units);
          EXPECT_GE(std::int64_t{team.ranks} * team.own, units);
          EXPECT_GE(std::int64_t{team.rows} * team.teams, batch);
          EXPECT_LT(std::int64_t{team.rows} * (team.teams - 1), batch);
          EXPECT_LE(static_cast<std::size_t>(team.shared_floats()) * 4, limits.shared_bytes);
          EXPECT_EQ(team.vector_floats() % 4, 0) << "read four at a time";
          EXPECT_LE(team.ranks, team.kind == TeamKind::block     ? 1
                                : team.kind == TeamKind::cluster ? limits.cluster
                                                                 : limits.blocks);
          if (team.kind == TeamKind::grid) {
            EXPECT_LE(team.all_teams() * team.ranks, limits.blocks) << "all are there at once";
          }
        }
      }
    }
  }
}

TEST(RnnPersistent, KindOfTeamBySize) {
  const auto kind = [](const TeamLimits& limits, std::int64_t units) {
    TeamShape team;
    EXPECT_TRUE(cuda::deal_out(limits, units, 1, 1, kRoomForAll, team));
    return team.kind;
  };
  EXPECT_EQ(kind(kHopper, 64), TeamKind::block);
  EXPECT_EQ(kind(kHopper, 128), TeamKind::cluster);
  EXPECT_EQ(kind(kHopper, 256), TeamKind::cluster);
  EXPECT_EQ(kind(kHopper, 512), TeamKind::grid);
  EXPECT_EQ(kind(kHopper, 1024), TeamKind::grid);
  EXPECT_EQ(kind(kTuring, 64), TeamKind::block);
  EXPECT_EQ(kind(kTuring, 128), TeamKind::grid);
  TeamShape team;
  EXPECT_FALSE(cuda::deal_out(kTuring, 1024, 1, 1, kRoomForAll, team))
      << "128 blocks on 40 multiprocessors";
}

}  // namespace
}  // namespace thaw::test
