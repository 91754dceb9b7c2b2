// Which values share memory, and from which step to which each piece of memory is needed.
#pragma once

#include <span>
#include <vector>

#include "runtime/ir/graph.h"

namespace thaw {

/// Whether the op's only result is its operand 0 byte for byte (reshape, identity, a transpose that
/// moves only dimensions of 1, ...). `constants` per operand, null where the elements are unknown.
bool is_view(const Op& op, std::span<const TensorType> in, std::span<const TensorType> out,
             std::span<const Tensor* const> constants);

/// Per value the value whose memory it shows: itself unless it is a view. All types must be static.
/// Nodes marked in `copies` (per node, or empty) are no views.
std::vector<ValueId> view_roots(const Graph& graph, const std::vector<bool>& copies = {});

/// One launch as lifetimes see it: a step that reads and writes values.
struct Launch {
  NodeId node = kNoNode;
  std::vector<ValueId> in, out;
};

/// Memory that one or more values occupy one after the other.
struct Buffer {
  std::size_t bytes = 0;
  int first = 0, last = 0;  // steps, both included
};

struct Lifetimes {
  std::vector<int>
      buffer;  // per value, by its root; -1 for values that need no memory of their own
  std::vector<Buffer> buffers;
};

/// Buffers of the roots that `needs_memory` marks. A unary's or binary's result takes the buffer of
/// an operand that dies there, where kernel.h allows it. `holders`: per value the root whose memory
/// has its own in it (parts.h), which needs memory from the first of its parts to the last.
Lifetimes lifetimes(const Graph& graph, const std::vector<Launch>& launches,
                    const std::vector<ValueId>& roots, const std::vector<ValueId>& holders,
                    const std::vector<bool>& needs_memory);

/// Bytes of a value with a static type. Throws Error(resource_exhausted) when they overflow.
std::size_t bytes_of(const TensorType& type);

}  // namespace thaw
