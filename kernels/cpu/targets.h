// Which instruction sets the vector kernels can run on here.
#pragma once

#include <string>
#include <vector>

namespace thaw::cpu {

/// Of this machine, best first: "AVX3" (AVX-512), "AVX2", "SSE4", "SCALAR".
std::vector<std::string> vector_targets();

/// For tests: kernels prepared from now on use this target, or the best one again if `name` is
/// empty. Kernels prepared before must not run any more. Not thread-safe.
void force_vector_target(const std::string& name);

}  // namespace thaw::cpu
