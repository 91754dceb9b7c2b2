// Tables of keys and values.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {

std::span<const HostFunction> lookup() { return {}; }

}  // namespace thaw::host_types
