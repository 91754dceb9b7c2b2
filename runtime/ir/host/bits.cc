// Bit patterns, parts of complex numbers, quantisation.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {

std::span<const HostFunction> bits() { return {}; }

}  // namespace thaw::host_types
