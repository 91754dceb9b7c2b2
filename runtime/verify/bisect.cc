#include "runtime/verify/bisect.h"

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
    THAW_CHECK(position < expected.size() && expected[position].first == name,
               "the two traces differ at value {} ('{}')", position, name);
    TracedValue traced{name, compare(value, expected[position].second, tolerance)};
    if (!traced.comparison.match && !result.first) result.first = result.values.size();
    result.values.push_back(std::move(traced));
    ++position;
  });
  THAW_CHECK(position == expected.size(), "the traces visit {} and {} values", position,
             expected.size());
  return result;
}

}  // namespace thaw
