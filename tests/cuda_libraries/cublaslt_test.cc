// What the products tell cuBLASLt, by a library that does on the host what its documentation says:
// column-major operands, transposes, strided batches, epilogues.
#include "kernels/cuda/cublaslt.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "kernels/cuda/cuda_stream.h"
#include "kernels/cuda/libraries.h"
#include "kernels/cuda/product.h"
#include "runtime/base/half.h"
#include "tests/cuda/device_op.h"
#include "tests/support/fake_device.h"

namespace thaw::cuda {

// The stream of the tests' device stands for CUDA's.
cudaStream_t native(Stream& stream) { return reinterpret_cast<cudaStream_t>(&stream); }
std::unique_lock<std::mutex> outside_recordings(Stream&) { return {}; }

namespace {

struct Operation {
  cublasComputeType_t compute;
  std::int32_t first, second;  // cublasOperation_t
  std::uint32_t epilogue;
  const void* bias;
};
struct Layout {
  cudaDataType_t type;
  std::int32_t batches;
  std::uint64_t rows, columns;
  std::int64_t leading, stride;
};
static_assert(sizeof(Operation) <= sizeof(cublasLtMatmulDescOpaque_t));
static_assert(sizeof(Layout) <= sizeof(cublasLtMatrixLayoutOpaque_t));

template <class T, class Opaque>
T& inside(Opaque* opaque) {
  return *reinterpret_cast<T*>(opaque->data);
}
template <class T, class Opaque>
const T& inside(const Opaque* opaque) {
  return *reinterpret_cast<const T*>(opaque->data);
}

template <class T>
void put(T& field, const void* value, std::size_t bytes) {
  ASSERT_EQ(bytes, sizeof(T));
  std::memcpy(&field, value, bytes);
}

cublasStatus_t operation_create(cublasLtMatmulDesc_t* made, cublasComputeType_t compute,
                                cudaDataType_t) {
  *made = new cublasLtMatmulDescOpaque_t{};
  inside<Operation>(*made).compute = compute;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t operation_destroy(cublasLtMatmulDesc_t gone) {
  delete gone;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t operation_set(cublasLtMatmulDesc_t operation,
                             cublasLtMatmulDescAttributes_t attribute, const void* value,
                             std::size_t bytes) {
  Operation& to = inside<Operation>(operation);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA: put(to.first, value, bytes); break;
    case CUBLASLT_MATMUL_DESC_TRANSB: put(to.second, value, bytes); break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE: put(to.epilogue, value, bytes); break;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: put(to.bias, value, bytes); break;
    default: ADD_FAILURE() << "attribute " << attribute; return CUBLAS_STATUS_INVALID_VALUE;
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t layout_create(cublasLtMatrixLayout_t* made, cudaDataType_t type, std::uint64_t rows,
                             std::uint64_t columns, std::int64_t leading) {
  *made = new cublasLtMatrixLayoutOpaque_t{};
  inside<Layout>(*made) = {type, 1, rows, columns, leading, 0};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t layout_destroy(cublasLtMatrixLayout_t gone) {
  delete gone;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t layout_set(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t attribute,
                          const void* value, std::size_t bytes) {
  Layout& to = inside<Layout>(layout);
  if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) {
    put(to.batches, value, bytes);
  } else {
    EXPECT_EQ(attribute, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET);
    put(to.stride, value, bytes);
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t preference_create(cublasLtMatmulPreference_t* made) {
  *made = new cublasLtMatmulPreferenceOpaque_t{};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t preference_destroy(cublasLtMatmulPreference_t gone) {
  delete gone;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t preference_set(cublasLtMatmulPreference_t, cublasLtMatmulPreferenceAttributes_t,
                              const void*, std::size_t) {
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t heuristic(cublasLtHandle_t, cublasLtMatmulDesc_t operation, cublasLtMatrixLayout_t,
                         cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                         cublasLtMatmulPreference_t, int, cublasLtMatmulHeuristicResult_t results[],
                         int* count) {
  const Operation& seen = inside<Operation>(operation);
  const bool biased = (seen.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0;
  EXPECT_EQ(seen.bias != nullptr, biased) << "the bias's alignment decides with";
  results[0].workspaceSize = 128;
  *count = 1;
  return CUBLAS_STATUS_SUCCESS;
}

double element(const void* data, cudaDataType_t type, std::int64_t i) {
  switch (type) {
    case CUDA_R_64F: return static_cast<const double*>(data)[i];
    case CUDA_R_32F: return static_cast<const float*>(data)[i];
    case CUDA_R_16F: return half_to_float(static_cast<const std::uint16_t*>(data)[i]);
    default: return bfloat_to_float(static_cast<const std::uint16_t*>(data)[i]);
  }
}
void set_element(void* data, cudaDataType_t type, std::int64_t i, double value) {
  const auto narrow = static_cast<float>(value);
  switch (type) {
    case CUDA_R_64F: static_cast<double*>(data)[i] = value; break;
    case CUDA_R_32F: static_cast<float*>(data)[i] = narrow; break;
    case CUDA_R_16F: static_cast<std::uint16_t*>(data)[i] = float_to_half(narrow); break;
    default: static_cast<std::uint16_t*>(data)[i] = float_to_bfloat(narrow); break;
  }
}

/// One operand: element (row, column) of op(matrix) in a batch.
struct Reader {
  const void* data;
  Layout layout;
  bool transposed;
  std::uint64_t rows() const { return transposed ? layout.columns : layout.rows; }
  std::uint64_t columns() const { return transposed ? layout.rows : layout.columns; }
  double at(std::int64_t batch, std::uint64_t row, std::uint64_t column) const {
    if (transposed) std::swap(row, column);
    const auto offset =
        static_cast<std::int64_t>(row) + static_cast<std::int64_t>(column) * layout.leading;
    return element(data, layout.type, batch * layout.stride + offset);
  }
};

cudaDataType_t last_operands = CUDA_R_64F, last_result = CUDA_R_64F;

cublasStatus_t matmul(cublasLtHandle_t, cublasLtMatmulDesc_t operation, const void* alpha,
                      const void* first, cublasLtMatrixLayout_t first_layout, const void* second,
                      cublasLtMatrixLayout_t second_layout, const void* beta, const void*,
                      cublasLtMatrixLayout_t, void* result, cublasLtMatrixLayout_t result_layout,
                      const cublasLtMatmulAlgo_t*, void* workspace, std::size_t workspace_bytes,
                      cudaStream_t stream) {
  const Operation o = inside<Operation>(operation);
  const Layout d = inside<Layout>(result_layout);
  const Reader a{first, inside<Layout>(first_layout), o.first == CUBLAS_OP_T};
  const Reader b{second, inside<Layout>(second_layout), o.second == CUBLAS_OP_T};
  last_operands = a.layout.type == b.layout.type ? a.layout.type : CUDA_R_64F;
  last_result = d.type;
  const cudaDataType_t scale = o.compute == CUBLAS_COMPUTE_64F ? CUDA_R_64F : CUDA_R_32F;
  EXPECT_EQ(element(alpha, scale, 0), 1);
  EXPECT_EQ(element(beta, scale, 0), 0);
  EXPECT_TRUE(workspace != nullptr && workspace_bytes == 128);
  if (a.columns() != b.rows() || a.rows() != d.rows || b.columns() != d.columns ||
      a.layout.batches != d.batches || b.layout.batches != d.batches ||
      static_cast<std::int64_t>(d.rows) > d.leading) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  reinterpret_cast<HostStream*>(stream)->enqueue([=] {
    for (std::int64_t batch = 0; batch < d.batches; ++batch) {
      for (std::uint64_t column = 0; column < d.columns; ++column) {
        for (std::uint64_t row = 0; row < d.rows; ++row) {
          double sum = 0;
          for (std::uint64_t k = 0; k < a.columns(); ++k) {
            sum += a.at(batch, row, k) * b.at(batch, k, column);
          }
          if ((o.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0) {
            sum += element(o.bias, d.type, static_cast<std::int64_t>(row));
          }
          if ((o.epilogue & CUBLASLT_EPILOGUE_RELU) != 0 && sum < 0) sum = 0;
          const auto offset =
              static_cast<std::int64_t>(row) + static_cast<std::int64_t>(column) * d.leading;
          set_element(result, d.type, batch * d.stride + offset, sum);
        }
      }
    }
  });
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

const CublasLt* cublaslt() {
  static const CublasLt library{nullptr,
                                nullptr,
                                matmul,
                                operation_create,
                                operation_destroy,
                                operation_set,
                                layout_create,
                                layout_destroy,
                                layout_set,
                                preference_create,
                                preference_destroy,
                                preference_set,
                                heuristic};
  return &library;
}

namespace {

class LtBackend final : public DeviceBackend {
 public:
  const char* name() const override { return "cublaslt"; }
  const Device& device() const override { return device_; }
  std::unique_ptr<DeviceKernel> prepare(const Site& site) const override {
    if (std::holds_alternative<ops::Conv>(site.op)) {
      return prepare_conv_cublaslt(site, device_, most_column_bytes, precision);
    }
    if (std::holds_alternative<ops::ConvTranspose>(site.op)) {
      return prepare_conv_transpose_cublaslt(site, device_, most_column_bytes, precision);
    }
    if (std::holds_alternative<ops::Attention>(site.op)) {
      return prepare_attention_cublaslt(site, device_, most_column_bytes, precision);
    }
    if (precision != Precision::f32) return prepare_matmul_narrow(site, device_, precision);
    return prepare_matmul_cublaslt(site);
  }
  std::int64_t most_column_bytes = 1 << 20;
  Precision precision = Precision::f32;

 private:
  test::FakeDevice device_;
};

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

TEST(CublasLt, AttentionAgreesWithReferenceFloat64) {
  const LtBackend backend;
  const AttentionSizes sizes[] = {{2, 3, 3, 5, 7, 32, 64},
                                  {1, 4, 1, 9, 33, 64, 32},
                                  {3, 2, 2, 4, 31, 32, 32, true},
                                  {1, 1, 1, 2, 64, 96, 32},
                                  {2, 4, 1, 3, 5, 32, 32, true}};
  for (const AttentionSizes& s : sizes) {
    for (const int mask : {0, 1, 2}) {
      const test::OpCase row = attention_of(s, mask);
      SCOPED_TRACE(row.name);
      for (const DType dtype : {DType::float32, DType::float16, DType::bfloat16}) {
        EXPECT_TRUE(test::check_row(backend, row, dtype)) << name_of(dtype);
      }
    }
  }
  EXPECT_FALSE(test::check_row(backend, attention_of({1, 2, 2, 3, 3, 12, 32}, 0), DType::float32))
      << "heads that are not aligned";
  EXPECT_FALSE(test::check_row(backend, attention_of({1, 4, 2, 3, 3, 32, 32}, 0), DType::float32))
      << "no one stride of key heads";
  EXPECT_FALSE(test::check_row(backend, attention_of({1, 1, 1, 3, 3, 32, 32}, 0), DType::float64));
}

// No exact rounding to follow: scores and weights are rounded on the way.
TEST(CublasLt, AttentionInSixteenBits) {
  LtBackend backend;
  for (const Precision precision : {Precision::fp16, Precision::bf16}) {
    backend.precision = precision;
    test::OpCase row = attention_of({2, 3, 3, 5, 40, 32, 64}, 1);
    row.operands[1].constant = true;
    const std::vector<Tensor> operands = test::make_operands(row, DType::float32);
    const test::DeviceOp op(backend, row, operands);
    ASSERT_NE(op.kernel(), nullptr);
    EXPECT_STREQ(op.kernel()->name(), "cublaslt attention, 16 bits");
    EXPECT_EQ(op.kernel()->use(0), OperandUse::elements);
    EXPECT_EQ(op.kernel()->use(1), OperandUse::nothing);
    const Tensor found = op.run()[0];
    EXPECT_EQ(last_operands, precision == Precision::fp16 ? CUDA_R_16F : CUDA_R_16BF);
    EXPECT_EQ(last_result, CUDA_R_32F);
    const DType storage = precision == Precision::fp16 ? DType::float16 : DType::bfloat16;
    EXPECT_EQ(test::judge(found, test::expected_results(row, operands)[0],
                          test::limit(test::Accuracy::sum, storage), false),
              "");
  }
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
    EXPECT_EQ(last_operands, type);
    EXPECT_EQ(last_result, CUDA_R_32F) << "sums and results are float32";
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
