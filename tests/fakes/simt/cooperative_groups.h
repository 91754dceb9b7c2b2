// In place of NVIDIA's header (cuda_runtime.h says how).
#pragma once

#include "tests/fakes/simt/simt.h"

namespace cooperative_groups {

struct cluster_group {
  void sync() const { simt::wait_at(simt::Wait::cluster); }
  template <class T>
  T* map_shared_rank(T* address, unsigned rank) const {
    return reinterpret_cast<T*>(simt::shared_of_rank(reinterpret_cast<std::byte*>(address), rank));
  }
};

inline cluster_group this_cluster() { return {}; }

}  // namespace cooperative_groups
