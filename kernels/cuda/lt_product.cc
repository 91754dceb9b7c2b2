// cuBLASLt thinks in columns: row-major y = a b is column-major y' = b' a', so that b is its first
// operand and the bias runs along its rows.
#include "kernels/cuda/lt_product.h"

#include <array>

#include "kernels/cuda/cuda_stream.h"
#include "runtime/base/check.h"
#include "runtime/base/memory.h"

namespace thaw::cuda {
namespace {

constexpr std::size_t kMostWorkspace = std::size_t{32} << 20;
// Where parts of a sum are computed side by side, they are kept as float32 (float64) and summed in
// a step of their own: the order is fixed. In place they are added to the result as they come, in
// turn, but nothing promises in which; and there, as with parts of the output's type, each would be
// rounded to 16 bits. Algorithms that need no such thing are proposed whatever the mask.
constexpr std::uint32_t kReductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;

void require(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail(ErrorCode::device, "cuBLASLt failed at {}: status {}", what, static_cast<int>(status));
}

}  // namespace

bool LtProduct::types_of(DType dtype, const LtOptions& options, Types& types) {
  const auto narrow = [&](cudaDataType_t element) -> Types {
    return {element, options.into_float32 ? CUDA_R_32F : element, CUDA_R_32F, CUBLAS_COMPUTE_32F};
  };
  switch (dtype) {
    case DType::float64:
      types = {CUDA_R_64F, CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F};
      return !options.into_float32;
    case DType::float16: types = narrow(CUDA_R_16F); return true;
    case DType::bfloat16: types = narrow(CUDA_R_16BF); return true;
    case DType::float32: types = narrow(CUDA_R_32F); break;
    default: return false;
  }
  switch (options.precision) {
    case Precision::tf32: types.compute = CUBLAS_COMPUTE_32F_FAST_TF32; break;
    case Precision::fp16: types.compute = CUBLAS_COMPUTE_32F_FAST_16F; break;
    case Precision::bf16: types.compute = CUBLAS_COMPUTE_32F_FAST_16BF; break;
    default: break;  // strict: no TF32
  }
  return true;
}

std::shared_ptr<cublasLtMatrixLayoutOpaque_t> LtProduct::layout(cudaDataType_t type,
                                                                std::int64_t rows,
                                                                std::int64_t columns,
                                                                std::int64_t stride,
                                                                std::int64_t leading) const {
  cublasLtMatrixLayout_t made = nullptr;
  require(lt_->layout_create(&made, type, static_cast<std::uint64_t>(rows),
                             static_cast<std::uint64_t>(columns), leading > 0 ? leading : rows),
          "a layout");
  std::shared_ptr<cublasLtMatrixLayoutOpaque_t> owned(
      made, [lt = lt_](cublasLtMatrixLayout_t gone) { lt->layout_destroy(gone); });
  if (batches_ == 1 && !pointers_) return owned;
  const auto batches = static_cast<std::int32_t>(batches_);
  require(lt_->layout_set(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batches, sizeof batches),
          "a batch");
  if (pointers_) {
    const std::uint32_t mode = CUBLASLT_BATCH_MODE_POINTER_ARRAY;
    require(lt_->layout_set(made, CUBLASLT_MATRIX_LAYOUT_BATCH_MODE, &mode, sizeof mode),
            "pointers");
  } else {
    require(
        lt_->layout_set(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride),
        "a batch");
  }
  return owned;
}

void LtProduct::describe(const Product& p) {
  cublasLtMatmulDesc_t made = nullptr;
  require(lt_->operation_create(&made, types_.compute, types_.scale), "an operation");
  operation_.reset(made, [lt = lt_](cublasLtMatmulDesc_t gone) { lt->operation_destroy(gone); });
  const cublasOperation_t first = p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t second = p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
  require(lt_->operation_set(made, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first), "transpose");
  require(lt_->operation_set(made, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second),
          "transpose");
  const bool relu = after_.kind == UnaryKind::relu;
  epilogue_ = has_bias_ ? relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS
              : relu    ? CUBLASLT_EPILOGUE_RELU
                        : CUBLASLT_EPILOGUE_DEFAULT;
  if (relu) after_ = {};
  if (has_bias_) {
    // Stands for the bias until a launch: the choice of an algorithm looks at its alignment.
    const void* bias = reinterpret_cast<const void*>(kAlignment);
    require(lt_->operation_set(made, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias),
            "a bias");
  }
  require(lt_->operation_set(made, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue_, sizeof epilogue_),
          "an epilogue");
  const cudaDataType_t type = types_.element;
  first_ = p.transpose_b ? layout(type, p.k, p.n, p.b_stride, p.b_row)
                         : layout(type, p.n, p.k, p.b_stride, p.b_row);
  second_ = p.transpose_a ? layout(type, p.m, p.k, p.a_stride, p.a_row)
                          : layout(type, p.k, p.m, p.a_stride, p.a_row);
  result_ = layout(types_.result, p.n, p.m, p.y_stride > 0 ? p.y_stride : p.n * p.m, p.y_row);
}

bool LtProduct::prepare(const CublasLt& lt, const Product& p, DType dtype,
                        const LtOptions& options) {
  if (!types_of(dtype, options, types_) || p.batches > INT32_MAX) return false;
  if (p.pointers && (p.has_bias || options.activation.kind != UnaryKind::linear)) return false;
  lt_ = &lt;
  dtype_ = options.into_float32 ? DType::float32 : dtype;
  has_bias_ = p.has_bias;
  after_ = options.activation;
  batches_ = p.batches;
  pointers_ = p.pointers;
  count_ = p.batches * p.m * p.n;
  describe(p);
  std::optional<LtProposals> proposals = lt.choices->find(key(p));
  if (!proposals) {
    proposals = propose();
    if (!proposals->empty()) lt.choices->keep(key(p), *proposals);
  }
  const auto rank = static_cast<std::size_t>(options.rank);
  if (rank >= proposals->size()) return false;
  algorithm_ = (*proposals)[rank].algorithm;
  workspace_ = (*proposals)[rank].workspace;
  return true;
}

LtKey LtProduct::key(const Product& p) const {
  return {p.m,
          p.n,
          p.k,
          p.batches,
          p.a_stride,
          p.b_stride,
          {p.a_row, p.b_row, p.y_row, p.y_stride},
          p.transpose_a,
          p.transpose_b,
          p.pointers,
          static_cast<int>(types_.element),
          static_cast<int>(types_.result),
          static_cast<int>(types_.compute),
          static_cast<int>(epilogue_)};
}

LtProposals LtProduct::propose() const {
  const CublasLt& lt = *lt_;
  cublasLtMatmulPreference_t preference = nullptr;
  require(lt.preference_create(&preference), "a preference");
  const std::shared_ptr<cublasLtMatmulPreferenceOpaque_t> owned(
      preference, [&lt](cublasLtMatmulPreference_t gone) { lt.preference_destroy(gone); });
  const auto alignment = static_cast<std::uint32_t>(kAlignment);  // what the arena promises
  for (const auto attribute :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    require(lt.preference_set(preference, attribute, &alignment, sizeof alignment), "alignment");
  }
  require(lt.preference_set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &kMostWorkspace,
                            sizeof kMostWorkspace),
          "a workspace");
  require(lt.preference_set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &kReductions,
                            sizeof kReductions),
          "reductions");
  std::array<cublasLtMatmulHeuristicResult_t, kProductAlgorithms> found{};
  int count = 0;
  const cublasStatus_t status =
      lt.heuristic(lt.handle, operation_.get(), first_.get(), second_.get(), result_.get(),
                   result_.get(), preference, kProductAlgorithms, found.data(), &count);
  LtProposals proposals;
  if (status != CUBLAS_STATUS_SUCCESS) return proposals;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    if (found[i].state != CUBLAS_STATUS_SUCCESS) continue;
    proposals.push_back({found[i].algo, found[i].workspaceSize});
  }
  return proposals;
}

void LtProduct::enqueue(const Queue& queue, const void* a, const void* b, const void* bias, void* y,
                        std::byte* workspace) const {
  // The operation holds the bias's address: each launch has a copy of its own.
  cublasLtMatmulDescOpaque_t operation = *operation_;
  if (has_bias_) {
    require(lt_->operation_set(&operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias),
            "a bias");
  }
  const double one64 = 1, zero64 = 0;
  const float one32 = 1, zero32 = 0;
  const bool wide = dtype_ == DType::float64;
  const void* alpha = wide ? static_cast<const void*>(&one64) : &one32;
  const void* beta = wide ? static_cast<const void*>(&zero64) : &zero32;
  require(lt_->matmul(lt_->handle, &operation, alpha, b, first_.get(), a, second_.get(), beta, y,
                      result_.get(), y, result_.get(), &algorithm_,
                      library_workspace(workspace, workspace_), workspace_, native(queue.stream)),
          "a product");
  if (after_.kind != UnaryKind::linear) apply_in_place(queue, after_, dtype_, y, count_);
}

}  // namespace thaw::cuda
