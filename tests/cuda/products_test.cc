// Products of a single row and gathered rows of every width, on the device that is the host,
// against the reference backend in float64.
#include "tests/cuda/device_op.h"
#include "tests/cuda/host_backend.h"

namespace thaw::test {
namespace {

OperandCase random_numbers(Shape shape) {
  OperandCase operand;
  operand.shape = std::move(shape);
  operand.low = -1;
  operand.high = 1;
  return operand;
}

TEST(CudaMatMul, ASingleRowByBlocksOfColumns) {
  const HostCudaBackend backend;
  for (const auto& [k, n] : {std::pair<std::int64_t, std::int64_t>{1, 1},
                             {7, 9},
                             {256, 8},
                             {257, 10},
                             {784, 128},
                             {1000, 33}}) {
    for (const bool turned : {false, true}) {
      for (const DType dtype : {DType::float32, DType::bfloat16, DType::float64}) {
        SCOPED_TRACE(std::to_string(k) + " by " + std::to_string(n) + " " + name_of(dtype));
        ops::MatMul op;
        op.transpose_a = turned;
        op.activation.kind = UnaryKind::relu;
        const Shape left = turned ? Shape{k, 1} : Shape{1, k};
        OpCase row{"matmul",
                   op,
                   {random_numbers(left), random_numbers({k, n}), random_numbers({n})},
                   {dtype},
                   Accuracy::sum};
        EXPECT_TRUE(check_row(backend, row, dtype));
        const DeviceOp made(backend, row, make_operands(row, dtype));
        EXPECT_STREQ(made.kernel()->name(), "cuda matmul, one row");
        row.operands.pop_back();
        EXPECT_TRUE(check_row(backend, row, dtype)) << "without a bias";
      }
    }
  }
}

TEST(CudaMatMul, SeveralRowsOrATurnedMatrixAreAnotherKernels) {
  const HostCudaBackend backend;
  for (const bool turned : {false, true}) {
    ops::MatMul op;
    op.transpose_b = turned;
    const OpCase row{
        "matmul",
        op,
        {random_numbers({turned ? 1 : 2, 5}), random_numbers(turned ? Shape{3, 5} : Shape{5, 3})},
        {DType::float32},
        Accuracy::sum};
    EXPECT_TRUE(check_row(backend, row, DType::float32));
    EXPECT_STREQ(DeviceOp(backend, row, make_operands(row, DType::float32)).kernel()->name(),
                 "cuda matmul");
  }
}

// Rows of 1 to 12 elements of every size: pieces of 1 to 16 bytes.
TEST(CudaGather, RowsOfEveryWidth) {
  const HostCudaBackend backend;
  OperandCase indices;
  indices.shape = {5};
  indices.dtype = DType::int32;
  indices.fill = Fill::values;
  indices.values = {3, 0, 3, 2, 1};
  OperandCase pairs = indices;
  pairs.shape = {2, 2};
  pairs.values = {1, 1, 0, 3};
  for (const std::int64_t inner : {1, 2, 3, 4, 6, 8, 12}) {
    for (const DType dtype : {DType::float32, DType::float16, DType::float64, DType::boolean}) {
      SCOPED_TRACE(std::to_string(inner) + " of " + name_of(dtype));
      const OpCase rows{"gather",
                        ops::Gather{1, 0},
                        {random_numbers({2, 4, inner}), indices},
                        {dtype},
                        Accuracy::exact};
      EXPECT_TRUE(check_row(backend, rows, dtype));
      const OpCase nd{"gather_nd",
                      ops::GatherNd{},
                      {random_numbers({2, 4, inner}), pairs},
                      {dtype},
                      Accuracy::exact};
      EXPECT_TRUE(check_row(backend, nd, dtype));
    }
  }
}

}  // namespace
}  // namespace thaw::test
