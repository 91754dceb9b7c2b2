// Random numbers.
#include "kernels/host/families.h"

namespace thaw::host {

std::span<const HostKernel> random() { return {}; }

}  // namespace thaw::host
