// kernels/cuda/counter_device.cuh for threads that are the host's.
#pragma once

#include "tests/fakes/simt/simt.h"

namespace thaw::cuda {

inline void add_release(std::uint32_t* counter) {
  ++*counter;
  simt::note_progress();
}

/// Whoever asks waits for others, who must have their turn first.
inline std::uint32_t load_acquire(const std::uint32_t* counter) {
  simt::wait_at(simt::Wait::memory);
  return *counter;
}

}  // namespace thaw::cuda
