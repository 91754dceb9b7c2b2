// A plan tied to one session's memory: pointers are set, nothing else is left to do at run time.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "runtime/exec/device_run.h"
#include "runtime/exec/interpret.h"
#include "runtime/plan/plan.h"
#include "thaw/device_tensor.h"

namespace thaw {

class BoundPlan {
 public:
  BoundPlan(std::shared_ptr<const Plan> plan, ThreadPool& pool);

  /// Sets the pointers into the arena, which has Plan::memory.arena_bytes at least.
  void bind_arena(std::byte* arena);
  /// The threads of the runs that follow, at first those of the constructor.
  void use_pool(ThreadPool& pool);
  /// The same for device memory, of device_bytes() at least (0: the plan uses no device).
  void bind_device(std::shared_ptr<std::byte> memory);
  std::size_t device_bytes() const { return device_ == nullptr ? 0 : device_->memory_bytes(); }
  /// Inputs, outputs and variables have the plan's types; outputs overlap neither inputs nor each
  /// other. Allocates nothing. Throws Error naming the node.
  void run(std::span<const Tensor> inputs, std::span<Tensor> outputs, std::span<Tensor> variables);
  /// For a plan whose door is the device: DeviceRun::start and finish.
  void start(std::span<const DeviceTensor> inputs, std::span<const DeviceTensor> outputs,
             std::span<Tensor> variables, void* stream);
  void finish();
  /// The same as run(), showing every value.
  void trace(std::span<const Tensor> inputs, std::span<Tensor> outputs, std::span<Tensor> variables,
             const ValueVisit& visit);

  /// The same, showing when each step began and ended. Allocates nothing while steps run.
  void profile(std::span<const Tensor> inputs, std::span<Tensor> outputs,
               std::span<Tensor> variables, const LaunchVisit& visit);

  const Plan& plan() const { return *plan_; }

 private:
  // A view that changes when the session's memory does.
  struct Site {
    std::size_t view;
    std::size_t index;   // of the input, output, variable
    std::size_t offset;  // in bytes, in the arena, the input or the output
  };

  static const void* constant_data(const Tensor& constant, OperandUse use);
  void add(const Slot& slot, OperandUse use);
  void bind(std::span<const Tensor> inputs, std::span<Tensor> outputs, std::span<Tensor> variables);
  void bind_variables(std::span<Tensor> variables);
  void run_steps(std::size_t first, std::size_t end) const;
  const void* address(const Place& place, std::span<const Tensor> inputs, std::span<Tensor> outputs,
                      std::span<Tensor> variables) const;
  Tensor read(ValueId value, std::span<const Tensor> inputs, std::span<Tensor> outputs,
              std::span<Tensor> variables) const;

  std::shared_ptr<const Plan> plan_;
  std::vector<View> views_;
  std::vector<Args> args_;  // per step
  std::vector<Site> arena_sites_, device_sites_, input_sites_, output_sites_, variable_sites_;
  std::byte* arena_ = nullptr;
  std::unique_ptr<DeviceRun> device_;  // null: the plan uses no device
};

}  // namespace thaw
