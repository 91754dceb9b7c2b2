// Strings: regular expressions, splitting, joining, numbers, hashes, Unicode.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {

std::span<const HostFunction> strings() { return {}; }

}  // namespace thaw::host_types
