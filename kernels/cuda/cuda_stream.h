// What kernels and libraries need of this room's streams.
#pragma once

#include <cuda_runtime.h>

#include "kernels/device.h"

namespace thaw::cuda {

/// The CUDA stream behind a stream of this backend.
cudaStream_t native(Stream& stream);
/// Throws Error(device) if the launch before it was refused.
void check_launch();
/// Throws Error(device) saying what failed, unless `code` is success.
void check(cudaError_t code, const char* what);

}  // namespace thaw::cuda
