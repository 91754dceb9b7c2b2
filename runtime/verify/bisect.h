// Which layer is the first whose values leave the oracle's?
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/verify/compare.h"

namespace thaw {

using Visit = std::function<void(const std::string& name, const Tensor& value)>;
/// Runs a model and visits every intermediate value in execution order.
using Trace = std::function<void(const Visit& visit)>;

/// One intermediate value of both runs.
struct TracedValue {
  std::string name;
  Comparison comparison;
};

struct Bisection {
  std::vector<TracedValue> values;   // of both runs, in execution order
  std::optional<std::size_t> first;  // the first that does not match
};

/// Runs `oracle`, then `suspect`, on one graph. A device computes some values in passing and does
/// not show them: those that only one of the runs visits are passed over. Throws Error(internal)
/// when the runs share no value.
Bisection bisect(const Trace& suspect, const Trace& oracle, const Tolerance& tolerance);

}  // namespace thaw
