#include "runtime/plan/memory_plan.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

#include "runtime/base/memory.h"
#include "thaw/error.h"

namespace thaw {
namespace {

// The definition, checked pairwise and step by step, independently of how plans are made.
void expect_valid(const std::vector<Interval>& intervals, const MemoryPlan& plan) {
  ASSERT_EQ(plan.offsets.size(), intervals.size());
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    ASSERT_EQ(plan.offsets[i] % kAlignment, 0u);
    ASSERT_LE(plan.offsets[i] + intervals[i].bytes, plan.arena_bytes);
    for (std::size_t j = 0; j < i; ++j) {
      const bool together =
          intervals[i].first <= intervals[j].last && intervals[j].first <= intervals[i].last;
      const bool apart = plan.offsets[i] + intervals[i].bytes <= plan.offsets[j] ||
                         plan.offsets[j] + intervals[j].bytes <= plan.offsets[i];
      const bool empty = intervals[i].bytes == 0 || intervals[j].bytes == 0;
      ASSERT_TRUE(!together || apart || empty)
          << i << " at " << plan.offsets[i] << " and " << j << " at " << plan.offsets[j];
    }
  }
  std::size_t most = 0;
  int last = 0;
  for (const Interval& interval : intervals) last = std::max(last, interval.last);
  for (int step = 0; step <= last; ++step) {
    std::size_t alive = 0;
    for (const Interval& interval : intervals) {
      if (interval.first <= step && step <= interval.last) alive += align_up(interval.bytes);
    }
    most = std::max(most, alive);
  }
  EXPECT_EQ(plan.lower_bound, most);
  EXPECT_GE(plan.arena_bytes, most);
}

TEST(MemoryPlan, NothingNeedsNothing) {
  const MemoryPlan plan = plan_memory({});
  EXPECT_EQ(plan.arena_bytes, 0u);
  EXPECT_EQ(plan.lower_bound, 0u);
}

TEST(MemoryPlan, ReusesWhatHasDied) {
  // A chain: each buffer lives from its step to the next, so two suffice.
  std::vector<Interval> chain;
  for (int i = 0; i < 10; ++i) chain.push_back({1000, i, i + 1});
  const MemoryPlan plan = plan_memory(chain);
  expect_valid(chain, plan);
  EXPECT_EQ(plan.arena_bytes, 2 * align_up(1000));
}

TEST(MemoryPlan, EmptyBuffersTakeNoSpace) {
  const std::vector<Interval> intervals = {{0, 0, 5}, {64, 1, 2}, {0, 1, 2}};
  const MemoryPlan plan = plan_memory(intervals);
  expect_valid(intervals, plan);
  EXPECT_EQ(plan.arena_bytes, 64u);
}

// Neither order of time nor of size finds this one: the last large buffers have to leave the ends
// to what is alive before and behind them.
TEST(MemoryPlan, TriesAgain) {
  const std::vector<Interval> intervals = {{96, 2, 6},  {832, 8, 8}, {768, 10, 10}, {96, 1, 2},
                                           {84, 5, 5},  {60, 3, 5},  {288, 9, 10},  {144, 6, 9},
                                           {8, 10, 10}, {144, 8, 9}};
  const MemoryPlan plan = plan_memory(intervals);
  expect_valid(intervals, plan);
  EXPECT_EQ(plan.arena_bytes, plan.lower_bound);
}

TEST(MemoryPlan, RandomIntervalsNeverOverlap) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](int low, int high) {
      return std::uniform_int_distribution<int>(low, high)(random);
    };
    std::vector<Interval> intervals(static_cast<std::size_t>(pick(1, 80)));
    for (Interval& interval : intervals) {
      interval.bytes = static_cast<std::size_t>(pick(0, 1) ? pick(0, 300) : pick(0, 100000));
      interval.first = pick(0, 40);
      interval.last = interval.first + pick(0, pick(0, 1) ? 3 : 40);
    }
    const MemoryPlan plan = plan_memory(intervals);
    ASSERT_NO_FATAL_FAILURE(expect_valid(intervals, plan)) << "seed " << seed;
    EXPECT_EQ(plan.offsets, plan_memory(intervals).offsets) << "not deterministic, seed " << seed;
  }
}

// What models look like: mostly short-lived activations, some skip connections, one-step
// workspaces.
TEST(MemoryPlan, StaysNearTheLowerBoundOnNetworks) {
  double sum = 0;
  int above = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](int low, int high) {
      return std::uniform_int_distribution<int>(low, high)(random);
    };
    std::vector<Interval> intervals;
    const int steps = pick(5, 120);
    for (int step = 0; step < steps; ++step) {
      const int life = pick(0, 7) == 0 ? pick(2, 12) : 1;
      intervals.push_back({static_cast<std::size_t>(pick(1, 64)) * 4096, step, step + life});
      if (pick(0, 2) == 0) {
        intervals.push_back({static_cast<std::size_t>(pick(1, 128)) * 1024, step, step});
      }
    }
    const MemoryPlan plan = plan_memory(intervals);
    ASSERT_NO_FATAL_FAILURE(expect_valid(intervals, plan)) << "seed " << seed;
    const double ratio =
        static_cast<double>(plan.arena_bytes) / static_cast<double>(plan.lower_bound);
    sum += ratio;
    if (ratio > 1.2) ++above;
    EXPECT_LE(ratio, 1.3) << "seed " << seed << "\n" << memory_map(intervals, plan);
  }
  EXPECT_LE(sum / 100, 1.05);
  EXPECT_LE(above, 5);
}

TEST(MemoryPlan, ManyIntervalsArePlacedQuickly) {
  std::vector<Interval> intervals;
  for (int i = 0; i < 200000; ++i) {
    intervals.push_back({static_cast<std::size_t>(64 + 64 * (i % 7)), i, i + 1 + i % 5});
  }
  const MemoryPlan plan = plan_memory(intervals);
  EXPECT_LE(static_cast<double>(plan.arena_bytes), 2.0 * static_cast<double>(plan.lower_bound));
}

TEST(MemoryPlan, OverflowIsAnError) {
  const auto code_of = [](const std::vector<Interval>& intervals) {
    try {
      plan_memory(intervals);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::internal;
  };
  EXPECT_EQ(code_of({{SIZE_MAX, 0, 1}}), ErrorCode::resource_exhausted);
  EXPECT_EQ(code_of({{SIZE_MAX / 2, 0, 1}, {SIZE_MAX / 2 + 1, 3, 4}}),
            ErrorCode::resource_exhausted);
}

TEST(MemoryPlan, MapShowsEachBuffer) {
  const std::vector<Interval> intervals = {{64, 0, 1}, {128, 1, 2}};
  const std::string map = memory_map(intervals, plan_memory(intervals));
  EXPECT_NE(map.find("##."), std::string::npos) << map;
  EXPECT_NE(map.find(".##"), std::string::npos) << map;
  EXPECT_NE(map.find("lower bound 192, ratio 1.000"), std::string::npos) << map;
}

}  // namespace
}  // namespace thaw
