// Images: boxes, colours, decoders.
#include "kernels/host/families.h"

namespace thaw::host {

std::span<const HostKernel> image() { return {}; }

}  // namespace thaw::host
