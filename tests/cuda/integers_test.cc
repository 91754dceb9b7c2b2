// Integers of all widths at the ends of their ranges, where arithmetic wraps: against the reference
// backend in the operands' own type, which has a kernel compiled for each.
#include <fmt/format.h>

#include <limits>

#include "kernels/backend.h"
#include "tests/cases/rows.h"
#include "tests/cuda/device_op.h"
#include "tests/cuda/host_backend.h"
#include "tests/kernels/compare.h"

namespace thaw::test {
namespace {

template <class T>
Tensor tensor_of(DType dtype, Shape shape, const std::vector<T>& values) {
  Tensor tensor(dtype, std::move(shape));
  std::copy(values.begin(), values.end(), static_cast<T*>(tensor.mutable_data()));
  return tensor;
}

/// test(T{}, dtype) for each type of integers.
template <class Test>
void for_each_integer(const Test& test) {
  const auto one = [&](auto zero, DType dtype) {
    SCOPED_TRACE(name_of(dtype));
    test(zero, dtype);
  };
  one(std::int8_t{}, DType::int8);
  one(std::int16_t{}, DType::int16);
  one(std::int32_t{}, DType::int32);
  one(std::int64_t{}, DType::int64);
  one(std::uint8_t{}, DType::uint8);
  one(std::uint16_t{}, DType::uint16);
  one(std::uint32_t{}, DType::uint32);
  one(std::uint64_t{}, DType::uint64);
}

/// Numbers around both ends and around zero.
template <class T>
std::vector<T> extremes() {
  using Limits = std::numeric_limits<T>;
  return {Limits::min(), static_cast<T>(Limits::min() + 1), static_cast<T>(-1), T{0}, T{1}, T{2},
          T{7},          static_cast<T>(Limits::max() - 1), Limits::max()};
}

void expect_as_reference(const Op& op, const std::vector<Tensor>& operands, int results = 1) {
  const HostCudaBackend backend;
  OpCase row;
  row.op = op;
  row.operands.resize(operands.size());
  row.results = results;
  const DeviceOp on_device(backend, row, operands);
  ASSERT_NE(on_device.kernel(), nullptr);
  const std::vector<Tensor> expected = evaluate(op, operands, results), found = on_device.run();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(first_difference(found[i], expected[i], 0), "") << "result " << i;
  }
}

TEST(CudaIntegers, UnaryFunctionsWrap) {
  for_each_integer([](auto zero, DType dtype) {
    using T = decltype(zero);
    const Tensor x = tensor_of<T>(dtype, {9}, extremes<T>());
    for (const UnaryKind kind :
         {UnaryKind::abs, UnaryKind::neg, UnaryKind::sign, UnaryKind::square,
          UnaryKind::bitwise_not, UnaryKind::relu, UnaryKind::round, UnaryKind::clamp}) {
      SCOPED_TRACE(name_of(kind));
      const bool no_unsigned = kind == UnaryKind::neg || kind == UnaryKind::clamp;
      if (no_unsigned && !std::is_signed_v<T>) continue;
      expect_as_reference(ops::Unary{{kind, -2.5, 5.5}}, {x});
      if (kind == UnaryKind::clamp) expect_as_reference(ops::Unary{{kind, -1e30, 1e30}}, {x});
    }
  });
}

TEST(CudaIntegers, BinaryFunctionsWrap) {
  const std::vector<BinaryKind> kinds = {BinaryKind::add,          BinaryKind::sub,
                                         BinaryKind::mul,          BinaryKind::maximum,
                                         BinaryKind::minimum,      BinaryKind::bitwise_and,
                                         BinaryKind::bitwise_or,   BinaryKind::bitwise_xor,
                                         BinaryKind::left_shift,   BinaryKind::right_shift,
                                         BinaryKind::equal,        BinaryKind::not_equal,
                                         BinaryKind::less,         BinaryKind::less_equal,
                                         BinaryKind::greater,      BinaryKind::greater_equal,
                                         BinaryKind::floor_div,    BinaryKind::floor_mod,
                                         BinaryKind::truncate_div, BinaryKind::truncate_mod,
                                         BinaryKind::pow,          BinaryKind::squared_difference};
  for_each_integer([&](auto zero, DType dtype) {
    using T = decltype(zero);
    std::vector<T> exponents = {0, 1, 2, 7, std::numeric_limits<T>::max()}, divisors;
    for (const T value : extremes<T>()) {
      if (value != 0) divisors.push_back(value);
    }
    const Tensor x = tensor_of<T>(dtype, {9, 1}, extremes<T>());
    for (const BinaryKind kind : kinds) {
      SCOPED_TRACE(name_of(kind));
      if (kind == BinaryKind::squared_difference && !std::is_signed_v<T>) continue;
      const bool divides = kind >= BinaryKind::floor_div && kind <= BinaryKind::truncate_mod;
      const std::vector<T>& y = divides                   ? divisors
                                : kind == BinaryKind::pow ? exponents
                                                          : extremes<T>();
      const auto count = static_cast<std::int64_t>(y.size());
      expect_as_reference(ops::Binary{kind}, {x, tensor_of<T>(dtype, {1, count}, y)});
    }
  });
}

TEST(CudaIntegers, ReductionsAndScansWrap) {
  const Tensor first = tensor_of<std::int64_t>(DType::int64, {1}, {0});
  for_each_integer([&](auto zero, DType dtype) {
    using T = decltype(zero);
    std::vector<T> values;
    for (int i = 0; i < 5; ++i) {
      const std::vector<T> more = extremes<T>();
      values.insert(values.end(), more.begin(), more.end());
    }
    // By a thread, by a block, and of nothing.
    const Tensor shorter = tensor_of<T>(dtype, {9, 5}, values);
    const Tensor longer = tensor_of<T>(dtype, {45}, values), none = Tensor(dtype, {0, 3});
    for (const ReduceKind kind :
         {ReduceKind::sum, ReduceKind::mean, ReduceKind::prod, ReduceKind::max, ReduceKind::min}) {
      SCOPED_TRACE(static_cast<int>(kind));
      for (const Tensor& x : {shorter, longer, none}) {
        expect_as_reference(ops::Reduce{kind}, {x, first});
      }
    }
    for (const ScanKind kind : {ScanKind::sum, ScanKind::prod}) {
      expect_as_reference(ops::Scan{kind, 0, true}, {longer});
    }
    for (const bool minimum : {false, true}) {
      expect_as_reference(ops::ArgReduce{minimum, 0}, {longer});
    }
    const Tensor k = tensor_of<std::int32_t>(DType::int32, {}, {7});
    expect_as_reference(ops::TopK{}, {longer, k}, 2);
  });
}

TEST(CudaIntegers, PoolsAndScattersWrap) {
  for_each_integer([](auto zero, DType dtype) {
    using T = decltype(zero);
    const Tensor x = tensor_of<T>(dtype, {1, 9, 1}, extremes<T>());
    ops::Pool pool{PoolKind::max, {3}, {2}, {}};
    expect_as_reference(pool, {x});
    pool.padding = {PaddingKind::explicit_, {3}, {0}};  // the first window sees padding alone
    expect_as_reference(pool, {x});
    const Tensor tensor = tensor_of<T>(dtype, {9}, extremes<T>());
    const Tensor indices =
        tensor_of<std::int32_t>(DType::int32, {9, 1}, {8, 0, 8, 2, 2, 0, 8, 3, 4});
    for (const ScatterKind kind : {ScatterKind::update, ScatterKind::add, ScatterKind::mul,
                                   ScatterKind::max, ScatterKind::min}) {
      SCOPED_TRACE(static_cast<int>(kind));
      expect_as_reference(ops::Scatter{kind}, {tensor, indices, tensor});
    }
  });
}

TEST(CudaIntegers, WhatHasNoResultIsAFault) {
  const auto fault_of = [](BinaryKind kind, std::vector<std::int8_t> y) {
    const HostCudaBackend backend;
    OpCase row;
    row.op = ops::Binary{kind};
    row.operands.resize(2);
    const DeviceOp op(backend, row,
                      {tensor_of<std::int8_t>(DType::int8, {2}, {5, 6}),
                       tensor_of<std::int8_t>(DType::int8, {2}, y)});
    Fault met;
    op.run(&met);
    return met;
  };
  EXPECT_EQ(fault_of(BinaryKind::floor_div, {1, 0}).kind, Fault::division_by_zero);
  const Fault power = fault_of(BinaryKind::pow, {1, -3});
  EXPECT_EQ(power.kind, Fault::negative_power);
  EXPECT_EQ(power.found, -3);
  EXPECT_EQ(power.position, 1);
  EXPECT_EQ(fault_of(BinaryKind::pow, {1, 3}).kind, Fault::none);
}

}  // namespace
}  // namespace thaw::test
