// Matrix decompositions and what needs them.
#include "kernels/host/families.h"

namespace thaw::host {

std::span<const HostKernel> linalg() { return {}; }

}  // namespace thaw::host
