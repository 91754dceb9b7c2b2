// Tensors to and from DLPack.
#include "thaw/dlpack.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "thaw/error.h"

namespace thaw {
namespace {

// The layout that the specification fixes for 64-bit machines.
static_assert(sizeof(dlpack::DenseTensor) == 48 && sizeof(dlpack::ManagedTensor) == 64);
static_assert(offsetof(dlpack::DenseTensor, device) == 8 &&
              offsetof(dlpack::DenseTensor, rank) == 16 &&
              offsetof(dlpack::DenseTensor, dtype) == 20 &&
              offsetof(dlpack::DenseTensor, shape) == 24 &&
              offsetof(dlpack::DenseTensor, strides) == 32 &&
              offsetof(dlpack::DenseTensor, byte_offset) == 40);

int deleted = 0;

struct Foreign {
  std::vector<float> elements = {0, 1, 2, 3, 4, 5};
  std::int64_t shape[2] = {2, 3}, strides[2] = {3, 1};
  dlpack::ManagedTensor managed;
  Foreign() {
    deleted = 0;
    managed.tensor.data = elements.data();
    managed.tensor.rank = 2;
    managed.tensor.dtype = {2, 32, 1};
    managed.tensor.shape = shape;
    managed.tensor.strides = strides;
    managed.deleter = [](dlpack::ManagedTensor*) { ++deleted; };
  }
};

TEST(DlPack, ExportSharesTheElementsUntilItIsDeleted) {
  dlpack::ManagedTensor* managed = nullptr;
  {
    Tensor tensor = Tensor::from<std::int32_t>({2, 3}, {1, 2, 3, 4, 5, 6});
    managed = to_dlpack(tensor);
    tensor.mutable_data<std::int32_t>()[4] = 50;
  }
  const dlpack::DenseTensor& seen = managed->tensor;
  EXPECT_EQ(seen.rank, 2);
  EXPECT_EQ(seen.device.type, 1);
  EXPECT_EQ(seen.dtype.code, 0);
  EXPECT_EQ(seen.dtype.bits, 32);
  EXPECT_EQ(seen.shape[0] * 10 + seen.shape[1], 23);
  EXPECT_EQ(seen.strides[0] * 10 + seen.strides[1], 31);
  EXPECT_EQ(static_cast<const std::int32_t*>(seen.data)[4], 50);
  managed->deleter(managed);
}

TEST(DlPack, ThereAndBackAgainInEveryType) {
  for (const DType dtype :
       {DType::boolean, DType::int8, DType::int16, DType::int32, DType::int64, DType::uint8,
        DType::uint16, DType::uint32, DType::uint64, DType::float16, DType::bfloat16,
        DType::float32, DType::float64, DType::complex64, DType::complex128}) {
    const Tensor tensor(dtype, {2, 0, 3}), scalar(dtype, {});
    EXPECT_EQ(from_dlpack(to_dlpack(tensor)).type(), tensor.type());
    const Tensor back = from_dlpack(to_dlpack(scalar));
    EXPECT_EQ(back.type(), scalar.type());
    EXPECT_EQ(back.data(), scalar.data()) << "no copy";
  }
  EXPECT_THROW(to_dlpack(Tensor(DType::string, {1})), Error);
  EXPECT_THROW(to_dlpack(Tensor()), Error);
}

TEST(DlPack, ImportSharesRowMajorElementsAndDeletesWithTheLastUse) {
  Foreign foreign;
  {
    const Tensor tensor = from_dlpack(&foreign.managed);
    const Tensor other = tensor;
    EXPECT_EQ(tensor.data(), foreign.elements.data());
    EXPECT_EQ(other.data<float>()[5], 5);
    EXPECT_EQ(deleted, 0);
  }
  EXPECT_EQ(deleted, 1);
}

TEST(DlPack, OtherStridesAndOffsetsAreCopied) {
  Foreign foreign;
  foreign.shape[0] = 3, foreign.shape[1] = 2;
  foreign.strides[0] = 1, foreign.strides[1] = 3;  // the transpose
  const Tensor turned = from_dlpack(&foreign.managed);
  EXPECT_EQ(deleted, 1);
  EXPECT_EQ(std::vector<float>(turned.data<float>(), turned.data<float>() + 6),
            (std::vector<float>{0, 3, 1, 4, 2, 5}));
  Foreign later;
  later.shape[0] = 1;
  later.managed.tensor.strides = nullptr;
  later.managed.tensor.byte_offset = 12;
  EXPECT_EQ(from_dlpack(&later.managed).data<float>()[2], 5);
}

TEST(DlPack, WhatCannotBeTakenStaysTheCallers) {
  const auto refused = [](auto change) {
    Foreign foreign;
    change(foreign);
    EXPECT_THROW(from_dlpack(&foreign.managed), Error);
    EXPECT_EQ(deleted, 0);
  };
  refused([](Foreign& f) { f.managed.tensor.device.type = 2; });
  refused([](Foreign& f) { f.managed.tensor.dtype.lanes = 4; });
  refused([](Foreign& f) { f.managed.tensor.dtype.bits = 24; });
  refused([](Foreign& f) { f.shape[0] = -1; });
  refused([](Foreign& f) { f.managed.tensor.rank = -1; });
  refused([](Foreign& f) { f.managed.tensor.shape = nullptr; });
  refused([](Foreign& f) { f.managed.tensor.data = nullptr; });
  EXPECT_THROW(from_dlpack(nullptr), Error);
}

}  // namespace
}  // namespace thaw
