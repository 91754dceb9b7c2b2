// A counter in the device's memory by which blocks tell each other what they have written. Only the
// assembly is here: the tests run all other device code on the host, with a header of this name
// that says the same in C++ (tests/fakes/simt).
#pragma once

#include <cstdint>

namespace thaw::cuda {

/// Adds 1, behind everything that the thread knows to be written: for all threads of the device.
__device__ __forceinline__ void add_release(std::uint32_t* counter) {
  asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(counter) : "memory");
}

/// Whoever sees a count sees what was written before it.
__device__ __forceinline__ std::uint32_t load_acquire(const std::uint32_t* counter) {
  std::uint32_t seen = 0;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(counter) : "memory");
  return seen;
}

}  // namespace thaw::cuda
