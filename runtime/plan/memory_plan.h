// Where every buffer of a plan lies in one arena: a pure function.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace thaw {

/// A buffer that must exist from step `first` to step `last`, both included. Workspaces are
/// intervals of one step.
struct Interval {
  std::size_t bytes = 0;
  int first = 0, last = 0;
};

struct MemoryPlan {
  std::vector<std::size_t> offsets;  // parallel to the intervals; multiples of kAlignment
  std::size_t arena_bytes = 0;
  std::size_t lower_bound = 0;  // the most bytes alive at one step: no plan can be smaller
};

/// Assigns offsets so that intervals alive at the same step do not overlap. Deterministic: the best
/// of placing in order of time (first, since it is nearly linear and often perfect) and greedily by
/// size and by size times life time, each into the best-fitting gap. Very many intervals are placed
/// by time only. Empty intervals lie at 0. Throws Error(resource_exhausted) when the sum of the
/// sizes overflows.
MemoryPlan plan_memory(std::span<const Interval> intervals);

/// The most bytes of intervals, aligned, that are alive at one step.
std::size_t least_bytes(std::span<const Interval> intervals);

/// One line per buffer, one column per step (or per so many steps if there are many): for people.
std::string memory_map(std::span<const Interval> intervals, const MemoryPlan& plan);

}  // namespace thaw
