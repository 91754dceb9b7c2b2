// A graph compiled for known shapes on one backend: what a session replays.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "runtime/ir/graph.h"
#include "runtime/plan/memory_plan.h"

namespace thaw {

/// Where a value's memory is.
enum class Home : std::uint8_t { arena, constant, input, output };
struct Place {
  Home home = Home::arena;
  std::size_t offset = 0;       // in the arena
  int index = 0;                // of the graph input or output
  const Tensor* constant = nullptr;
};

/// One kernel launch. A null kernel copies operand 0 to result 0.
struct Step {
  std::unique_ptr<Kernel> kernel;
  NodeId node = kNoNode;  // in Plan::graph
  std::vector<ValueId> in, out;
  std::size_t workspace_offset = 0;
  VariableId read_variable = -1, assign_variable = -1;
};

/// Immutable; shared by all sessions with these shapes.
struct Plan {
  Graph graph;                // specialised and folded: every type static
  std::vector<Place> places;  // per value
  std::vector<Step> steps;
  std::vector<Interval> intervals;
  MemoryPlan memory;
  std::string to_text() const;
};

/// Compiles a specialised graph. Returns null, with the reason in `why`, when something in it can only be
/// interpreted (control flow, lists, strings, data-dependent shapes).
std::shared_ptr<const Plan> compile(Graph graph, const Backend& backend, PackCache* packs, int threads,
                                    std::string& why);

}  // namespace thaw
