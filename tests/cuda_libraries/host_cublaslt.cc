#include "tests/cuda_libraries/host_cublaslt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <memory>
#include <new>
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
  std::uint32_t mode;  // cublasLtBatchMode_t
  bool by_pointers() const { return mode == CUBLASLT_BATCH_MODE_POINTER_ARRAY; }
};
struct Preference {
  std::array<std::uint32_t, 4> alignments;  // of a, b, c, d
  std::uint32_t reductions;
  std::uint64_t workspace;
};
/// What a heuristic proposes.
struct Algorithm {
  std::size_t number;                       // in kAlgorithms
  std::uint64_t product;                    // that it was proposed for
  std::array<std::uint32_t, 4> alignments;  // that it counts on, of a, b, c, d
  std::uint32_t bias_alignment;
};
struct Known {
  std::uint32_t reduction;
  std::size_t workspace;
  cublasStatus_t state;
};
// In the order in which the library proposes them.
constexpr Known kAlgorithms[] = {
    {CUBLASLT_REDUCTION_SCHEME_INPLACE, 64, CUBLAS_STATUS_SUCCESS},
    {CUBLASLT_REDUCTION_SCHEME_NONE, kLtWorkspaces[0], CUBLAS_STATUS_SUCCESS},
    {CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE, 4096, CUBLAS_STATUS_SUCCESS},
    {CUBLASLT_REDUCTION_SCHEME_NONE, 256, CUBLAS_STATUS_NOT_SUPPORTED},
    {CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, kLtWorkspaces[1], CUBLAS_STATUS_SUCCESS},
    {CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, std::size_t{1} << 40, CUBLAS_STATUS_SUCCESS},
    {CUBLASLT_REDUCTION_SCHEME_NONE, kLtWorkspaces[2], CUBLAS_STATUS_SUCCESS},
    {CUBLASLT_REDUCTION_SCHEME_NONE, 512, CUBLAS_STATUS_SUCCESS}};  // one too many
static_assert(sizeof(Preference) <= sizeof(cublasLtMatmulPreferenceOpaque_t));
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t));
static_assert(sizeof(Operation) <= sizeof(cublasLtMatmulDescOpaque_t));
static_assert(sizeof(Layout) <= sizeof(cublasLtMatrixLayoutOpaque_t));

template <class T, class Opaque>
T& inside(Opaque* opaque) {
  return *std::launder(reinterpret_cast<T*>(opaque->data));
}
template <class T, class Opaque>
const T& inside(const Opaque* opaque) {
  return *std::launder(reinterpret_cast<const T*>(opaque->data));
}
template <class T, class Opaque>
void begin(Opaque* opaque, const T& value) {
  new (opaque->data) T(value);
}

template <class T>
void mix(std::uint64_t& hash, const T& value) {
  hash = (hash ^ static_cast<std::uint64_t>(value)) * 0x100000001b3;
}
std::uint64_t product_hash(const Operation& o, const Layout& a, const Layout& b, const Layout& d) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const auto value :
       {static_cast<std::uint32_t>(o.compute), static_cast<std::uint32_t>(o.first),
        static_cast<std::uint32_t>(o.second), o.epilogue}) {
    mix(hash, value);
  }
  for (const Layout* l : {&a, &b, &d}) {
    mix(hash, l->type);
    mix(hash, l->batches);
    mix(hash, l->rows);
    mix(hash, l->columns);
    mix(hash, l->leading);
    mix(hash, l->stride);
    mix(hash, l->mode);
  }
  return hash;
}

bool is_aligned(const void* address, std::uint32_t to) {
  return reinterpret_cast<std::uintptr_t>(address) % to == 0;
}

template <class T>
void put(T& field, const void* value, std::size_t bytes) {
  ASSERT_EQ(bytes, sizeof(T));
  std::memcpy(&field, value, bytes);
}

cublasStatus_t operation_create(cublasLtMatmulDesc_t* made, cublasComputeType_t compute,
                                cudaDataType_t) {
  *made = new cublasLtMatmulDescOpaque_t{};
  begin<Operation>(*made, {compute, CUBLAS_OP_N, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, nullptr});
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
  begin<Layout>(*made, {type, 1, rows, columns, leading, 0, CUBLASLT_BATCH_MODE_STRIDED});
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
  } else if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_MODE) {
    put(to.mode, value, bytes);
  } else {
    EXPECT_EQ(attribute, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET);
    put(to.stride, value, bytes);
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t preference_create(cublasLtMatmulPreference_t* made) {
  *made = new cublasLtMatmulPreferenceOpaque_t{};
  begin<Preference>(*made, {{256, 256, 256, 256}, CUBLASLT_REDUCTION_SCHEME_MASK, 0});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t preference_destroy(cublasLtMatmulPreference_t gone) {
  delete gone;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t preference_set(cublasLtMatmulPreference_t preference,
                              cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                              std::size_t bytes) {
  Preference& to = inside<Preference>(preference);
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: put(to.workspace, value, bytes); break;
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: put(to.reductions, value, bytes); break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: put(to.alignments[0], value, bytes); break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: put(to.alignments[1], value, bytes); break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: put(to.alignments[2], value, bytes); break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: put(to.alignments[3], value, bytes); break;
    default: ADD_FAILURE() << "attribute " << attribute; return CUBLAS_STATUS_INVALID_VALUE;
  }
  return CUBLAS_STATUS_SUCCESS;
}

LtLibrary library;

cublasStatus_t heuristic(cublasLtHandle_t, cublasLtMatmulDesc_t operation, cublasLtMatrixLayout_t a,
                         cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                         cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference,
                         int requested, cublasLtMatmulHeuristicResult_t results[], int* count) {
  ++library.questions;
  const Operation& seen = inside<Operation>(operation);
  const Preference& asked = inside<Preference>(preference);
  const bool biased = (seen.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0;
  EXPECT_EQ(seen.bias != nullptr, biased) << "the bias's alignment decides with";
  EXPECT_EQ(std::memcmp(c, d, sizeof *c), 0);
  const auto address = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(seen.bias));
  const std::uint64_t product =
      product_hash(seen, inside<Layout>(a), inside<Layout>(b), inside<Layout>(d));
  *count = 0;
  for (std::size_t i = 0; i < std::size(kAlgorithms); ++i) {
    const Known& known = kAlgorithms[i];
    if (*count == std::min(requested, library.most)) break;
    if ((known.reduction & ~asked.reductions) != 0 || known.workspace > asked.workspace) continue;
    cublasLtMatmulHeuristicResult_t& result = results[(*count)++];
    begin<Algorithm>(&result.algo, {i, product, asked.alignments, address & -address});
    result.workspaceSize = known.workspace;
    result.state = known.state;
  }
  return *count > 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
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
  const void* data;  // pointers, if its batches are given by them
  Layout layout;
  bool transposed;
  std::uint64_t rows() const { return transposed ? layout.columns : layout.rows; }
  std::uint64_t columns() const { return transposed ? layout.rows : layout.columns; }
  double at(std::int64_t batch, std::uint64_t row, std::uint64_t column) const {
    if (transposed) std::swap(row, column);
    const auto offset =
        static_cast<std::int64_t>(row) + static_cast<std::int64_t>(column) * layout.leading;
    return element(matrix(data, layout, batch), layout.type, offset);
  }
  static const void* matrix(const void* all, const Layout& of, std::int64_t batch) {
    if (of.by_pointers()) return static_cast<const void* const*>(all)[batch];
    const std::int64_t bytes = of.type == CUDA_R_64F ? 8 : of.type == CUDA_R_32F ? 4 : 2;
    return static_cast<const std::byte*>(all) + batch * of.stride * bytes;
  }
};

ProductTypes last;

/// Whether the documentation allows it.
bool is_sound(const Operation& o, const Reader& a, const Reader& b, const Layout& d,
              const void* result, const Algorithm& algorithm) {
  const auto begins = [&](const void* address, const Layout& layout, std::size_t operand) {
    const bool list = layout.by_pointers();
    return is_aligned(address, list ? alignof(void*) : algorithm.alignments[operand]);
  };
  if (a.columns() != b.rows() || a.rows() != d.rows || b.columns() != d.columns) return false;
  if (a.layout.batches != d.batches || b.layout.batches != d.batches) return false;
  if (a.layout.mode != d.mode || b.layout.mode != d.mode) return false;
  if (static_cast<std::int64_t>(d.rows) > d.leading) return false;
  if (product_hash(o, a.layout, b.layout, d) != algorithm.product) return false;
  if (!begins(a.data, a.layout, 0) || !begins(b.data, b.layout, 1)) return false;
  if (!begins(result, d, 2) || !begins(result, d, 3)) return false;
  if (d.by_pointers() && o.epilogue != CUBLASLT_EPILOGUE_DEFAULT) return false;
  const bool biased = (o.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0;
  return !biased || (o.bias != nullptr && is_aligned(o.bias, algorithm.bias_alignment));
}

void multiply(const Operation& o, const Reader& a, const Reader& b, const Layout& d, void* result,
              const Algorithm& algorithm) {
  for (std::int64_t batch = 0; batch < d.batches; ++batch) {
    void* to = const_cast<void*>(Reader::matrix(result, d, batch));
    if (d.by_pointers()) {
      EXPECT_TRUE(is_aligned(Reader::matrix(a.data, a.layout, batch), algorithm.alignments[0]));
      EXPECT_TRUE(is_aligned(Reader::matrix(b.data, b.layout, batch), algorithm.alignments[1]));
      EXPECT_TRUE(is_aligned(to, algorithm.alignments[3]));
    }
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
        set_element(to, d.type, offset, sum);
      }
    }
  }
}

cublasStatus_t matmul(cublasLtHandle_t, cublasLtMatmulDesc_t operation, const void* alpha,
                      const void* first, cublasLtMatrixLayout_t first_layout, const void* second,
                      cublasLtMatrixLayout_t second_layout, const void* beta, const void* added,
                      cublasLtMatrixLayout_t, void* result, cublasLtMatrixLayout_t result_layout,
                      const cublasLtMatmulAlgo_t* algo, void* workspace,
                      std::size_t workspace_bytes, cudaStream_t stream) {
  const Operation o = inside<Operation>(operation);
  const Layout d = inside<Layout>(result_layout);
  const Reader a{first, inside<Layout>(first_layout), o.first == CUBLAS_OP_T};
  const Reader b{second, inside<Layout>(second_layout), o.second == CUBLAS_OP_T};
  const Algorithm algorithm = inside<Algorithm>(algo);
  const Known& known = kAlgorithms[algorithm.number];
  last.operands = a.layout.type == b.layout.type ? a.layout.type : CUDA_R_64F;
  last.result = d.type;
  const cudaDataType_t scale = o.compute == CUBLAS_COMPUTE_64F ? CUDA_R_64F : CUDA_R_32F;
  EXPECT_EQ(element(alpha, scale, 0), 1);
  EXPECT_EQ(element(beta, scale, 0), 0);
  EXPECT_EQ(added, result);
  const bool roomy = workspace_bytes >= known.workspace && is_aligned(workspace, 256) &&
                     (known.workspace == 0 || workspace != nullptr);
  if (!roomy || !is_sound(o, a, b, d, result, algorithm)) return CUBLAS_STATUS_INVALID_VALUE;
  if (library.failing.count(known.workspace) > 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  ++library.products;
  library.by_pointers += d.by_pointers() ? 1 : 0;
  double seconds = 0;
  for (std::size_t i = 0; i < library.seconds.size(); ++i) {
    if (kLtWorkspaces[i] == known.workspace) seconds = library.seconds[i];
  }
  reinterpret_cast<HostStream*>(stream)->enqueue([=, clock = library.clock] {
    if (clock != nullptr) *clock += seconds;
    multiply(o, a, b, d, result, algorithm);
  });
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

ProductTypes last_product() { return last; }

LtLibrary& lt_library() { return library; }

namespace {

CublasLt functions{nullptr,
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

}  // namespace

LtLibrary& fresh_lt_library() {
  functions.choices = std::make_shared<LtChoices>();
  return library = {};
}

const CublasLt* cublaslt() { return &functions; }

}  // namespace thaw::cuda
