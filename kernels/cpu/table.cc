#include "kernels/cpu/table.h"

namespace thaw::cpu {

std::span<const Row> table() { return {}; }

}  // namespace thaw::cpu
