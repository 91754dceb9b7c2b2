// Team: members meet at barriers, whoever comes and whenever; a leader does not wait for nobody.
#include "kernels/cpu/team.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

namespace thaw::cpu {
namespace {

constexpr int kRounds = 40, kPhases = 5, kWidth = 12, kLooks = 100;

/// A sum that needs every barrier: in each phase a member adds its share of the neighbours' values.
struct Work {
  Team team;
  std::array<std::array<std::int64_t, kWidth>, 2> values{};
  int round = 0, largest = 0;
  std::atomic<int> ahead{0};  // members that a barrier let through too early

  void phases(Team::Member& me, int first) {
    for (int phase = 0; phase < kPhases; ++phase) {
      const auto& from = values[static_cast<std::size_t>((first + phase) % 2)];
      auto& to = values[static_cast<std::size_t>((first + phase + 1) % 2)];
      const int begin = kWidth * me.index / me.count, end = kWidth * (me.index + 1) / me.count;
      for (int i = begin; i < end; ++i) {
        to[static_cast<std::size_t>(i)] = (from[static_cast<std::size_t>(i)] * 3 +
                                           from[static_cast<std::size_t>((i + 7) % kWidth)] + 1) %
                                          1000003;
      }
      if (phase % 2 == 0) {
        team.wait(me);
        continue;
      }
      team.arrive(me);
      for (int look = 0; look < kLooks && !team.all_arrived(me); ++look) continue;
      team.wait_for_all(me);
      ahead += team.all_arrived(me) ? 0 : 1;
    }
  }
  void lead(Team::Member me, const std::function<void()>& between) {
    for (round = 0; round < kRounds; ++round) {
      between();
      team.open(me);
      largest = std::max(largest, me.count);
      phases(me, round * kPhases);
    }
    team.close();
  }
  void follow(Team::Member me, const std::function<void()>& between) {
    while (team.follow(me)) {
      between();
      phases(me, round * kPhases);
    }
  }
  const std::array<std::int64_t, kWidth>& result() const { return values[kRounds * kPhases % 2]; }
};

std::array<std::int64_t, kWidth> expected() {
  Work alone;
  alone.lead(alone.team.join(), [] {});
  EXPECT_EQ(alone.largest, 1);
  return alone.result();
}

/// `others` follow; they join before the first round or, late, whenever.
void expect_same(
    int others, bool late, const std::function<void()>& between = [] {}) {
  Work work;
  const Team::Member leader = work.team.join();
  std::atomic<int> here{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < others; ++i) {
    threads.emplace_back([&] {
      const Team::Member me = work.team.join();
      ++here;
      work.follow(me, between);
    });
  }
  while (!late && here < others) std::this_thread::yield();
  work.lead(leader, [] {});
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(work.result(), expected()) << others << " others";
  EXPECT_EQ(work.ahead, 0) << others << " others";
  if (!late) {
    EXPECT_EQ(work.largest, std::min(others + 1, Team::kMost));
  }
}

TEST(CpuTeam, MembersMeetAtEveryBarrier) {
  for (const int others : {1, 2, 3}) expect_same(others, false);
}

TEST(CpuTeam, WhoComesLateJoinsWhenItComes) {
  for (int i = 0; i < 20; ++i) expect_same(3, true);
}

TEST(CpuTeam, MoreThanItsPlacesHaveNothingToDo) { expect_same(Team::kMost + 2, false); }

TEST(CpuTeam, JoiningAfterTheEndReturnsAtOnce) {
  Work work;
  work.lead(work.team.join(), [] {});
  Team::Member late = work.team.join();
  EXPECT_EQ(late.index, 1);
  EXPECT_FALSE(work.team.follow(late));
}

TEST(CpuTeam, ALeaderThatHasToWaitLongGoesOnAlone) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  expect_same(1, false, [] { std::this_thread::sleep_for(std::chrono::milliseconds(30)); });
  // Alone after the first round or the second; with everyone until the end it would be 1.2 s.
  EXPECT_LT(Clock::now() - start, std::chrono::milliseconds(30 * kRounds * 3 / 4));
}

TEST(Team, GatheringCountsThoseWhoHaveComeAndWaitsForNobodyForLong) {
  Team team;
  Team::Member leader = team.join();
  EXPECT_EQ(team.join().index, 1);
  team.gather(2);  // all are here
  team.gather(3);  // the third never comes
  team.open(leader);
  EXPECT_EQ(leader.count, 2);
  team.close();
}

}  // namespace
}  // namespace thaw::cpu
