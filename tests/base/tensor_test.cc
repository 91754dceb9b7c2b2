#include "thaw/tensor.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>

#include "runtime/base/check.h"
#include "runtime/base/memory.h"

namespace thaw {
namespace {

TEST(Tensors, AllocateZeroedAndAligned) {
  for (int i = 1; i <= static_cast<int>(DType::complex128); ++i) {
    const auto dtype = static_cast<DType>(i);
    const Tensor tensor(dtype, {3, 5});
    EXPECT_EQ(tensor.dtype(), dtype);
    EXPECT_EQ(tensor.num_elements(), 15);
    EXPECT_EQ(tensor.size_bytes(), 15 * size_of(dtype));
    if (dtype == DType::string) {
      for (int k = 0; k < 15; ++k) EXPECT_TRUE(tensor.data<std::string>()[k].empty());
      continue;
    }
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data()) % kAlignment, 0u) << name_of(dtype);
    const auto* bytes = static_cast<const unsigned char*>(tensor.data());
    EXPECT_TRUE(
        std::all_of(bytes, bytes + tensor.size_bytes(), [](unsigned char b) { return b == 0; }));
  }
}

TEST(Tensors, RefuseWhatIsNoTensor) {
  EXPECT_TRUE(Tensor().empty());
  EXPECT_FALSE(Tensor(DType::float32, {0}).empty());
  EXPECT_THROW(Tensor(DType::invalid, {1}), Error);
  EXPECT_THROW(Tensor(DType::tensor_list, {}), Error);
  EXPECT_THROW(Tensor(DType::float32, {kUnknownDim}), Error);
  EXPECT_THROW(Tensor(DType::float32, Shape::unknown_rank()), Error);
  EXPECT_THROW(Tensor(DType::float32, {INT64_MAX, INT64_MAX}), Error);
  EXPECT_THROW(Tensor(DType::float64, {INT64_MAX / 2}), Error);
}

TEST(Tensors, EmptyShapes) {
  const Tensor tensor(DType::int32, {2, 0, 3});
  EXPECT_EQ(tensor.num_elements(), 0);
  EXPECT_EQ(tensor.size_bytes(), 0u);
  EXPECT_EQ(tensor.clone().shape(), (Shape{2, 0, 3}));
}

TEST(Tensors, FromAndTypedAccess) {
  Tensor tensor = Tensor::from<float>({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(tensor.data<float>()[3], 4);
  EXPECT_THROW(tensor.data<double>(), Error);
  EXPECT_THROW(tensor.mutable_data<std::int32_t>(), Error);
  EXPECT_THROW(Tensor::from<float>({2}, {1}), Error);
  const Tensor flags = Tensor::from<bool>({3}, {true, false, true});
  EXPECT_TRUE(flags.data<bool>()[0]);
  EXPECT_FALSE(flags.data<bool>()[1]);
  const Tensor words = Tensor::from<std::string>({2}, {"a", std::string(1000, 'b')});
  EXPECT_EQ(words.data<std::string>()[1].size(), 1000u);
}

TEST(Tensors, CopiesShareAndClonesDoNot) {
  Tensor tensor = Tensor::from<std::int64_t>({2}, {1, 2});
  const Tensor copy = tensor;
  const Tensor clone = tensor.clone();
  tensor.mutable_data<std::int64_t>()[0] = 7;
  EXPECT_EQ(copy.data<std::int64_t>()[0], 7);
  EXPECT_EQ(clone.data<std::int64_t>()[0], 1);
  const Tensor words = Tensor::from<std::string>({1}, {"x"});
  EXPECT_NE(words.clone().data(), words.data());
  EXPECT_EQ(words.clone().data<std::string>()[0], "x");
  EXPECT_TRUE(Tensor().clone().empty());
}

TEST(Tensors, ReshapedSharesElements) {
  const Tensor tensor = Tensor::from<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor flat = tensor.reshaped({6});
  EXPECT_EQ(flat.data(), tensor.data());
  EXPECT_EQ(flat.shape(), Shape{6});
  EXPECT_THROW(tensor.reshaped({5}), Error);
  EXPECT_THROW(tensor.reshaped({kUnknownDim}), Error);
}

TEST(Tensors, BorrowKeepsTheOwnerAlive) {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3});
  const std::weak_ptr<std::vector<float>> watch = owner;
  {
    const Tensor tensor = Tensor::borrow(DType::float32, {3}, owner->data(), owner);
    const Tensor view = tensor.reshaped({3, 1});
    owner.reset();
    EXPECT_FALSE(watch.expired());
    EXPECT_EQ(view.data<float>()[2], 3);
  }
  EXPECT_TRUE(watch.expired());
}

TEST(Memory, AllocationIsAlignedAndRefusesTheImpossible) {
  for (const std::size_t bytes : {0u, 1u, 63u, 64u, 65u, 4097u}) {
    const AlignedBytes memory = allocate_aligned(bytes);
    ASSERT_NE(memory.get(), nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.get()) % kAlignment, 0u);
  }
  EXPECT_THROW(allocate_aligned(SIZE_MAX), Error);
#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // these abort the process instead
  EXPECT_THROW(allocate_aligned(SIZE_MAX / 4), Error);
#endif
  EXPECT_EQ(align_up(0), 0u);
  EXPECT_EQ(align_up(1), 64u);
  EXPECT_EQ(align_up(128), 128u);
}

TEST(Check, PrintableEscapes) {
  EXPECT_EQ(printable("plain"), "plain");
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  for (const std::string& bad : {std::string("\x01"), std::string("a\nb"), std::string("\xff\xfe"),
                                 std::string("\xc3"), std::string("\0", 1)}) {
    const std::string shown = printable(bad);
    EXPECT_TRUE(std::all_of(shown.begin(), shown.end(), [](unsigned char c) {
      return c >= 0x20 && c < 0x7f;
    })) << shown;
    EXPECT_GT(shown.size(), bad.size());
  }
  EXPECT_LT(printable(std::string(100000, 'x')).size(), 400u);
  EXPECT_LT(printable(std::string(100000, '\x01'), 16).size(), 100u);
}

TEST(Check, FailCarriesCodeAndMessage) {
  try {
    fail(ErrorCode::data_loss, "expected {}, found {}", 3, "x");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::data_loss);
    EXPECT_STREQ(error.what(), "expected 3, found x");
  }
  EXPECT_THROW(THAW_CHECK(1 + 1 == 3, "sum"), Error);
  EXPECT_NO_THROW(THAW_CHECK(1 + 1 == 2, "sum"));
}

}  // namespace
}  // namespace thaw
