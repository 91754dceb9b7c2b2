// A few threads that go through many short phases of one computation together.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace thaw::cpu {

/// The threads that run one loop of a pool, with barriers between them. Only threads that have
/// really arrived take part: the first to join leads, and each round is for those who have joined
/// when it opens, so nobody waits for a worker that is busy elsewhere. Between rounds the leader
/// alone may write what the members share. Waiting spins for a moment, then yields; a leader that
/// had to wait long (fewer processors than threads) sends the others away and goes on alone.
class Team {
 public:
  static constexpr int kMost = 16;

  /// One thread's part in the rounds.
  struct Member {
    int index = 0, count = 1;   // of the members of this round
    std::int64_t barriers = 0;  // passed so far by everyone
  };

  /// Enters. Index 0 leads; those behind kMost have nothing to follow.
  Member join() { return {joined_.fetch_add(1, std::memory_order_acq_rel)}; }
  /// The leader's, before its first round: waits a moment for those who are on their way, whom a
  /// round that has begun would leave out to its end.
  void gather(int members) const;
  /// The leader's: begins a round and sets the members. Every round needs a barrier at its end.
  void open(Member& leader);
  /// The leader's: no more rounds.
  void close() { round_.store(kClosed, std::memory_order_release); }
  /// The others': waits for a round with this member; false when there will be none.
  bool follow(Member& member);
  /// Returns when all members of the round have arrived; what they wrote before is visible.
  void wait(Member& member) {
    arrive(member);
    wait_for_all(member);
  }
  /// The two halves of wait(): work between them neither needs the others nor disturbs them.
  void arrive(Member& member);
  void wait_for_all(const Member& member);
  /// wait_for_all() would return at once.
  bool all_arrived(const Member& member) const;

 private:
  static constexpr std::int64_t kClosed = -1, kNone = 0;

  struct alignas(64) Flag {
    std::atomic<std::int64_t> barriers{0};  // at which its owner has arrived
  };

  std::atomic<int> joined_{0};
  alignas(64) std::atomic<std::int64_t> round_{kNone};  // (barriers before it + 1) * 32 + members
  Flag flags_[kMost];
  // The leader's: when it began, how long it has waited.
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::duration waited_{};
};

}  // namespace thaw::cpu
