// A running model: one thread's buffers and state.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "thaw/device_tensor.h"
#include "thaw/options.h"
#include "thaw/tensor.h"

namespace thaw {

/// Numbers about the last run, for benchmarks and tests.
struct RunStats {
  bool planned = false;         // false: interpreted op by op
  std::size_t arena_bytes = 0;  // planned memory
  std::size_t plans = 0;        // plans compiled so far for this model, device and precision
  /// The most bytes of intermediate values that are needed at one step: no arena can be smaller.
  std::size_t arena_lower_bound = 0;
  double pack_ms = 0;  // spent so far on bringing weights into the kernels' layouts
};

/// One node of the graph in a profile.
struct OpTime {
  std::string name;    // in the graph
  std::string op;      // "matmul"
  std::string kernel;  // which implementation ran
  std::string types;   // of operands and results, at the first launch
  std::int64_t launches = 0;
  double microseconds = 0;  // of all launches, as the next two
  double flops = 0;         // multiplications and additions of products; 0: not counted
  double bytes = 0;         // read and written, each operand and result once
};

/// One launch: when it ran, in microseconds from the start of the first run.
struct LaunchTime {
  std::size_t op = 0;  // in Profile::ops
  double begin = 0, end = 0;
};

/// Where the time of a number of runs went.
struct Profile {
  int runs = 0;
  double microseconds = 0;           // of `runs` runs without the readings of the clock
  std::vector<OpTime> ops;           // in the order of their first launch
  std::vector<LaunchTime> launches;  // in order; the first million
};

/// Runs a model. Not thread-safe: one thread at a time per session; any number of sessions of one
/// model may run at once. Keeps the state of stateful models until reset().
class THAW_API Session {
 public:
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  const std::vector<TensorSpec>& inputs() const;
  const std::vector<TensorSpec>& outputs() const;

  /// Runs on tensors in the order of inputs(). The first run with new shapes compiles a plan; later
  /// runs with these shapes allocate nothing when the caller passes `outputs` of the right type and
  /// shape back in (they are overwritten), else outputs are allocated. Throws
  /// Error(invalid_argument) when a name, type or shape does not fit the signature.
  void run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs);
  std::vector<Tensor> run(const std::vector<Tensor>& inputs);
  std::map<std::string, Tensor> run(const std::map<std::string, Tensor>& inputs);

  /// Starts a run on tensors of the GPU, in the order of inputs(), and returns: it begins when all
  /// that `stream` (a cudaStream_t; null: CUDA's default stream) holds now has run, and what is put
  /// into `stream` later finds the outputs complete. Outputs of the right type and shape are
  /// overwritten, also where they are inputs too; others are made anew. Memory of inputs and
  /// outputs must stay until the run is over. What the plan computes on the CPU (plan_text() shows
  /// it), and the first run with new shapes, make the call wait for part of the run; a graph that is
  /// interpreted (shapes that depend on the data) has run on the CPU when the call returns. One
  /// thread at a time, as everything here; runs of one session follow each other.
  /// Throws Error(failed_precondition) if this session does not run on the GPU,
  /// Error(unimplemented) for inputs or outputs of strings, Error(invalid_argument) for inputs that
  /// do not fit, or memory that the GPU does not reach. What goes wrong during the run (an index
  /// out of range, a failing device) is thrown by wait(), or by any later call that has to wait for
  /// it, or by the call itself where it waits; the outputs are then undefined.
  void enqueue(const std::vector<DeviceTensor>& inputs, std::vector<DeviceTensor>& outputs,
               void* stream = nullptr);
  /// Waits until everything enqueued is over; on any device. Throws its first error, once.
  void wait();

  /// Runs and hands every intermediate value to `visit` in execution order with its graph name; for
  /// debugging (verify --bisect). Slow.
  void trace(const std::vector<Tensor>& inputs,
             const std::function<void(const std::string& name, const Tensor& value)>& visit);

  /// Runs once to warm up, then `runs` times as run() does, then as often with a reading of the
  /// clock before and behind each op. Stateful models advance by 2 runs + 1.
  Profile profile(const std::vector<Tensor>& inputs, int runs = 10);

  /// Compiles the plan for these input shapes now, so that the first run is as quick as the others.
  void prepare(const std::vector<Shape>& input_shapes);
  /// Returns the state of stateful layers to its loaded values.
  void reset();

  RunStats stats() const;
  /// The plan of the last run: steps and a map of the memory, for people.
  std::string plan_text() const;

  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace thaw
