#include "runtime/verify/bisect.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace thaw {

Bisection bisect(const Trace& suspect, const Trace& oracle, const Tolerance& tolerance) {
  std::vector<std::pair<std::string, Tensor>> expected;
  oracle([&](const std::string& name, const Tensor& value) {
    expected.emplace_back(name, value.clone());
  });

  Bisection result;
  std::size_t position = 0;
  suspect([&](const std::string& name, const Tensor& value) {
    const auto from = expected.begin() + static_cast<std::ptrdiff_t>(position);
    const auto same =
        std::find_if(from, expected.end(), [&](const auto& entry) { return entry.first == name; });
    if (same == expected.end()) return;
    position = static_cast<std::size_t>(same - expected.begin()) + 1;
    TracedValue traced{name, compare(value, same->second, tolerance)};
    if (!traced.comparison.match && !result.first) result.first = result.values.size();
    result.values.push_back(std::move(traced));
  });
  THAW_CHECK(!result.values.empty() || expected.empty(), "the two traces share no value");
  return result;
}

}  // namespace thaw
