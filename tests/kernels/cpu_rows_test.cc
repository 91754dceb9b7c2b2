// Pooling, reductions, softmax, normalisation, look-ups and copies against the reference.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/kernels/cpu_support.h"

namespace thaw::test {
namespace {

Tensor ints(std::vector<std::int64_t> values, Shape shape = Shape{-1}) {
  if (shape == Shape{-1}) shape = {static_cast<std::int64_t>(values.size())};
  return Tensor::from<std::int64_t>(shape, values);
}

/// Elements 0, 1, 2... of any type with at least one byte each, for ops that only move them.
Tensor counted(DType dtype, Shape shape) {
  Tensor tensor(dtype, std::move(shape));
  auto* bytes = static_cast<std::uint8_t*>(tensor.mutable_data());
  for (std::size_t i = 0; i < tensor.size_bytes(); ++i) {
    bytes[i] = dtype == DType::boolean ? i % 3 == 0 : static_cast<std::uint8_t>(i * 37 + i / 251);
  }
  return tensor;
}

void expect_moves(const Op& op, std::vector<Shape> shapes, std::vector<Tensor> host, int outputs,
                  const std::string& what) {
  for (const DType dtype : {DType::float32, DType::int8, DType::float16, DType::int64,
                            DType::complex128, DType::boolean}) {
    std::vector<Tensor> in;
    for (const Shape& shape : shapes) in.push_back(counted(dtype, shape));
    for (const Tensor& tensor : host) in.push_back(tensor);
    const auto ours = PreparedOp(cpu_backend(), op, in, outputs, {}, 2);
    const auto expected = PreparedOp(reference_backend(), op, in, outputs).run();
    ASSERT_STRNE(ours.kernel().name(), "reference") << what;
    ThreadPool pool(2);
    EXPECT_TRUE(same_bits(ours.run(&pool), expected)) << what << ' ' << name_of(dtype);
    EXPECT_TRUE(same_bits(ours.run(), expected)) << what << ' ' << name_of(dtype);
  }
}

TEST(CpuMove, TransposesLikeTheReference) {
  const std::vector<std::pair<Shape, std::vector<std::int64_t>>> cases = {
      {{5}, {0}},
      {{3, 4}, {1, 0}},
      {{40, 35}, {1, 0}},
      {{2, 3, 4}, {2, 0, 1}},
      {{2, 17, 33, 5}, {0, 3, 1, 2}},
      {{2, 5, 17, 33}, {0, 2, 3, 1}},
      {{2, 3, 4, 5}, {3, 2, 1, 0}},
      {{4, 1, 6}, {2, 1, 0}},
      {{3, 0, 2}, {1, 2, 0}},
      {{6, 50, 8}, {1, 0, 2}},
      {{300, 200}, {1, 0}}};
  for (const auto& [shape, order] : cases) {
    expect_moves(ops::Transpose{}, {shape}, {ints(order)}, 1, "transpose " + shape.to_string());
  }
}

TEST(CpuMove, JoinsSplitsSlicesAndPadsLikeTheReference) {
  expect_moves(ops::Concat{-1}, {{4, 3}, {4, 0}, {4, 17}}, {}, 1, "concat");
  expect_moves(ops::Concat{0}, {{4, 3}, {1, 3}}, {}, 1, "concat");
  expect_moves(ops::Concat{1}, {{2, 4, 3}, {2, 1, 3}}, {}, 1, "concat");
  expect_moves(ops::Stack{-1}, {{4, 3}, {4, 3}}, {}, 1, "stack");
  expect_moves(ops::Stack{1}, {{4, 3}, {4, 3}, {4, 3}}, {}, 1, "stack");
  expect_moves(ops::Split{1}, {{5, 6, 3}}, {}, 3, "split");
  expect_moves(ops::Split{-1}, {{5, 6}}, {ints({1, 2, 3})}, 3, "split");
  expect_moves(ops::Unstack{1}, {{5, 4, 3}}, {}, 4, "unstack");
  expect_moves(ops::Slice{}, {{5, 6, 7}}, {ints({1, 0, 2}), ints({3, -1, 4})}, 1, "slice");
  ops::StridedSlice slice;
  slice.end_mask = 2;
  slice.shrink_axis_mask = 4;
  expect_moves(slice, {{9, 8, 7}}, {ints({7, 1, 3}), ints({1, 0, 4}), ints({-2, 3, 1})}, 1,
               "strided slice");
  expect_moves(ops::Pad{}, {{3, 4}}, {ints({1, 2, 0, 3}, {2, 2})}, 1, "pad");
  std::mt19937 random(41);
  expect_agrees(ops::Pad{},
                {random_floats(random, {2, 3, 5}), ints({0, 1, 2, 0, 1, 1}, {3, 2}),
                 Tensor::from<float>({}, {2.5f})},
                1, {}, 1e-7, "pad with a value");
}

TEST(CpuGather, LooksUpLikeTheReference) {
  std::mt19937 random(42);
  const auto indices = [&](Shape shape, int size, bool wide) {
    Tensor narrow(DType::int32, shape), broad(DType::int64, shape);
    for (std::int64_t i = 0; i < narrow.num_elements(); ++i) {
      broad.mutable_data<std::int64_t>()[i] = narrow.mutable_data<std::int32_t>()[i] =
          static_cast<std::int32_t>(random() % static_cast<unsigned>(size));
    }
    return wide ? broad : narrow;
  };
  for (const bool wide : {false, true}) {
    expect_moves(ops::Gather{0, 0}, {{20, 33}}, {indices({4, 50}, 20, wide)}, 1, "rows");
    expect_moves(ops::Gather{0, 0}, {{20}}, {indices({}, 20, wide)}, 1, "scalar");
    expect_moves(ops::Gather{1, 0}, {{3, 20, 5}}, {indices({7}, 20, wide)}, 1, "axis 1");
    expect_moves(ops::Gather{-1, 1}, {{3, 4, 20}}, {indices({3, 6}, 20, wide)}, 1, "batch");
  }
}

TEST(CpuGather, IndexOutsideIsAnError) {
  std::mt19937 random(43);
  for (const int index : {-1, 20, 2000000000}) {
    const PreparedOp op(
        cpu_backend(), ops::Gather{},
        {random_floats(random, {20, 4}), Tensor::from<std::int32_t>({3}, {0, index, 1})}, 1);
    try {
      op.run();
      FAIL() << "index " << index << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      EXPECT_NE(std::string(error.what()).find(std::to_string(index)), std::string::npos)
          << error.what();
    }
  }
}

TEST(CpuPool, WindowsAgreeWithTheReference) {
  std::mt19937 random(44);
  for (const PoolKind kind : {PoolKind::max, PoolKind::average}) {
    for (const PaddingKind padding : {PaddingKind::valid, PaddingKind::same}) {
      for (const Shape& x :
           {Shape{2, 9, 3}, Shape{3, 11, 8, 17}, Shape{1, 28, 28, 32}, Shape{2, 5, 6, 7, 4}}) {
        for (const std::int64_t stride : {1, 2, 3}) {
          ops::Pool op;
          op.kind = kind;
          op.padding.kind = padding;
          op.window.assign(static_cast<std::size_t>(x.rank() - 2), 3);
          op.window[0] = 2;
          op.strides.assign(op.window.size(), stride);
          expect_agrees(
              op, {random_floats(random, x)}, 1, {}, 1e-6,
              fmt::format("pool {} {} {}", x.to_string(), stride, static_cast<int>(kind)));
        }
      }
    }
  }
}

TEST(CpuReduce, NeighbouringAxesAgreeWithTheReference) {
  std::mt19937 random(45);
  const std::vector<std::pair<Shape, std::vector<std::int64_t>>> cases = {
      {{7}, {0}},
      {{1}, {0}},
      {{5, 300}, {1}},
      {{5, 3000}, {-1}},
      {{300, 5}, {0}},
      {{4, 7, 9, 33}, {1, 2}},
      {{4, 7, 9, 33}, {0, 1, 2, 3}},
      {{4, 7, 9, 33}, {3, 2}},
      {{2, 1, 9, 17}, {0, 2}},
      {{1, 70000}, {1}},
      {{70000, 3}, {0}}};
  for (const ReduceKind kind :
       {ReduceKind::sum, ReduceKind::mean, ReduceKind::max, ReduceKind::min}) {
    for (const auto& [shape, axes] : cases) {
      for (const bool keep : {false, true}) {
        ops::Reduce op{kind, keep};
        expect_agrees(op, {random_floats(random, shape, -0.5f, 1), ints(axes)}, 1, {}, 2e-6,
                      fmt::format("reduce {} {}", static_cast<int>(kind), shape.to_string()));
      }
    }
  }
}

TEST(CpuReduce, NanWinsInMaximumAndMinimum) {
  for (const ReduceKind kind : {ReduceKind::max, ReduceKind::min}) {
    for (const std::int64_t at : {0, 5, 36, 99}) {
      Tensor x = Tensor(DType::float32, {100});
      x.mutable_data<float>()[at] = std::nanf("");
      const auto y = PreparedOp(cpu_backend(), ops::Reduce{kind, false}, {x, ints({0})}, 1).run();
      EXPECT_TRUE(std::isnan(y[0].data<float>()[0])) << at;
    }
  }
}

TEST(CpuSoftmax, RowsAgreeWithTheReference) {
  std::mt19937 random(46);
  for (const bool log : {false, true}) {
    for (const Shape& shape :
         {Shape{1}, Shape{10}, Shape{64, 10}, Shape{3, 5, 16}, Shape{7, 1000}, Shape{4, 17}}) {
      expect_agrees(ops::Softmax{{-1}, log}, {random_floats(random, shape, -30, 30)}, 1, {}, 2e-6,
                    fmt::format("softmax {} {}", shape.to_string(), log));
    }
    expect_agrees(ops::Softmax{{1, 2}, log}, {random_floats(random, {3, 4, 5})}, 1, {}, 2e-6,
                  "two axes");
  }
}

TEST(CpuSoftmax, MaskedScoresGiveExactZerosAndNanSpreads) {
  const float inf = HUGE_VALF;
  const Tensor x = Tensor::from<float>(
      {3, 4}, {1, -1e9f, 2, -inf, 0, std::nanf(""), 1, 2, -inf, -inf, -inf, -inf});
  const auto y = PreparedOp(cpu_backend(), ops::Softmax{{-1}, false}, {x}, 1).run();
  const float* p = y[0].data<float>();
  EXPECT_EQ(p[1], 0);
  EXPECT_EQ(p[3], 0);
  EXPECT_NEAR(p[0] + p[2], 1, 1e-6);
  for (int i = 4; i < 12; ++i) EXPECT_TRUE(std::isnan(p[i])) << i;
}

TEST(CpuNormalize, RowsAgreeWithTheReference) {
  std::mt19937 random(47);
  for (const bool centered : {false, true}) {
    for (const std::int64_t size : {1, 3, 16, 100, 768}) {
      ops::Normalize op;
      op.axes = {-1};
      op.centered = centered;
      op.has_scale = op.has_offset = true;
      const Tensor x = random_floats(random, {6, 5, size}, -1, 3);
      expect_agrees(op, {x, random_floats(random, {size}), random_floats(random, {1, 1, size})}, 1,
                    {}, 2e-6, fmt::format("normalize {}", size));
      op.has_scale = false;
      expect_agrees(op, {x, random_floats(random, {size})}, 1, {}, 2e-6, "offset only");
      op.has_offset = false;
      op.axes = {1, 2};
      expect_agrees(op, {x}, 1, {}, 2e-6, "two axes");
    }
  }
}

TEST(CpuKernels, RunAllocatesNothing) {
  std::mt19937 random(48);
  ops::Conv conv, depthwise;
  conv.strides = conv.dilations = depthwise.strides = depthwise.dilations = {1, 1};
  conv.padding.kind = depthwise.padding.kind = PaddingKind::same;
  depthwise.groups = 20;
  ops::Pool pool_op;
  pool_op.window = pool_op.strides = {2, 2};
  ops::Rnn rnn;
  rnn.has_mask = rnn.return_sequences = true;
  const auto f = [&](Shape shape) { return random_floats(random, std::move(shape)); };
  const std::vector<PreparedOp> prepared = [&] {
    std::vector<PreparedOp> all;
    const auto add = [&](const Op& op, std::vector<Tensor> in, int outputs,
                         std::vector<int> constants) {
      all.emplace_back(cpu_backend(), op, std::move(in), outputs, std::move(constants), 2);
    };
    add(ops::Unary{{UnaryKind::gelu}}, {f({300, 300})}, 1, {});
    add(ops::Binary{BinaryKind::add}, {f({300, 300}), f({300})}, 1, {});
    add(ops::Select{}, {random_bools(random, {300, 1}, 0.5), f({300, 300}), f({})}, 1, {});
    add(ops::MatMul{}, {f({1, 784}), f({784, 128}), f({128})}, 1, {1});
    add(ops::MatMul{}, {f({200, 100}), f({100, 128})}, 1, {});
    add(conv, {f({2, 20, 20, 16}), f({3, 3, 16, 32})}, 1, {1});
    add(depthwise, {f({2, 20, 20, 20}), f({3, 3, 1, 20})}, 1, {1});
    add(pool_op, {f({2, 20, 20, 20})}, 1, {});
    add(ops::Reduce{ReduceKind::mean, false}, {f({20, 30, 40}), ints({1})}, 1, {});
    add(ops::Softmax{{-1}, false}, {f({200, 100})}, 1, {});
    add(ops::Normalize{{-1}}, {f({200, 100})}, 1, {});
    add(ops::Transpose{}, {f({200, 100}), ints({1, 0})}, 1, {});
    add(ops::Concat{-1}, {f({200, 10}), f({200, 20})}, 1, {});
    add(ops::Gather{}, {f({200, 100}), ints({1, 2, 3})}, 1, {});
    add(rnn,
        {f({9, 12, 10}), f({10, 128}), f({32, 128}), f({128}), random_bools(random, {9, 12}, 0.5)},
        3, {1, 2, 3});
    return all;
  }();
  ThreadPool pool(2);
  for (const PreparedOp& op : prepared) {
    ASSERT_STRNE(op.kernel().name(), "reference");
    PreparedOp::Buffers buffers = op.buffers();
    op.run(buffers, &pool);
    const std::size_t before = allocation_count();
    op.run(buffers, &pool);
    EXPECT_EQ(allocation_count(), before) << op.kernel().name();
  }
}

}  // namespace
}  // namespace thaw::test
