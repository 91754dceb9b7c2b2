// Special functions.
#include "kernels/host/families.h"

namespace thaw::host {

std::span<const HostKernel> special() { return {}; }

}  // namespace thaw::host
