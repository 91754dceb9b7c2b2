// The memory of every golden and demo model that is planned stays near the least that its
// intermediate values need.
#include <gtest/gtest.h>

#include "tests/model/cases.h"

namespace thaw {
namespace {

TEST(PlanQuality, ArenasStayNearTheirLowerBound) {
  int planned = 0, perfect = 0;
  for (const std::string& folder : testing::golden_folders()) {
    const tools::Case test = tools::read_case(folder);
    if (test.refuse || test.forms.empty()) continue;
    const RunStats stats = testing::prepared_session(test, test.forms.front()).stats();
    if (!stats.planned) continue;
    ++planned;
    perfect += stats.arena_bytes == stats.arena_lower_bound ? 1 : 0;
    EXPECT_LE(static_cast<double>(stats.arena_bytes),
              1.2 * static_cast<double>(stats.arena_lower_bound))
        << folder;
  }
  EXPECT_GT(planned, 200);
  EXPECT_GT(perfect, planned / 2);
}

}  // namespace
}  // namespace thaw
