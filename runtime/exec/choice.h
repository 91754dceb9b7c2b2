// The same model on two devices: which one answers sooner.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "runtime/exec/runner.h"

namespace thaw {

/// Measures once for each combination of input shapes. One thread at a time.
class Choice {
 public:
  /// `rival` may be null: the first then always runs.
  Choice(std::shared_ptr<const Program> program, std::shared_ptr<const Program> rival,
         const RunnerOptions& options);

  /// The runner for these inputs; the first inputs of new shapes are run several times on both,
  /// in sessions of their own, so that no state advances. A rival that fails loses. A model with
  /// state stays with the first choice.
  Runner& runner_for(std::span<const Tensor> inputs);
  /// The runner whose program has a device, for work on that device's memory. Throws
  /// Error(failed_precondition) if there is none, or if the model's state lives in the other.
  Runner& device_runner();
  /// Waits for what device_runner() has enqueued.
  void wait();
  /// Runner::prepare, on zeros where there is a choice.
  void prepare(const std::vector<Shape>& shapes);
  /// The one that ran last.
  Runner& last() { return *last_; }
  const Runner& last() const { return *last_; }
  void reset();

 private:
  struct Verdict {
    std::vector<Shape> shapes;
    Runner* runner;
  };
  bool rival_is_quicker(std::span<const Tensor> inputs) const;

  std::shared_ptr<const Program> program_, rival_program_;
  RunnerOptions options_;
  Runner runner_;
  std::unique_ptr<Runner> rival_;
  Runner* last_;
  std::vector<Verdict> verdicts_;
};

}  // namespace thaw
