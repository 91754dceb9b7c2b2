// Fourier transforms.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {

std::span<const HostFunction> signal() { return {}; }

}  // namespace thaw::host_types
