// A product that cuBLASLt has prepared: for matmul, and for what becomes one.
#pragma once

#include <memory>

#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/product.h"

namespace thaw::cuda {

class LtProduct {
 public:
  /// False if the library has no way to do it.
  bool prepare(const CublasLt& lt, const Product& product, DType dtype, const UnaryFn& activation);

  /// What enqueue() needs.
  std::size_t workspace() const { return workspace_; }
  /// y = activation(a b + bias); bias is null if the product has none.
  void enqueue(const Queue& queue, const void* a, const void* b, const void* bias, void* y,
               std::byte* workspace) const;

 private:
  /// A descriptor that goes when its owner goes.
  template <class T>
  using Descriptor = std::shared_ptr<T>;

  struct Types {
    cudaDataType_t element, scale;
    cublasComputeType_t compute;  // float32 is strict: no TF32
  };
  static bool types_of(DType dtype, Types& types);
  void describe(const Product& p);
  Descriptor<cublasLtMatrixLayoutOpaque_t> layout(std::int64_t rows, std::int64_t columns,
                                                  std::int64_t stride) const;

  const CublasLt* lt_ = nullptr;
  DType dtype_ = DType::float32;
  Types types_{};
  bool has_bias_ = false;
  UnaryFn after_;  // what no epilogue does
  std::int64_t count_ = 0, batches_ = 1;
  Descriptor<cublasLtMatmulDescOpaque_t> operation_;
  Descriptor<cublasLtMatrixLayoutOpaque_t> first_, second_, result_;
  cublasLtMatmulAlgo_t algorithm_{};
  std::size_t workspace_ = 0;
};

}  // namespace thaw::cuda
