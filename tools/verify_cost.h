// A model's predictions beside those of other devices and precisions.
#pragma once

#include <string>
#include <vector>

#include "runtime/verify/compare.h"
#include "thaw/session.h"
#include "tools/commands.h"

namespace thaw::tools {

/// What shorter forms of numbers change in one output.
struct RoundingCost {
  std::string form;  // "weights int8", "precision bf16"
  std::string name;
  Comparison from_float32;  // on the same device
  Comparison from_reference;
};

/// One output of one device against reference float64.
struct DeviceComparison {
  std::string device, name;
  Comparison comparison;
};

/// The reference device in float64: what everything is judged by.
Session open_oracle(const Model& model, ModelOptions options);
std::vector<Tensor> oracle_inputs(const Session& oracle, const std::vector<Tensor>& inputs);

/// Whether the options ask for a form shorter than float32.
bool is_rounded(const ModelOptions& options);

/// Runs the same calls in other ways, in sessions of its own, so that states advance alike.
class Rivals {
 public:
  /// `against_reference`: reference() will be asked.
  Rivals(const Model& model, const ModelOptions& options, bool against_reference);

  /// The next call. `results` are those of the session under test.
  void run(const std::vector<Tensor>& inputs, const std::vector<Tensor>& results,
           const Tolerance& tolerance);
  const std::vector<RoundingCost>& costs() const { return costs_; }
  const std::vector<DeviceComparison>& reference() const { return reference_; }

 private:
  std::string form_, device_;
  bool against_reference_;
  Session oracle_;
  std::vector<Session> plain_, cpu_;  // at most one each
  std::vector<RoundingCost> costs_;
  std::vector<DeviceComparison> reference_;
};

}  // namespace thaw::tools
