// Folding leaves weights in their file where only their shape changes.
#include "runtime/exec/evaluator.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <memory>

#include "runtime/base/stored.h"

namespace thaw {
namespace {

class CountedReads final : public StoredElements {
 public:
  explicit CountedReads(int& reads) : reads_(reads) {}
  void read(void* out) const override {
    ++reads_;
    const std::array<float, 6> elements = {1, 2, 3, 4, 5, 6};
    std::memcpy(out, elements.data(), sizeof(elements));
  }

 private:
  int& reads_;
};

Tensor fold(const Op& op, const std::vector<Tensor>& inputs, Shape result) {
  std::vector<Tensor> outputs;
  EXPECT_TRUE(reference_evaluator()(op, inputs, {{DType::float32, std::move(result)}}, outputs));
  EXPECT_EQ(outputs.size(), 1u);
  return outputs.at(0);
}

TEST(Evaluator, LeavesStoredElementsWhereTheyAre) {
  int reads = 0;
  const Tensor x =
      Tensor::stored(DType::float32, Shape{2, 3}, std::make_shared<CountedReads>(reads));
  const Tensor target = Tensor::from<std::int64_t>(Shape{2}, {3, 2});
  const Tensor y = fold(ops::Reshape{}, {x, target}, Shape{3, 2});
  EXPECT_EQ(y.shape(), (Shape{3, 2}));
  EXPECT_EQ(y.stored(), x.stored());
  EXPECT_EQ(fold(ops::Identity{}, {x}, Shape{2, 3}).stored(), x.stored());
  EXPECT_EQ(reads, 0);
  EXPECT_EQ(y.data<float>()[4], 5);
  EXPECT_EQ(reads, 1);
}

TEST(Evaluator, ReadsStoredElementsThatMove) {
  int reads = 0;
  const Tensor x =
      Tensor::stored(DType::float32, Shape{2, 3}, std::make_shared<CountedReads>(reads));
  const Tensor order = Tensor::from<std::int64_t>(Shape{2}, {1, 0});
  const Tensor y = fold(ops::Transpose{}, {x, order}, Shape{3, 2});
  EXPECT_EQ(reads, 1);
  EXPECT_EQ(y.stored(), nullptr);
  EXPECT_EQ(y.data<float>()[1], 4);
}

}  // namespace
}  // namespace thaw
