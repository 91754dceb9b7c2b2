// Matrix decompositions and what needs them.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {

std::span<const HostFunction> linalg() { return {}; }

}  // namespace thaw::host_types
