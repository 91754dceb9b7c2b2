// Kernels for the nodes of a graph.
#pragma once

#include <memory>
#include <vector>

#include "kernels/backend.h"
#include "runtime/ir/graph.h"

namespace thaw {

/// What kernels are prepared with.
struct Preparation {
  const Graph& graph;  // every type static
  const Backend& backend;
  PackCache* packs = nullptr;  // may be null
  int threads = 1;
};

/// "node 'name' (op)", for messages.
std::string describe(const Node& node);

/// Null if the backend has no kernel for the node. Errors name it.
std::unique_ptr<Kernel> prepare(const Preparation& preparation, const Node& node);

/// Where there is much to pack, kernels, by node, for those of `nodes` whose weights are packed:
/// the largest first, into one block of memory, on all threads. Null for all others, and where
/// preparing fails.
std::vector<std::unique_ptr<Kernel>> prepare_packed(const Preparation& preparation,
                                                    const std::vector<NodeId>& nodes);

}  // namespace thaw
