// Values that lie inside of another's memory: what a Concat joins is written where it belongs, what
// a Split or a Slice takes is read where it is.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernel.h"
#include "runtime/ir/graph.h"
#include "runtime/plan/lifetimes.h"

namespace thaw {

/// Where a value lies in the memory of another, in elements.
struct Part {
  ValueId holder = 0;     // itself: it is no part
  NodeId node = kNoNode;  // the Concat that it is joined by, the Split that takes it
  std::int64_t offset = 0;
  std::int64_t columns = 0, pitch = 0;  // View
};

struct PartSite {
  const Graph& graph;
  const std::vector<ValueId>& roots;
  const std::vector<Launch>& launches;
  std::span<const Kernel* const> kernels;  // per launch
  std::vector<bool> movable;               // per value: where its root lies is the plan's choice
  std::vector<bool> readable;  // per value: its root lies in the plan's or the caller's memory
};

struct Parts {
  std::vector<Part> of;        // per value, by its root
  std::vector<bool> in_place;  // per launch: it has nothing left to do
  std::vector<NodeId> joined;  // Concats with a part in place
};

/// Finds all that the kernels allow (Kernel::reads_rows, writes_rows; values without gaps need no
/// leave). `excluded`: values, by number or empty, that no Concat is to have written in place.
Parts find_parts(const PartSite& site, const std::vector<bool>& excluded);

}  // namespace thaw
