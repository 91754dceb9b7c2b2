// Which nodes of a graph run on a device, and the copies between it and the host.
#pragma once

#include <memory>
#include <vector>

#include "kernels/backend.h"
#include "kernels/device.h"
#include "runtime/plan/plan.h"

namespace thaw {

/// A value lies in one memory only; copies are nodes (identities) of the graph.
struct Placement {
  std::vector<bool> on_device;                         // per value
  std::vector<bool> copies;                            // per node: copies its operand
  std::vector<std::unique_ptr<DeviceKernel>> kernels;  // per node; null: not a launch there
  /// Per value: it is copied to or from the device while the plan runs, and therefore needs memory
  /// of the plan's own, whose address is the same in every run.
  std::vector<bool> crosses;
};

/// Places every node that `device` has a kernel for on the device, all others on the host, and
/// inserts the copies. Types are static. What is the caller's memory (inputs, variables) is first
/// copied to memory of the plan: inputs before anything runs, with their views, where only the
/// device reads these, views of the copy. Constants are copied where they are used, at compilation.
/// Two recurrent nodes that the device runs in one launch become one node, with the second's
/// operands and results behind those of the first. With `door` inputs and outputs are memory that
/// the device reaches, and are copied there instead: outputs then cross, too.
Placement place_on_device(Graph& graph, const DeviceBackend& device, PackCache* packs, int threads,
                          Door door);

}  // namespace thaw
