// Kernels of one node for the operand types it meets when it is interpreted.
#pragma once

#include <list>
#include <memory>
#include <span>
#include <vector>

#include "kernels/backend.h"
#include "runtime/ir/graph.h"

namespace thaw {

/// What running the node means for certain operand types and host operands.
struct Prepared {
  enum class Kind { kernel, view, evaluate };
  Kind kind = Kind::evaluate;
  std::vector<TensorType> in, out;  // out is empty for `evaluate`
  std::vector<Tensor> host;         // copies of the host operands that are not constants
  std::unique_ptr<Kernel> kernel;   // null for `view`, `evaluate` and results without elements
};

/// Keeps the last few preparations, so that a loop prepares once.
class NodeKernels {
 public:
  NodeKernels(const Graph& graph, const Node& node);

  /// Valid until the next call. Throws Error(invalid_argument) when the types do not fit the op.
  const Prepared& get(std::span<const Tensor* const> operands, const Backend& backend,
                      PackCache* packs, int threads);

 private:
  bool matches(const Prepared& prepared, std::span<const Tensor* const> operands) const;
  Prepared prepare(std::span<const Tensor* const> operands, const Backend& backend,
                   PackCache* packs, int threads) const;

  const Graph& graph_;
  const Node& node_;
  std::vector<const Tensor*> constants_;  // per operand, in the graph
  std::vector<std::size_t> host_;         // host operands that are not constants
  std::list<Prepared> recent_;            // most recent first
};

}  // namespace thaw
