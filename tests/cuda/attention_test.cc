// Attention and scatter where one block, or one launch, is not enough: sizes that the case table
// leaves out, on the device that is the host, against the reference backend in float64.
#include <numeric>

#include "tests/cuda/device_op.h"
#include "tests/cuda/host_backend.h"

namespace thaw::test {
namespace {

OperandCase numbers(Shape shape, double low, double high) {
  OperandCase operand;
  operand.shape = std::move(shape);
  operand.low = low;
  operand.high = high;
  return operand;
}

struct Sizes {
  std::int64_t batch, heads, rows, steps, key_width, value_width;
};

/// Its mask lowers every third pair.
OpCase attention_of(const Sizes& s) {
  ops::Attention op;
  op.heads = op.key_heads = s.heads;
  op.key_width = s.key_width;
  op.value_width = s.value_width;
  op.scale = 0.5;
  op.masked = -16;
  op.lowers = true;
  OperandCase mask;
  mask.shape = {s.rows, s.steps};
  mask.dtype = DType::boolean;
  mask.fill = Fill::values;
  mask.values = {1, 1, 0};
  return {"attention",
          op,
          {numbers({s.batch, s.rows, s.heads * s.key_width}, -2, 2),
           numbers({s.batch, s.steps, s.heads * s.key_width}, -2, 2),
           numbers({s.batch, s.steps, s.heads * s.value_width}, -2, 2), mask},
          {DType::float32},
          Accuracy::sum};
}

// As many heads as make tiles of 64 and of 32 rows worth it; columns of v in several parts.
TEST(CudaAttention, TilesOfEveryHeight) {
  const HostCudaBackend backend;
  const Sizes sizes[] = {{2, 64, 70, 37, 5, 6},
                         {4, 64, 3, 33, 35, 64},
                         {2, 64, 40, 9, 3, 65},
                         {1, 2, 17, 40, 70, 300},
                         {1, 3, 33, 65, 32, 128}};
  for (const Sizes& s : sizes) {
    for (const DType dtype : {DType::float32, DType::bfloat16, DType::float64}) {
      if (dtype != DType::float32 && s.heads * s.rows > 300) continue;
      SCOPED_TRACE("rows " + std::to_string(s.rows) + " " + name_of(dtype));
      EXPECT_TRUE(check_row(backend, attention_of(s), dtype));
    }
  }
}

// Scores that grow from tile to tile, so that what was summed is scaled again and again.
TEST(CudaAttention, GrowingScores) {
  const HostCudaBackend backend;
  OpCase row = attention_of({1, 1, 3, 150, 1, 2});
  row.operands.pop_back();
  row.operands[0] = numbers({1, 3, 1}, 1, 2);
  row.operands[1].fill = Fill::values;
  row.operands[1].values.resize(150);
  std::iota(row.operands[1].values.begin(), row.operands[1].values.end(), -75.0);
  EXPECT_TRUE(check_row(backend, row, DType::float32));
  EXPECT_TRUE(check_row(backend, row, DType::float64));
}

// More updates than are sorted in one launch, many for one element.
TEST(CudaScatter, ManyUpdatesInOrder) {
  const HostCudaBackend backend;
  OperandCase indices;
  indices.shape = {9001, 1};
  indices.dtype = DType::int32;
  indices.fill = Fill::values;
  indices.values = {4, 0, 999, 17, 4, 4, 31, 500};
  for (const ScatterKind kind : {ScatterKind::update, ScatterKind::add, ScatterKind::max}) {
    const OpCase row{"scatter",
                     ops::Scatter{kind},
                     {numbers({1000, 2}, -1, 1), indices, numbers({9001, 2}, -1, 1)},
                     {DType::float64},
                     Accuracy::exact};
    EXPECT_TRUE(check_row(backend, row, DType::float64)) << static_cast<int>(kind);
  }
}

}  // namespace
}  // namespace thaw::test
