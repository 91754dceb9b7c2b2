// What products and convolutions tell cuBLASLt.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "kernels/backend.h"
#include "tests/cuda/device_op.h"
#include "tests/cuda_libraries/host_cublaslt.h"

namespace thaw::cuda {
namespace {

TEST(CublasLt, EveryRowOfMatMulAgreesWithReferenceFloat64) {
  const LtBackend backend;
  int runs = 0, refused = 0;
  for (const test::OpCase& row : test::op_cases()) {
    if (!std::holds_alternative<ops::MatMul>(row.op)) continue;
    for (const DType dtype : row.dtypes) {
      SCOPED_TRACE(fmt::format("row '{}' in {}", row.name, name_of(dtype)));
      if (test::check_row(backend, row, dtype)) {
        ++runs;
      } else if (is_floating(dtype)) {
        ++refused;  // batches without one stride: the plain kernel has them
      }
    }
  }
  EXPECT_GT(runs, 40);
  EXPECT_LT(refused, runs / 4);
}

TEST(CublasLt, EveryRowOfConvWithoutGroupsAgreesWithReferenceFloat64) {
  LtBackend backend;
  int runs = 0, in_parts = 0;
  for (const test::OpCase& row : test::op_cases()) {
    const auto* op = std::get_if<ops::Conv>(&row.op);
    if (op == nullptr) continue;
    for (const DType dtype : row.dtypes) {
      SCOPED_TRACE(fmt::format("row '{}' in {}", row.name, name_of(dtype)));
      const bool empty = row.operands[0].shape.num_elements() == 0;
      const bool expected = op->groups == 1 && is_floating(dtype) && !empty;
      backend.most_column_bytes = 1 << 20;
      EXPECT_EQ(test::check_row(backend, row, dtype), expected);
      runs += expected ? 1 : 0;
      // Image by image, where their results are aligned.
      for (const std::int64_t most : {4096, 16384, 65536}) {
        backend.most_column_bytes = most;
        in_parts += test::check_row(backend, row, dtype) ? 1 : 0;
      }
    }
  }
  EXPECT_GT(runs, 20);
  EXPECT_GT(in_parts, 20);
}

TEST(CublasLt, EveryRowOfConvTransposeAgreesWithReferenceFloat64) {
  LtBackend backend;
  int runs = 0, in_parts = 0;
  for (const test::OpCase& row : test::op_cases()) {
    if (!std::holds_alternative<ops::ConvTranspose>(row.op)) continue;
    for (const DType dtype : row.dtypes) {
      SCOPED_TRACE(fmt::format("row '{}' in {}", row.name, name_of(dtype)));
      const bool empty = row.operands[0].shape.num_elements() == 0;
      backend.most_column_bytes = 1 << 20;
      EXPECT_EQ(test::check_row(backend, row, dtype), is_floating(dtype) && !empty);
      ++runs;
      for (const std::int64_t most : {2048, 8192, 32768}) {
        backend.most_column_bytes = most;
        in_parts += test::check_row(backend, row, dtype) ? 1 : 0;
      }
    }
  }
  EXPECT_GT(runs, 20);
  EXPECT_GT(in_parts, 0);
}

TEST(CublasLt, TransposedImagesInParts) {
  LtBackend backend;
  backend.most_column_bytes = 4 * 4 * 9 * 3 * 4;  // of one image
  test::OpCase row;
  row.op = ops::ConvTranspose{{2, 2}, {1, 1}, {PaddingKind::same, {}, {}}};
  test::OperandCase spatial;
  spatial.shape = {2};
  spatial.fill = test::Fill::values;
  spatial.values = {8, 8};
  spatial.dtype = DType::int32;
  row.operands = {{Shape{5, 4, 4, 16}}, {Shape{3, 3, 3, 16}}, spatial, {Shape{3}}};
  row.accuracy = test::Accuracy::sum;
  EXPECT_TRUE(test::check_row(backend, row, DType::float32));
  backend.most_column_bytes -= 1;
  EXPECT_FALSE(test::check_row(backend, row, DType::float32)) << "not even one image fits";
}

TEST(CublasLt, ImagesInParts) {
  LtBackend backend;
  backend.most_column_bytes = 8 * 8 * 9 * 4 * 4;  // of one image
  test::OpCase row;
  row.op = ops::Conv{{1, 1}, {1, 1}, {PaddingKind::same, {}, {}}, 1, {UnaryKind::relu}};
  row.operands = {{Shape{5, 8, 8, 4}}, {Shape{3, 3, 4, 16}}, {Shape{16}}};
  row.accuracy = test::Accuracy::sum;
  EXPECT_TRUE(test::check_row(backend, row, DType::float32));
  backend.most_column_bytes -= 1;
  EXPECT_FALSE(test::check_row(backend, row, DType::float32)) << "not even one image fits";
}

TEST(CublasLt, BatchesActivationsAndTransposes) {
  const LtBackend backend;
  int runs = 0;
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      for (const UnaryKind kind : {UnaryKind::linear, UnaryKind::relu, UnaryKind::tanh}) {
        for (const bool shared : {false, true}) {
          for (const bool bias : {false, true}) {
            const Shape a = transpose_a ? Shape{3, 5, 4} : Shape{3, 4, 5};
            const Shape one = transpose_b ? Shape{7, 5} : Shape{5, 7};
            const Shape b = shared ? one : transpose_b ? Shape{3, 7, 5} : Shape{3, 5, 7};
            test::OpCase row;
            row.name =
                fmt::format("{}{}{}{}{}", transpose_a, transpose_b, name_of(kind), shared, bias);
            row.op = ops::MatMul{transpose_a, transpose_b, {kind}};
            row.operands = {{a}, {b}};
            if (bias) row.operands.push_back({Shape{7}});
            row.accuracy = test::Accuracy::sum;
            SCOPED_TRACE(row.name);
            runs += test::check_row(backend, row, DType::float32) ? 1 : 0;
          }
        }
      }
    }
  }
  EXPECT_EQ(runs, 48);
}

/// What the shorter form makes of float32 elements.
Tensor through(const Tensor& tensor, DType storage) {
  Tensor made = tensor.clone();
  float* elements = made.mutable_data<float>();
  for (std::int64_t i = 0; i < made.num_elements(); ++i) {
    elements[i] = storage == DType::float16 ? to_float(float16_from(elements[i]))
                                            : to_float(bfloat16_from(elements[i]));
  }
  return made;
}

/// Rows of float32 whose second operand is `constant`: as exact as float32 is on operands that were
/// rounded to `storage`.
template <class AnyOp>
int run_narrow(Precision precision, DType storage, bool constant) {
  LtBackend backend;
  backend.precision = precision;
  const cudaDataType_t type = storage == DType::float16 ? CUDA_R_16F : CUDA_R_16BF;
  int runs = 0;
  for (const test::OpCase& row : test::op_cases()) {
    const bool in_float32 =
        std::find(row.dtypes.begin(), row.dtypes.end(), DType::float32) != row.dtypes.end();
    if (!std::holds_alternative<AnyOp>(row.op) || !in_float32) continue;
    SCOPED_TRACE(row.name);
    test::OpCase known = row;
    known.operands[1].constant = constant;
    const std::vector<Tensor> operands = test::make_operands(known, DType::float32);
    const test::DeviceOp op(backend, known, operands);
    if (op.kernel() == nullptr) continue;
    ++runs;
    EXPECT_EQ(op.kernel()->use(1), constant ? OperandUse::nothing : OperandUse::elements);
    const Tensor result = op.run()[0];
    EXPECT_EQ(last_product().operands, type);
    EXPECT_EQ(last_product().result, CUDA_R_32F) << "sums and results are float32";
    std::vector<Tensor> seen = operands;
    for (const std::size_t i : {0, 1}) seen[i] = through(operands[i], storage);
    EXPECT_EQ(test::judge(result, test::expected_results(known, seen)[0],
                          test::limit(row.accuracy, DType::float32), false),
              "");
  }
  return runs;
}

TEST(CublasLt, ShorterFormsKeepOperandsInSixteenBits) {
  for (const bool constant : {true, false}) {
    EXPECT_GT(run_narrow<ops::MatMul>(Precision::fp16, DType::float16, constant), 10);
    EXPECT_GT(run_narrow<ops::MatMul>(Precision::bf16, DType::bfloat16, constant), 10);
    EXPECT_GT(run_narrow<ops::Conv>(Precision::fp16, DType::float16, constant), 5);
    EXPECT_GT(run_narrow<ops::Conv>(Precision::bf16, DType::bfloat16, constant), 5);
    EXPECT_GT(run_narrow<ops::ConvTranspose>(Precision::fp16, DType::float16, constant), 5);
    EXPECT_GT(run_narrow<ops::ConvTranspose>(Precision::bf16, DType::bfloat16, constant), 5);
  }
  EXPECT_EQ(run_narrow<ops::MatMul>(Precision::tf32, DType::float32, true), 0);
}

// Operands that are 16 bits already, a bias and a result of float32: one product and no casts.
TEST(CublasLt, ShortOperandsWithAFloat32Bias) {
  for (const DType dtype : {DType::float16, DType::bfloat16}) {
    test::OpCase row;
    row.op = ops::MatMul{false, true, {UnaryKind::relu}};
    row.operands.resize(3);
    row.operands[0].shape = {5, 40};
    row.operands[1].shape = {24, 40};
    row.operands[2].shape = {24};
    std::vector<Tensor> operands = test::make_operands(row, DType::float32);
    for (const std::size_t i : {0, 1}) {
      operands[i] = evaluate(ops::Cast{dtype}, {operands[i]}, 1)[0];
    }
    LtBackend backend;
    const test::DeviceOp op(backend, row, operands);
    ASSERT_NE(op.kernel(), nullptr);
    EXPECT_STREQ(op.kernel()->name(), "cublaslt matmul");
    const Tensor result = op.run()[0];
    EXPECT_EQ(result.dtype(), DType::float32);
    EXPECT_EQ(last_product().operands, dtype == DType::float16 ? CUDA_R_16F : CUDA_R_16BF);
    EXPECT_EQ(last_product().result, CUDA_R_32F);
    backend.precision = Precision::bf16;
    EXPECT_EQ(test::DeviceOp(backend, row, operands).kernel(), nullptr) << "nothing to round";
    for (const std::size_t i : {0, 1}) {
      operands[i] = evaluate(ops::Cast{DType::float32}, {operands[i]}, 1)[0];
    }
    EXPECT_EQ(test::judge(result, test::expected_results(row, operands)[0],
                          test::limit(test::Accuracy::sum, DType::float32), false),
              "");
  }
}

TEST(CublasLt, WeightsBeyondFloat16StayInFloat32) {
  LtBackend backend;
  const Op op = ops::MatMul{};
  const std::vector<TensorType> in = {{DType::float32, {1, 2}}, {DType::float32, {2, 1}}};
  const std::vector<TensorType> out = {{DType::float32, {1, 1}}};
  const auto prepared = [&](const std::vector<float>& weights, Precision precision) {
    const Tensor b = Tensor::from<float>({2, 1}, weights);
    const std::vector<const Tensor*> constants = {nullptr, &b};
    backend.precision = precision;
    return backend.prepare({op, in, out, constants}) != nullptr;
  };
  EXPECT_TRUE(prepared({65504, -1}, Precision::fp16));
  EXPECT_FALSE(prepared({70000, -1}, Precision::fp16));
  EXPECT_TRUE(prepared({70000, -1}, Precision::bf16));
}

}  // namespace
}  // namespace thaw::cuda
