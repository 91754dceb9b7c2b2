// What attention tells cuBLASLt.
#include <fmt/format.h>

#include <vector>

#include "tests/cuda/device_op.h"
#include "tests/cuda_libraries/host_cublaslt.h"

namespace thaw::cuda {
namespace {

struct AttentionSizes {
  std::int64_t batch, heads, key_heads, rows, steps, key_width, value_width;
  bool apart = false;
};

/// `mask`: 0 none, 1 added, 2 replacing.
test::OpCase attention_of(const AttentionSizes& s, int mask) {
  ops::Attention op;
  op.heads = s.heads;
  op.key_heads = s.key_heads;
  op.key_width = s.key_width;
  op.value_width = s.value_width;
  op.scale = 0.25;
  op.masked = -1e9;
  const auto shape = [&](std::int64_t steps, std::int64_t heads, std::int64_t width) {
    return s.apart ? Shape{s.batch, heads, steps, width} : Shape{s.batch, steps, heads * width};
  };
  test::OpCase row;
  row.name = fmt::format("{} {} {} {}", s.heads, s.rows, s.steps, mask);
  row.op = op;
  row.operands = {{shape(s.rows, s.heads, s.key_width)},
                  {shape(s.steps, s.key_heads, s.key_width)},
                  {shape(s.steps, s.key_heads, s.value_width)}};
  if (mask > 0) {
    test::OperandCase masks;
    masks.shape = {s.batch, 1, s.rows, s.steps};
    if (mask == 2) masks.dtype = DType::boolean;
    row.operands.push_back(masks);
  }
  row.accuracy = test::Accuracy::sum;
  return row;
}

constexpr LtBatches kBothWays[] = {LtBatches::each, LtBatches::together};

TEST(CublasLt, AttentionAgreesWithReferenceFloat64) {
  LtBackend backend;
  const AttentionSizes sizes[] = {{2, 3, 3, 5, 7, 32, 64},        {1, 4, 1, 9, 33, 64, 32},
                                  {3, 2, 2, 4, 31, 32, 32, true}, {1, 1, 1, 2, 64, 96, 32},
                                  {2, 4, 1, 3, 5, 32, 32, true},  {3, 1, 1, 5, 7, 32, 64},
                                  {3, 4, 1, 5, 7, 32, 32}};
  for (const AttentionSizes& s : sizes) {
    for (const int mask : {0, 1, 2}) {
      const test::OpCase row = attention_of(s, mask);
      for (const LtBatches batches : kBothWays) {
        backend.batches = batches;
        const bool together = batches == LtBatches::together;
        SCOPED_TRACE(fmt::format("{} of {} batches, together {}", row.name, s.batch, together));
        for (const DType dtype : {DType::float32, DType::float16, DType::bfloat16}) {
          EXPECT_EQ(test::check_row(backend, row, dtype), !together || s.batch > 1)
              << name_of(dtype);
        }
      }
    }
  }
  backend.batches = LtBatches::each;
  EXPECT_FALSE(test::check_row(backend, attention_of({1, 2, 2, 3, 3, 12, 32}, 0), DType::float32))
      << "heads that are not aligned";
  EXPECT_FALSE(test::check_row(backend, attention_of({1, 4, 2, 3, 3, 32, 32}, 0), DType::float32))
      << "no one stride of key heads";
  EXPECT_FALSE(test::check_row(backend, attention_of({1, 1, 1, 3, 3, 32, 32}, 0), DType::float64));
}

TEST(CublasLt, AttentionOfAllBatchesIsTwoProducts) {
  LtLibrary& library = fresh_lt_library();
  LtBackend backend;
  backend.batches = LtBatches::together;
  const auto pointers = [&](const AttentionSizes& s) {
    library.products = library.by_pointers = 0;
    EXPECT_TRUE(test::check_row(backend, attention_of(s, 1), DType::float32));
    EXPECT_EQ(library.products, 2);
    return library.by_pointers;
  };
  EXPECT_EQ(pointers({3, 2, 2, 5, 7, 32, 32}), 2) << "heads lie side by side";
  EXPECT_EQ(pointers({3, 2, 1, 5, 7, 32, 32, true}), 2) << "heads share keys";
  EXPECT_EQ(pointers({3, 1, 1, 5, 7, 32, 32}), 0) << "the batches have a stride";
  backend.batches = LtBatches::each;
  EXPECT_TRUE(test::check_row(backend, attention_of({3, 2, 2, 5, 7, 32, 32}, 0), DType::float32));
  EXPECT_EQ(library.products, 2 + 3 * 2);
  backend.batches = LtBatches::together;
  backend.most_column_bytes = 3 * 2 * 5 * 32 * 4 - 1;  // scores of all
  EXPECT_FALSE(test::check_row(backend, attention_of({3, 2, 2, 5, 7, 32, 32}, 0), DType::float32));
}

// No exact rounding to follow: scores and weights are rounded on the way.
TEST(CublasLt, AttentionInSixteenBits) {
  LtBackend backend;
  for (const int run : {0, 1, 2, 3}) {
    const Precision precision = run % 2 == 0 ? Precision::fp16 : Precision::bf16;
    backend.precision = precision;
    backend.batches = kBothWays[run / 2];
    test::OpCase row = attention_of({2, 3, 3, 5, 40, 32, 64}, 1);
    row.operands[1].constant = true;
    const std::vector<Tensor> operands = test::make_operands(row, DType::float32);
    const test::DeviceOp op(backend, row, operands);
    ASSERT_NE(op.kernel(), nullptr);
    EXPECT_STREQ(op.kernel()->name(), "cublaslt attention, 16 bits");
    EXPECT_EQ(op.kernel()->use(0), OperandUse::elements);
    EXPECT_EQ(op.kernel()->use(1), OperandUse::nothing);
    const Tensor found = op.run()[0];
    EXPECT_EQ(last_product().operands, precision == Precision::fp16 ? CUDA_R_16F : CUDA_R_16BF);
    EXPECT_EQ(last_product().result, CUDA_R_32F);
    const DType storage = precision == Precision::fp16 ? DType::float16 : DType::bfloat16;
    EXPECT_EQ(test::judge(found, test::expected_results(row, operands)[0],
                          test::limit(test::Accuracy::sum, storage), false),
              "");
  }
}

}  // namespace
}  // namespace thaw::cuda
