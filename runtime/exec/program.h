// A model's graph on one backend, with what it has been compiled to: shared by all sessions.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "runtime/plan/plan.h"
#include "thaw/options.h"

namespace thaw {

struct ProgramOptions {
  /// f64 widens the graph. With bf16 activations between products on a device are bfloat16
  /// (narrow_activations). The rest is the device's.
  Precision precision = Precision::f32;
  int max_plans = 16;  // at least 1
  WeightStorage weights = WeightStorage::f32;
  /// Runs what it has kernels for, if a graph can be planned; null: the backend runs everything.
  const DeviceBackend* device = nullptr;
  /// Graph passes once more when the shapes are known.
  bool optimize = false;
};

/// The graph for certain input shapes: planned, or specialised for the interpreter.
struct Compiled {
  std::vector<Shape> shapes;
  int threads = 1;
  bool fused = true;  // trees of elementwise nodes are one node
  Door door = Door::host;
  std::shared_ptr<const Plan> plan;  // null: interpret `graph`
  Graph graph;                       // empty if there is a plan
  std::string why;                   // not planned
};

/// Immutable but for caches that lock themselves: any number of threads may call it at once.
class Program {
 public:
  /// `graph` is the graph behind the pass pipeline. With Precision::f64 it is widened, and so are
  /// the types of inputs() and outputs(). What does not depend on unknown dimensions is folded
  /// here, once.
  Program(const Graph& graph, const Backend& backend, const ProgramOptions& options);

  const std::vector<TensorSpec>& inputs() const { return inputs_; }
  const std::vector<TensorSpec>& outputs() const { return outputs_; }
  const std::vector<Variable>& variables() const { return graph_.variables; }
  const Graph& graph() const { return graph_; }
  const Backend& backend() const { return backend_; }
  const DeviceBackend* device() const { return device_; }
  PackCache& packs() const { return packs_; }

  /// From the cache, or compiled now. Threads that ask for what is being compiled wait for it.
  /// Throws Error(invalid_argument) when the shapes contradict the graph. `fused` off keeps every
  /// elementwise node, for a trace. `door` is the host without a device.
  std::shared_ptr<const Compiled> compiled(const std::vector<Shape>& shapes, int threads,
                                           bool fused = true, Door door = Door::host) const;
  /// Raises the number of plans kept to `max_plans`, if it is lower.
  void keep_plans(int max_plans) const;

  /// Threads that the runs in progress may use, over all sessions of more than one thread.
  std::atomic<int>& busy_threads() const { return busy_threads_; }

  /// Plans made so far.
  std::size_t plans_compiled() const { return plans_compiled_; }
  /// What the cache holds, the most recently used first.
  std::vector<std::shared_ptr<const Compiled>> cached() const;

 private:
  std::shared_ptr<const Compiled> find(const std::vector<Shape>& shapes, int threads, bool fused,
                                       Door door) const;
  std::shared_ptr<const Compiled> compile_now(const std::vector<Shape>& shapes, int threads,
                                              bool fused, Door door) const;
  void fuse(Graph& graph) const;
  void narrow(Graph& graph) const;

  Graph graph_;
  const Backend& backend_;
  const DeviceBackend* device_;
  bool optimize_;
  bool narrows_;  // planned graphs keep activations in bfloat16
  std::vector<TensorSpec> inputs_, outputs_;

  mutable PackCache packs_;
  mutable std::mutex compile_mutex_;  // held while compiling, taken before cache_mutex_
  mutable std::mutex cache_mutex_;
  mutable std::list<std::shared_ptr<const Compiled>> cache_;  // most recent first
  mutable std::size_t capacity_;
  mutable std::atomic<std::size_t> plans_compiled_{0};
  alignas(64) mutable std::atomic<int> busy_threads_{0};
};

}  // namespace thaw
