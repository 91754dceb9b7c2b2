// Special functions.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {

std::span<const HostFunction> special() { return {}; }

}  // namespace thaw::host_types
