// A stream whose work is functions that the host runs: on it the device code of this room runs
// without a device, compiled by the host's compiler.
#pragma once

#include <functional>

#include "kernels/device.h"

namespace thaw::cuda {

class HostStream : public Stream {
 public:
  /// Runs `work` in its turn.
  virtual void enqueue(std::function<void()> work) = 0;
};

}  // namespace thaw::cuda
