// Random numbers.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {

std::span<const HostFunction> random() { return {}; }

}  // namespace thaw::host_types
