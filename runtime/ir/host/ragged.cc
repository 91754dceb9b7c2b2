// Ragged tensors.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {

std::span<const HostFunction> ragged() { return {}; }

}  // namespace thaw::host_types
