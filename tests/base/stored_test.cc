#include "runtime/base/stored.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

namespace thaw {
namespace {

/// The numbers 0, 1, 2, ... at `offset` bytes behind an aligned address, or computed when read.
class Numbers final : public StoredElements {
 public:
  Numbers(std::size_t count, std::size_t offset, bool lies_in_memory)
      : count_(count), lies_in_memory_(lies_in_memory) {
    memory_ = allocate_aligned(count * sizeof(float) + offset);
    here_ = memory_.get() + offset;
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = static_cast<float>(i);
      std::memcpy(here_ + i * sizeof(float), &value, sizeof(float));
    }
  }
  void read(void* out) const override {
    ++reads;
    std::memcpy(out, here_, count_ * sizeof(float));
  }
  const void* bytes() const override { return lies_in_memory_ ? here_ : nullptr; }
  void let_go() const override { ++let_gos; }

  mutable std::atomic<int> reads = 0, let_gos = 0;

 private:
  std::size_t count_;
  bool lies_in_memory_;
  AlignedBytes memory_;
  std::byte* here_;
};

constexpr std::size_t kCount = 1000;

struct Case {
  std::shared_ptr<Numbers> numbers;
  Tensor tensor;
};
Case make(std::size_t offset, bool lies_in_memory) {
  auto numbers = std::make_shared<Numbers>(kCount, offset, lies_in_memory);
  return {numbers, Tensor::stored(DType::float32, Shape{10, 100}, numbers)};
}

bool counts_up(const float* values) {
  for (std::size_t i = 0; i < kCount; ++i) {
    if (values[i] != static_cast<float>(i)) return false;
  }
  return true;
}

TEST(Stored, AlignedElementsStayWhereTheyAre) {
  const Case c = make(0, true);
  EXPECT_EQ(c.tensor.data(), c.numbers->bytes());
  EXPECT_TRUE(counts_up(c.tensor.data<float>()));
  EXPECT_EQ(c.numbers->reads, 0);
}

TEST(Stored, OthersAreReadOnceForAllCopies) {
  for (const bool lies_in_memory : {true, false}) {
    const Case c = make(1, lies_in_memory);
    const Tensor copy = c.tensor, view = c.tensor.reshaped(Shape{1000});
    EXPECT_EQ(c.numbers->reads, 0);
    EXPECT_TRUE(counts_up(copy.data<float>()));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(copy.data()) % kAlignment, 0u);
    EXPECT_EQ(view.data(), copy.data());
    EXPECT_EQ(c.tensor.data(), copy.data());
    EXPECT_EQ(c.numbers->reads, 1);
    EXPECT_EQ(view.identity(), c.tensor.identity());
    EXPECT_EQ(view.shape(), Shape{1000});
  }
}

TEST(Stored, WhoWritesGetsACopy) {
  const Case c = make(0, true);
  Tensor mine = c.tensor;
  mine.mutable_data<float>()[0] = 7;
  EXPECT_EQ(mine.stored(), nullptr);
  EXPECT_EQ(mine.data<float>()[0], 7);
  EXPECT_EQ(mine.data<float>()[999], 999);
  EXPECT_TRUE(counts_up(c.tensor.data<float>()));
}

TEST(Stored, CloneLeavesNothingBehind) {
  const Case c = make(3, true);
  const Tensor copy = c.tensor.clone();
  EXPECT_TRUE(counts_up(copy.data<float>()));
  EXPECT_EQ(copy.stored(), nullptr);
  EXPECT_EQ(c.numbers->copy(), nullptr);
}

TEST(Stored, ReadOnceLetsGo) {
  for (const std::size_t offset : {std::size_t{0}, std::size_t{2}}) {
    const Case c = make(offset, true);
    {
      const ReadOnce elements(c.tensor);
      EXPECT_TRUE(counts_up(elements.as<float>()));
      EXPECT_EQ(elements.data() == c.numbers->bytes(), offset == 0);
      EXPECT_EQ(c.numbers->let_gos, 0);
    }
    EXPECT_EQ(c.numbers->let_gos, 1);
    EXPECT_EQ(c.numbers->copy(), nullptr);
    const ReadOnce bytes(c.tensor, 1);
    EXPECT_EQ(bytes.data(), c.numbers->bytes());
  }
  const Tensor plain = Tensor::from<float>(Shape{2}, {1, 2});
  EXPECT_EQ(ReadOnce(plain).data(), plain.data());
}

TEST(Stored, ManyThreadsReadOnce) {
  const Case c = make(1, false);
  std::vector<const void*> seen(8);
  std::vector<std::thread> threads;
  for (const void*& address : seen) threads.emplace_back([&] { address = c.tensor.data(); });
  for (std::thread& thread : threads) thread.join();
  for (const void* address : seen) EXPECT_EQ(address, seen[0]);
  EXPECT_EQ(c.numbers->reads, 1);
}

}  // namespace
}  // namespace thaw
