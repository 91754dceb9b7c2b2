#include "thaw/device.h"

#include "kernels/cuda_plugin.h"

namespace thaw {

CudaReport cuda_report() { return cuda_status(); }

DeviceKind best_device() { return cuda_backend() == nullptr ? DeviceKind::cpu : DeviceKind::cuda; }

}  // namespace thaw
