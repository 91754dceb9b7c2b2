#include "tests/cuda_libraries/host_cublaslt.h"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

#include "kernels/cuda/cuda_stream.h"
#include "kernels/cuda/host_stream.h"
#include "runtime/base/half.h"

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

ProductTypes last;

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
  last.operands = a.layout.type == b.layout.type ? a.layout.type : CUDA_R_64F;
  last.result = d.type;
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

ProductTypes last_product() { return last; }

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

}  // namespace thaw::cuda
