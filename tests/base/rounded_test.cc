#include "runtime/base/rounded.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "runtime/base/half.h"
#include "runtime/base/memory.h"
#include "runtime/base/stored.h"

namespace thaw {
namespace {

float value_of(const Tensor& tensor, std::int64_t i) {
  const std::uint16_t bits = static_cast<const std::uint16_t*>(tensor.data())[i];
  return tensor.dtype() == DType::float16 ? half_to_float(bits) : bfloat_to_float(bits);
}

TEST(Rounded, ToNearestEvenAndInfinitiesAndNansStay) {
  const float infinity = std::numeric_limits<float>::infinity();
  const Tensor floats =
      Tensor::from<float>(Shape{6}, {1.00390625f, 1.01171875f, -3.0f, infinity, -infinity, NAN});
  const Tensor narrow = rounded(floats, DType::bfloat16);
  ASSERT_EQ(narrow.type(), (TensorType{DType::bfloat16, {6}}));
  EXPECT_EQ(value_of(narrow, 0), 1.0f);
  EXPECT_EQ(value_of(narrow, 1), 1.015625f);
  EXPECT_EQ(value_of(narrow, 2), -3.0f);
  EXPECT_EQ(value_of(narrow, 3), infinity);
  EXPECT_EQ(value_of(narrow, 4), -infinity);
  EXPECT_TRUE(std::isnan(value_of(narrow, 5)));
  EXPECT_EQ(rounded(Tensor(DType::float32, Shape{0, 3}), DType::float16).shape(), (Shape{0, 3}));
}

TEST(Rounded, EmptyBeyondTheRange) {
  const auto fits = [](float value, DType storage) {
    return !rounded(Tensor::from<float>(Shape{2}, {1, value}), storage).empty();
  };
  EXPECT_TRUE(fits(65519, DType::float16));  // rounds to 65504
  EXPECT_FALSE(fits(65520, DType::float16));
  EXPECT_FALSE(fits(-70000, DType::float16));
  EXPECT_TRUE(fits(-70000, DType::bfloat16));
  EXPECT_TRUE(fits(3.3895314e38f, DType::bfloat16));  // its largest
  EXPECT_FALSE(fits(std::numeric_limits<float>::max(), DType::bfloat16));
  EXPECT_FALSE(fits(-std::numeric_limits<float>::max(), DType::bfloat16));
}

/// Floats that lie at an odd address, or are only there once they are read.
class Floats final : public StoredElements {
 public:
  Floats(const std::vector<float>& values, bool lies_in_memory)
      : count_(values.size()), lies_in_memory_(lies_in_memory) {
    memory_ = allocate_aligned(count_ * sizeof(float) + 1);
    std::memcpy(memory_.get() + 1, values.data(), count_ * sizeof(float));
  }
  void read(void* out) const override {
    std::memcpy(out, memory_.get() + 1, count_ * sizeof(float));
  }
  const void* bytes() const override { return lies_in_memory_ ? memory_.get() + 1 : nullptr; }

 private:
  std::size_t count_;
  bool lies_in_memory_;
  AlignedBytes memory_;
};

TEST(Rounded, LargeTensorsAreRoundedWhenTheyAreRead) {
  constexpr std::int64_t kRows = 300, kColumns = 500;
  std::vector<float> values(kRows * kColumns);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i));
  const Shape shape{kRows, kColumns};
  for (const DType storage : {DType::float16, DType::bfloat16}) {
    for (const Tensor& floats :
         {Tensor::from<float>(shape, values),
          Tensor::stored(DType::float32, shape, std::make_shared<Floats>(values, true)),
          Tensor::stored(DType::float32, shape, std::make_shared<Floats>(values, false))}) {
      const Tensor narrow = rounded(floats, storage);
      ASSERT_NE(narrow.stored(), nullptr);
      std::int64_t rows = 0;
      read_rows_once(narrow, kRows, [&](const void* part, std::int64_t first, std::int64_t count) {
        EXPECT_EQ(first, rows);
        rows += count;
        for (std::int64_t i = 0; i < count * kColumns; ++i) {
          const float exact = values[static_cast<std::size_t>(first * kColumns + i)];
          ASSERT_EQ(static_cast<const std::uint16_t*>(part)[i],
                    storage == DType::float16 ? float_to_half(exact) : float_to_bfloat(exact));
        }
      });
      EXPECT_EQ(rows, kRows);
      EXPECT_EQ(narrow.stored()->copy(), nullptr) << "nothing was kept";
      EXPECT_EQ(value_of(narrow, 7), value_of(narrow.clone(), 7));
    }
  }
}

}  // namespace
}  // namespace thaw
