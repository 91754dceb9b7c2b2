// A product that cuBLASLt has prepared: for matmul, and for what becomes one.
#pragma once

#include <memory>

#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/library_room.h"
#include "kernels/cuda/product.h"
#include "thaw/options.h"

namespace thaw::cuda {

struct LtOptions {
  UnaryFn activation;
  Precision precision = Precision::f32;
  bool into_float32 = false;  // 16-bit operands, a float32 result
  int rank = 0;               // among the algorithms that the library proposes
};

class LtProduct {
 public:
  /// False if the library has no way to do it, or none of that rank.
  bool prepare(const CublasLt& lt, const Product& product, DType dtype, const LtOptions& options);

  /// What enqueue() needs, aligned as any place in a workspace.
  std::size_t workspace() const { return library_room(workspace_); }
  /// y = activation(a b + bias); bias is null if the product has none. All begin at multiples of
  /// kAlignment (those that pointers point to, where a, b and y are arrays of them).
  void enqueue(const Queue& queue, const void* a, const void* b, const void* bias, void* y,
               std::byte* workspace) const;

 private:
  /// A descriptor that goes when its owner goes.
  template <class T>
  using Descriptor = std::shared_ptr<T>;

  struct Types {
    cudaDataType_t element, result, scale;
    cublasComputeType_t compute;
  };
  static bool types_of(DType dtype, const LtOptions& options, Types& types);
  void describe(const Product& p);
  LtProposals propose() const;
  LtKey key(const Product& p) const;
  Descriptor<cublasLtMatrixLayoutOpaque_t> layout(cudaDataType_t type, std::int64_t rows,
                                                  std::int64_t columns, std::int64_t stride,
                                                  std::int64_t leading) const;

  const CublasLt* lt_ = nullptr;
  DType dtype_ = DType::float32;  // of the result
  Types types_{};
  bool has_bias_ = false;
  cublasLtEpilogue_t epilogue_ = CUBLASLT_EPILOGUE_DEFAULT;
  UnaryFn after_;  // what no epilogue does
  std::int64_t count_ = 0, batches_ = 1;
  bool pointers_ = false;
  Descriptor<cublasLtMatmulDescOpaque_t> operation_;
  Descriptor<cublasLtMatrixLayoutOpaque_t> first_, second_, result_;
  cublasLtMatmulAlgo_t algorithm_{};
  std::size_t workspace_ = 0;
};

}  // namespace thaw::cuda
