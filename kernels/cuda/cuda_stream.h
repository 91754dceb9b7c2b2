// What kernels and libraries need of this room's streams.
#pragma once

#include <cuda_runtime.h>

#include <mutex>

#include "kernels/device.h"

namespace thaw::cuda {

/// The CUDA stream behind a stream of this backend.
cudaStream_t native(Stream& stream);
/// Held while work goes to a library that has streams of its own: they would become part of what
/// another stream records at that moment. The recording stream itself holds it already.
std::unique_lock<std::mutex> outside_recordings(Stream& stream);
/// Throws Error(device) if the launch before it was refused.
void check_launch();
/// Throws Error(device) saying what failed, unless `code` is success.
void check(cudaError_t code, const char* what);

}  // namespace thaw::cuda
