// Segments, unique elements and sets.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {

std::span<const HostFunction> segment() { return {}; }

}  // namespace thaw::host_types
