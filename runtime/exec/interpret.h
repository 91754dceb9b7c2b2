// Op by op: for graphs that cannot be planned.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "runtime/base/memory.h"
#include "runtime/exec/datum.h"
#include "runtime/exec/launch.h"
#include "runtime/exec/node_kernels.h"
#include "runtime/ir/graph.h"

namespace thaw {

/// Called with each intermediate value in execution order; the tensor is the visitor's to keep.
using ValueVisit = std::function<void(const std::string& name, const Tensor& value)>;

/// Runs a graph node by node: shapes come from the actual values, control flow and tensor lists are
/// its own, everything else runs the same kernels as a plan, prepared when a node first meets its
/// operand types and kept. A value is released after its last use. Belongs to one session at a
/// time.
///
/// The whole graph is interpreted even if only a few nodes need it. Planned regions would fit in
/// Interpreter::Body: a run of nodes whose types become known together is one entry that owns a
/// bound plan and takes its operands from the slots, as a kernel does now.
class Interpreter {
 public:
  /// `graph` must outlive the interpreter. `packs` may be null.
  Interpreter(const Graph& graph, const Backend& backend, PackCache* packs, int threads);
  ~Interpreter();

  /// How many steps the loops of one run may take together.
  void limit_loop_steps(std::int64_t steps) { max_loop_steps_ = steps; }

  /// Variables are those of the session, in the graph's order; assignments replace them.
  /// Outputs are new tensors that share memory with nothing else.
  /// Throws Error naming the node. `visit` and `launches` may be null.
  std::vector<Tensor> run(std::span<const Tensor> inputs, std::vector<Tensor>& variables,
                          ThreadPool& pool, const ValueVisit* visit,
                          const LaunchVisit* launches = nullptr);

 private:
  struct Body;
  struct Run;

  std::unique_ptr<Body> make_body(const Graph& graph) const;
  std::vector<Datum> run_body(Body& body, std::vector<Datum>&& arguments, Run& run);
  void run_node(Body& body, std::size_t index, Run& run);
  void run_timed(Body& body, std::size_t index, Run& run);
  void run_if(Body& body, const Node& node, const std::vector<ValueId>& dead, Run& run);
  void run_while(Body& body, const Node& node, const std::vector<ValueId>& dead, Run& run);
  void run_kernel(Body& body, std::size_t index, Run& run);
  std::vector<Datum> take(Body& body, const Node& node, std::size_t first,
                          const std::vector<ValueId>& dead) const;
  void give(Body& body, const Node& node, std::vector<Datum>&& results) const;

  const Backend& backend_;
  PackCache* packs_;
  int threads_;
  std::int64_t max_loop_steps_ = INT64_MAX;
  std::unique_ptr<Body> root_;
  AlignedBytes workspace_;
  std::size_t workspace_bytes_ = 0;
  // Scratch of run_kernel, kept so that a loop does not allocate it again.
  std::vector<const Tensor*> operands_;
  std::vector<View> in_, out_;
  const char* kernel_ = "";  // what run_kernel ran last
};

}  // namespace thaw
