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
  Numbers(std::size_t count, std::size_t offset, bool lies_in_memory, bool in_parts = false)
      : count_(count), lies_in_memory_(lies_in_memory), in_parts_(in_parts) {
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
  bool read_part(std::size_t first, std::size_t count, void* out) const override {
    if (in_parts_) std::memcpy(out, here_ + first, count);
    parts += in_parts_ ? 1 : 0;
    return in_parts_;
  }

  mutable std::atomic<int> reads = 0, let_gos = 0, parts = 0;

 private:
  std::size_t count_;
  bool lies_in_memory_, in_parts_;
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

/// All elements as read_rows_once gives them, and how often it gave some.
std::vector<float> rows_of(const Tensor& tensor, std::int64_t rows, int& calls) {
  std::vector<float> all;
  calls = 0;
  read_rows_once(tensor, rows, [&](const void* from, std::int64_t first, std::int64_t count) {
    const std::size_t row = tensor.size_bytes() / sizeof(float) / static_cast<std::size_t>(rows);
    EXPECT_EQ(all.size(), static_cast<std::size_t>(first) * row);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(from) % sizeof(float), 0u);
    const auto* floats = static_cast<const float*>(from);
    all.insert(all.end(), floats, floats + static_cast<std::size_t>(count) * row);
    ++calls;
  });
  return all;
}

TEST(Stored, RowsAreReadInParts) {
  constexpr std::size_t kMany = 90000;  // 360 kB: six parts of 64 kB at most
  std::vector<float> expected(kMany);
  for (std::size_t i = 0; i < kMany; ++i) expected[i] = static_cast<float>(i);
  for (const std::int64_t rows : {1, 3, 300, 90000}) {
    for (const bool in_parts : {false, true}) {
      for (const std::size_t offset : {std::size_t{0}, std::size_t{3}}) {
        const auto numbers = std::make_shared<Numbers>(kMany, offset, true, in_parts);
        const Tensor tensor = Tensor::stored(DType::float32, Shape{300, 300}, numbers);
        int calls = 0;
        EXPECT_EQ(rows_of(tensor, rows, calls), expected);
        const bool split = offset != 0 && in_parts && rows > 1;
        EXPECT_EQ(calls, !split ? 1 : rows == 3 ? 3 : 6);
        EXPECT_EQ(numbers->parts, split ? calls : 0);
        EXPECT_EQ(numbers->reads, offset == 0 || split ? 0 : 1);
        EXPECT_EQ(numbers->let_gos, 1);
        EXPECT_EQ(numbers->copy(), nullptr);
      }
    }
  }
}

TEST(Stored, RowsInMemoryStayWhereTheyAre) {
  const Tensor plain = Tensor::from<float>(Shape{3, 2}, {1, 2, 3, 4, 5, 6});
  int calls = 0;
  EXPECT_EQ(rows_of(plain, 3, calls), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(calls, 1);
  const auto bytes = std::make_shared<std::vector<std::byte>>(25);
  const Tensor odd = Tensor::borrow(DType::float32, Shape{3, 2}, bytes->data() + 1, bytes);
  read_rows_once(odd, 3, [&](const void* from, std::int64_t first, std::int64_t count) {
    EXPECT_EQ(from, bytes->data() + 1);
    EXPECT_EQ(first, 0);
    EXPECT_EQ(count, 3);
  });
  const Case c = make(1, false);
  c.tensor.data();  // somebody else needs all of them
  EXPECT_EQ(rows_of(c.tensor, 10, calls).size(), kCount);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(c.numbers->reads, 1);
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
