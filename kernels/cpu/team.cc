#include "kernels/cpu/team.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "runtime/base/spin.h"

namespace thaw::cpu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kGlances = 100;  // looks at what is nearly there already
constexpr int kSpins = 4000;   // some tens of microseconds
// A leader that has waited so long, and for three quarters of all its time, goes on alone: shares
// of unequal size explain a half at most.
constexpr Clock::duration kPatience = std::chrono::microseconds(500);
constexpr std::int64_t kWide = 32;  // more than kMost

/// Returns the time that was spent, or none if that was little.
template <class Condition>
Clock::duration wait_until(const Condition& condition) {
  for (int i = 0; i < kGlances; ++i) {
    if (condition()) return {};
    spin_pause();
  }
  const Clock::time_point start = Clock::now();
  for (int i = 0; !condition(); ++i) {
    if (i < kSpins) {
      spin_pause();
    } else {
      std::this_thread::yield();
    }
  }
  return Clock::now() - start;
}

}  // namespace

void Team::gather(int members) const {
  for (int i = 0; i < kGlances && joined_.load(std::memory_order_relaxed) < members; ++i) {
    spin_pause();
  }
}

void Team::open(Member& leader) {
  leader.count = 1;
  const std::int64_t last = round_.load(std::memory_order_relaxed);
  if (last == kClosed) return;  // the others have left
  if (last == kNone) start_ = Clock::now();
  if (waited_ > kPatience && 4 * waited_ > 3 * (Clock::now() - start_)) return close();
  leader.count = std::min(joined_.load(std::memory_order_acquire), kMost);
  round_.store((leader.barriers + 1) * kWide + leader.count, std::memory_order_release);
}

bool Team::follow(Member& member) {
  if (member.index >= kMost) return false;
  std::int64_t round = kNone;
  wait_until([&] {
    round = round_.load(std::memory_order_acquire);
    // A round that this member has been through has fewer barriers before it.
    return round == kClosed || (member.index < round % kWide && round / kWide > member.barriers);
  });
  if (round == kClosed) return false;
  member.count = static_cast<int>(round % kWide);
  member.barriers = round / kWide - 1;
  return true;
}

void Team::arrive(Member& member) {
  ++member.barriers;
  if (member.count == 1) return;
  flags_[member.index].barriers.store(member.barriers, std::memory_order_release);
}

bool Team::all_arrived(const Member& member) const {
  if (member.count == 1) return true;
  for (int i = 0; i < member.count; ++i) {
    if (flags_[i].barriers.load(std::memory_order_acquire) < member.barriers) return false;
  }
  return true;
}

void Team::wait_for_all(const Member& member) {
  if (member.count == 1) return;
  for (int i = 0; i < member.count; ++i) {
    const Clock::duration waited = wait_until(
        [&] { return flags_[i].barriers.load(std::memory_order_acquire) >= member.barriers; });
    if (member.index == 0) waited_ += waited;
  }
}

}  // namespace thaw::cpu
