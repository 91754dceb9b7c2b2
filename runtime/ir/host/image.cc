// Images: boxes, colours, decoders.
#include "runtime/ir/host/families.h"

namespace thaw::host_types {

std::span<const HostFunction> image() { return {}; }

}  // namespace thaw::host_types
