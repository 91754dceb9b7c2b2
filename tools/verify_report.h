// What verifying models gave, for people and as JSON.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "loaders/source/json.h"
#include "runtime/verify/compare.h"
#include "tools/commands.h"
#include "tools/verify_cost.h"

namespace thaw::tools {

/// What verifying one model gave.
struct Outcome {
  ExitCode code = kMatch;
  bool as_expected = true;  // a model that must be refused was refused with all names
  std::string label;
  std::string error;
  std::vector<std::pair<std::string, Comparison>> outputs;
  std::vector<DeviceComparison> reference;  // of --against reference
  std::vector<RoundingCost> costs;          // of --weights-as and --precision
};

void print_comparison(const std::string& name, const Comparison& result);
void print_outcome(const Outcome& outcome, bool quiet);
Json outcome_json(const Outcome& outcome);

}  // namespace thaw::tools
