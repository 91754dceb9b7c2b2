// Sparse tensors.
#include "kernels/host/families.h"

namespace thaw::host {

std::span<const HostKernel> sparse() { return {}; }

}  // namespace thaw::host
