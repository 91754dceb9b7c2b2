// The door to the CUDA plugin: opened when a session first asks for the GPU.
#pragma once

#include "kernels/device.h"
#include "thaw/device.h"

namespace thaw {

/// The backend of the first GPU, or null with the reason in cuda_status().why. The search runs once
/// per process. Any thread may call it.
const DeviceBackend* cuda_backend();

/// What was found on the way.
const CudaReport& cuda_status();

}  // namespace thaw
