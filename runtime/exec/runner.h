// One session's side of a program: its memory, its state, its threads.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/memory.h"
#include "runtime/exec/bound_plan.h"
#include "runtime/exec/ferry.h"
#include "runtime/exec/program.h"
#include "thaw/session.h"

namespace thaw {

struct RunnerOptions {
  int threads = 0;  // of one run, the calling one included; 0: as many as there are processors
  int max_plans = 16;
  std::int64_t max_loop_steps = SessionOptions{}.max_loop_steps;
};

/// Runs a program. One thread at a time; any number of runners of one program may run at once.
class Runner {
 public:
  Runner(std::shared_ptr<const Program> program, const RunnerOptions& options);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  /// Runs on tensors in the order of the program's inputs. Outputs that already have the right type
  /// and overlap neither an input nor each other are overwritten, else they are made anew; a
  /// planned run with known shapes then allocates nothing. When it throws, outputs are unspecified
  /// and variables may have been assigned. Throws Error(invalid_argument) when an input does not
  /// fit the signature, naming it.
  void run(std::span<const Tensor> inputs, std::vector<Tensor>& outputs);
  /// Session::enqueue and wait.
  void enqueue(std::span<const DeviceTensor> inputs, std::vector<DeviceTensor>& outputs,
               void* stream);
  void wait();
  /// Runs, showing every intermediate value with its name in the graph. Slow.
  void trace(std::span<const Tensor> inputs, const ValueVisit& visit);
  /// Session::profile.
  Profile profile(std::span<const Tensor> inputs, int runs);
  /// Compiles for these input shapes and takes the memory they need.
  void prepare(const std::vector<Shape>& shapes);
  /// Variables return to their loaded values.
  void reset();

  RunStats stats() const;
  /// The plan of the last run or preparation, or why there is none and the graph that is
  /// interpreted.
  std::string plan_text() const;

 private:
  // What this runner has made of one Compiled.
  struct Bound {
    std::shared_ptr<const Compiled> compiled;
    std::unique_ptr<BoundPlan> plan;           // either this
    std::unique_ptr<Interpreter> interpreter;  // or that
    std::vector<TensorType> output_types;      // of the plan
  };

  void check_inputs(std::span<const Tensor> inputs) const;
  void check_inputs(std::span<const DeviceTensor> inputs) const;
  template <class AnyTensor>
  Bound& bound(std::span<const AnyTensor> inputs, bool fused, Door door);
  Bound& bind(const std::vector<Shape>& shapes, bool fused = true, Door door = Door::host);
  void make_outputs(const std::vector<TensorType>& types, std::vector<DeviceTensor>& outputs) const;
  void interpret(Interpreter& interpreter, std::span<const DeviceTensor> inputs,
                 std::vector<DeviceTensor>& outputs, void* stream);
  void take_memory(BoundPlan& plan);
  std::shared_ptr<std::byte> allocate_arena(std::size_t bytes) const;
  void make_outputs(const Bound& bound, std::span<const Tensor> inputs,
                    std::vector<Tensor>& outputs);
  void execute(std::span<const Tensor> inputs, std::vector<Tensor>& outputs,
               const ValueVisit* visit, const LaunchVisit* launches = nullptr);
  std::span<const Tensor> aligned(std::span<const Tensor> inputs);

  std::shared_ptr<const Program> program_;
  ThreadPool pool_;
  ThreadPool alone_{1};  // of runs that find all processors busy with those of other sessions
  int processors_;
  std::size_t max_plans_;
  std::int64_t max_loop_steps_;
  std::vector<Tensor> variables_;
  std::shared_ptr<std::byte> arena_, device_arena_;
  std::size_t arena_bytes_ = 0, device_arena_bytes_ = 0;
  std::list<Bound> bounds_;  // most recent first
  // What was enqueued and not yet waited for; null: nothing. Plans share memory: one at a time.
  BoundPlan* in_flight_ = nullptr;
  std::vector<Tensor> aligned_inputs_;
  std::unique_ptr<Ferry> ferry_;  // of enqueued runs that are interpreted; null: none was
};

}  // namespace thaw
