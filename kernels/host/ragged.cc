// Ragged tensors.
#include "kernels/host/families.h"

namespace thaw::host {

std::span<const HostKernel> ragged() { return {}; }

}  // namespace thaw::host
