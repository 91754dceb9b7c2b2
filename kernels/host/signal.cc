// Fourier transforms.
#include "kernels/host/families.h"

namespace thaw::host {

std::span<const HostKernel> signal() { return {}; }

}  // namespace thaw::host
