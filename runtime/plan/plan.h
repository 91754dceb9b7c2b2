// A graph compiled for known shapes on one backend: what a session replays.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/device.h"
#include "runtime/ir/graph.h"
#include "runtime/plan/memory_plan.h"

namespace thaw {

/// Where the inputs and outputs of a plan, which are the caller's memory, lie.
enum class Door : std::uint8_t { host, device };

/// Where memory is. Inputs are read and outputs written in place, in the caller's tensors.
enum class Home : std::uint8_t {
  none,
  arena,
  constant,
  input,
  output,
  variable,
  device_arena,
  device_constant
};
struct Place {
  Home home = Home::none;
  std::size_t offset = 0;               // in bytes, in the arena, the input or the output
  int index = 0;                        // of the graph input, the graph output, the variable
  const Tensor* constant = nullptr;     // in Plan::graph
  const void* uploaded = nullptr;       // the constant in device memory, kept by Plan::uploaded
  std::int64_t columns = 0, pitch = 0;  // gaps between rows (View)
};

/// An operand or a result of a step.
struct Slot {
  Place place;
  const TensorType* type = nullptr;  // in Plan::graph
};

/// One kernel launch.
struct Step {
  std::unique_ptr<Kernel> kernel;           // never null
  const DeviceKernel* on_device = nullptr;  // `kernel`, if it is enqueued instead of run
  NodeId node = kNoNode;  // in Plan::graph; kNoNode: copies an output that lies elsewhere
  std::vector<Slot> in, out;
  std::size_t workspace_offset = 0;  // in its side's arena
};

/// Immutable; shared by all sessions with these shapes.
struct Plan {
  Graph graph;                // specialised and folded: every type static
  std::vector<Place> places;  // per value; a view has its operand's place
  std::vector<Step> steps;    // in the order of their nodes
  // Concats and Splits without a step: parts are written and read where they lie in the whole.
  std::vector<NodeId> in_place;
  std::vector<Interval> intervals;
  MemoryPlan memory;
  // Of a plan that uses a device; else empty.
  const DeviceBackend* device = nullptr;
  std::vector<bool> copies;  // per node: it was inserted to bring its operand elsewhere
  std::vector<Interval> device_intervals;
  MemoryPlan device_memory;
  std::vector<std::shared_ptr<const void>> uploaded;  // constants in device memory
  /// Steps with their kernels, types and places, and the map of the memory.
  std::string to_text() const;
};

/// Compiles a specialised graph. Constants and inputs are used where they lie, outputs are written
/// straight into the caller's memory, views share their operand's, elementwise ops reuse an operand
/// that dies, parts of a Concat are written where they belong in it. Returns null, with the reason
/// in `why` and `graph` untouched, when something in it can only be interpreted (control flow,
/// lists, strings, data-dependent shapes) or has no kernel. With a device, the nodes it has kernels
/// for run there and all others on `backend`; constants are uploaded once per `packs`. `door` is
/// the host without a device. Throws Error(device) when the device fails.
std::shared_ptr<const Plan> compile(Graph&& graph, const Backend& backend, PackCache* packs,
                                    int threads, std::string& why,
                                    const DeviceBackend* device = nullptr, Door door = Door::host);

}  // namespace thaw
