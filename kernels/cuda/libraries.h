// Kernels of NVIDIA's libraries, which stand before this room's own in the order of preference.
#pragma once

#include "kernels/cuda/dispatch.h"

namespace thaw::cuda {

/// Null if cuBLASLt is not there or has no way to do it.
KernelPtr prepare_matmul_cublaslt(const Site& site);
/// `most_column_bytes` of the workspace hold what windows see.
KernelPtr prepare_conv_cublaslt(const Site& site, std::int64_t most_column_bytes);

}  // namespace thaw::cuda
