// Sparse tensors.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {

std::span<const HostFunction> sparse() { return {}; }

}  // namespace thaw::host_types
