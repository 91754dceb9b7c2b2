// Serialized examples and records.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {

std::span<const HostFunction> example() { return {}; }

}  // namespace thaw::host_types
