// cuBLASLt as a library that does on the host what its documentation says: column-major operands,
// transposes, batches with strides and by pointers, epilogues; and that refuses what the
// documentation forbids: a workspace that does not begin at a multiple of 256 bytes or is too
// small, operands less aligned than was promised when an algorithm was asked for, an algorithm for
// another product.
#pragma once

#include <set>
#include <vector>

#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/libraries.h"
#include "tests/support/fake_device.h"

namespace thaw::cuda {

/// Of one product. CUDA_R_64F for operands of two types.
struct ProductTypes {
  cudaDataType_t operands = CUDA_R_64F, result = CUDA_R_64F;
};
ProductTypes last_product();

/// Bytes that the algorithms ask for which are proposed if reductions in place or in the output's
/// type are not allowed. (A fourth does not run on this device.)
constexpr std::size_t kLtWorkspaces[] = {128, 1024, 0};

/// What the library does, and what it was asked.
struct LtLibrary {
  int most = 100;                 // that it proposes
  std::set<std::size_t> failing;  // algorithms that a launch refuses, by their workspace
  double* clock = nullptr;        // of the device
  std::vector<double> seconds;    // that a product takes by each of kLtWorkspaces
  int questions = 0, products = 0, by_pointers = 0;
};
LtLibrary& lt_library();
/// That nobody has asked anything.
LtLibrary& fresh_lt_library();

class LtBackend final : public DeviceBackend {
 public:
  const char* name() const override { return "cublaslt"; }
  const Device& device() const override { return device_; }
  std::unique_ptr<DeviceKernel> prepare(const Site& site) const override {
    if (std::holds_alternative<ops::Conv>(site.op)) {
      return prepare_conv_cublaslt(site, device_, most_column_bytes, precision, rank);
    }
    if (std::holds_alternative<ops::ConvTranspose>(site.op)) {
      return prepare_conv_transpose_cublaslt(site, device_, most_column_bytes, precision, rank);
    }
    if (std::holds_alternative<ops::Attention>(site.op)) {
      return prepare_attention_cublaslt(site, device_, most_column_bytes, precision, batches);
    }
    if (precision != Precision::f32) return prepare_matmul_narrow(site, device_, precision, rank);
    return prepare_matmul_cublaslt(site, Precision::f32, rank);
  }
  std::int64_t most_column_bytes = 1 << 20;
  Precision precision = Precision::f32;
  LtBatches batches = LtBatches::each;
  int rank = 0;

 private:
  test::FakeDevice device_;
};

}  // namespace thaw::cuda
