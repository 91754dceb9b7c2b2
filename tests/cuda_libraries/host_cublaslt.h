// cuBLASLt as a library that does on the host what its documentation says: column-major operands,
// transposes, strided batches, epilogues.
#pragma once

#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/libraries.h"
#include "tests/support/fake_device.h"

namespace thaw::cuda {

/// Of one product. CUDA_R_64F for operands of two types.
struct ProductTypes {
  cudaDataType_t operands = CUDA_R_64F, result = CUDA_R_64F;
};
ProductTypes last_product();

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

}  // namespace thaw::cuda
