#include "runtime/plan/memory_plan.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <set>

#include "runtime/base/check.h"
#include "runtime/base/memory.h"

namespace thaw {
namespace {

// Placing by size compares each buffer with all placed ones: quadratic, so only up to this many.
constexpr std::size_t kMaxPairwise = 8192;

// Trying again with what stood out placed earlier: in plans of so many buffers, so often.
constexpr std::size_t kMaxRetried = 128;
constexpr int kRetries = 32;

// What buffers are ordered by.
using Weight = std::pair<double, double>;

struct Layout {
  std::vector<std::size_t> offsets;
  std::size_t arena_bytes = 0;
};

bool alive_together(const Interval& a, const Interval& b) {
  return a.first <= b.last && b.first <= a.last;
}

// The smallest gap between the taken [begin, end) ranges, in order of begin, that holds `bytes`;
// behind them all if there is none.
std::size_t best_fit(const std::vector<std::pair<std::size_t, std::size_t>>& taken,
                     std::size_t bytes) {
  std::size_t best = SIZE_MAX, best_gap = SIZE_MAX, end = 0;
  for (const auto& [begin, stop] : taken) {
    if (begin > end && begin - end >= bytes && begin - end < best_gap) {
      best = end;
      best_gap = begin - end;
    }
    end = std::max(end, stop);
  }
  return best_gap == SIZE_MAX ? end : best;
}

// Greedy in decreasing order of `weight`.
Layout place_by(std::span<const Interval> intervals, const std::vector<std::size_t>& sizes,
                const std::vector<Weight>& weight) {
  Layout layout{std::vector<std::size_t>(intervals.size(), 0), 0};
  std::vector<std::size_t> order(intervals.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return weight[a] > weight[b]; });
  std::vector<std::size_t> placed;  // in order of offset
  std::vector<std::pair<std::size_t, std::size_t>> taken;
  for (std::size_t i : order) {
    if (sizes[i] == 0) continue;  // stays at 0
    taken.clear();
    for (std::size_t other : placed) {
      if (alive_together(intervals[i], intervals[other])) {
        taken.emplace_back(layout.offsets[other], layout.offsets[other] + sizes[other]);
      }
    }
    layout.offsets[i] = best_fit(taken, sizes[i]);
    layout.arena_bytes = std::max(layout.arena_bytes, layout.offsets[i] + sizes[i]);
    const auto place = std::upper_bound(
        placed.begin(), placed.end(), i,
        [&](std::size_t a, std::size_t b) { return layout.offsets[a] < layout.offsets[b]; });
    placed.insert(place, i);
  }
  return layout;
}

// Free ranges of an arena that grows at its end, for placing in order of time.
class FreeList {
 public:
  std::size_t take(std::size_t bytes) {
    const auto found = by_size_.lower_bound({bytes, 0});
    if (found == by_size_.end()) return grow(bytes);
    const auto [size, offset] = *found;
    remove(offset, size);
    if (size > bytes) insert(offset + bytes, size - bytes);
    return offset;
  }
  void give(std::size_t offset, std::size_t bytes) {
    auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.end() && next->first == offset + bytes) {
      bytes += next->second;
      remove(next->first, next->second);
    }
    next = by_offset_.lower_bound(offset);
    if (next != by_offset_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == offset) {
        offset = before->first;
        bytes += before->second;
        remove(before->first, before->second);
      }
    }
    insert(offset, bytes);
  }
  std::size_t end() const { return end_; }

 private:
  std::size_t grow(std::size_t bytes) {
    // A free range at the end is extended rather than left behind.
    if (!by_offset_.empty()) {
      const auto [offset, size] = *by_offset_.rbegin();
      if (offset + size == end_) {
        remove(offset, size);
        end_ = offset + bytes;
        return offset;
      }
    }
    const std::size_t offset = end_;
    end_ += bytes;
    return offset;
  }
  void insert(std::size_t offset, std::size_t bytes) {
    by_offset_.emplace(offset, bytes);
    by_size_.emplace(bytes, offset);
  }
  void remove(std::size_t offset, std::size_t bytes) {
    by_offset_.erase(offset);
    by_size_.erase({bytes, offset});
  }

  std::map<std::size_t, std::size_t> by_offset_;           // offset -> bytes
  std::set<std::pair<std::size_t, std::size_t>> by_size_;  // (bytes, offset)
  std::size_t end_ = 0;
};

Layout place_by_time(std::span<const Interval> intervals, const std::vector<std::size_t>& sizes) {
  Layout layout{std::vector<std::size_t>(intervals.size(), 0), 0};
  std::vector<std::size_t> starts(intervals.size());
  std::iota(starts.begin(), starts.end(), std::size_t{0});
  std::vector<std::size_t> ends = starts;
  std::stable_sort(starts.begin(), starts.end(), [&](std::size_t a, std::size_t b) {
    if (intervals[a].first != intervals[b].first) return intervals[a].first < intervals[b].first;
    return sizes[a] > sizes[b];
  });
  std::stable_sort(ends.begin(), ends.end(), [&](std::size_t a, std::size_t b) {
    return intervals[a].last < intervals[b].last;
  });
  FreeList free;
  auto ended = ends.begin();
  for (std::size_t i : starts) {
    for (; ended != ends.end() && intervals[*ended].last < intervals[i].first; ++ended) {
      if (sizes[*ended] > 0) free.give(layout.offsets[*ended], sizes[*ended]);
    }
    if (sizes[i] > 0) layout.offsets[i] = free.take(sizes[i]);
  }
  layout.arena_bytes = free.end();
  return layout;
}

// The most bytes alive at one step.
std::size_t peak(std::span<const Interval> intervals, const std::vector<std::size_t>& sizes) {
  std::map<int, std::size_t> changes;  // differences; their running sum never goes below zero
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    changes[intervals[i].first] += sizes[i];
    if (intervals[i].last < INT32_MAX) changes[intervals[i].last + 1] -= sizes[i];
  }
  std::size_t alive = 0, most = 0;
  for (const auto& [step, change] : changes) most = std::max(most, alive += change);
  return most;
}

// The orders that greedy placement tries; which comes nearest the bound depends on the graph.
std::vector<std::vector<Weight>> orders(std::span<const Interval> intervals,
                                        const std::vector<std::size_t>& sizes) {
  std::vector<Weight> by_size, by_area;
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    const auto size = static_cast<double>(sizes[i]);
    const double life = static_cast<double>(intervals[i].last) - intervals[i].first + 1;
    by_size.emplace_back(size, life);
    by_area.emplace_back(size * life, size);
  }
  return {std::move(by_size), std::move(by_area)};
}

// Places by `weight`, then again and again with the buffer that reached furthest before all others.
void improve(std::span<const Interval> intervals, const std::vector<std::size_t>& sizes,
             std::vector<Weight> weight, std::size_t lower_bound, Layout& best) {
  double first = 0;
  for (const Weight& each : weight) first = std::max(first, each.first);
  const int tries = intervals.size() <= kMaxRetried ? 1 + kRetries : 1;
  for (int i = 0; i < tries && best.arena_bytes > lower_bound; ++i) {
    Layout layout = place_by(intervals, sizes, weight);
    std::size_t furthest = 0;
    while (layout.offsets[furthest] + sizes[furthest] < layout.arena_bytes) ++furthest;
    weight[furthest].first = first += 1;
    if (layout.arena_bytes < best.arena_bytes) best = std::move(layout);
  }
}

}  // namespace

MemoryPlan plan_memory(std::span<const Interval> intervals) {
  std::vector<std::size_t> sizes;
  sizes.reserve(intervals.size());
  std::size_t sum = 0;
  for (const Interval& interval : intervals) {
    THAW_CHECK(interval.first >= 0 && interval.first <= interval.last, "interval from {} to {}",
               interval.first, interval.last);
    if (interval.bytes > SIZE_MAX - kAlignment ||
        __builtin_add_overflow(sum, align_up(interval.bytes), &sum)) {
      fail(ErrorCode::resource_exhausted, "the plan's buffers together exceed the address space");
    }
    sizes.push_back(align_up(interval.bytes));
  }
  Layout best = place_by_time(intervals, sizes);
  const std::size_t lower_bound = peak(intervals, sizes);
  if (intervals.size() <= kMaxPairwise && best.arena_bytes > lower_bound) {
    for (std::vector<Weight>& weight : orders(intervals, sizes)) {
      improve(intervals, sizes, std::move(weight), lower_bound, best);
    }
  }
  return {std::move(best.offsets), best.arena_bytes, lower_bound};
}

std::size_t least_bytes(std::span<const Interval> intervals) {
  std::vector<std::size_t> sizes;
  for (const Interval& interval : intervals) sizes.push_back(align_up(interval.bytes));
  return peak(intervals, sizes);
}

std::string memory_map(std::span<const Interval> intervals, const MemoryPlan& plan) {
  constexpr int kMaxColumns = 120;
  int last = 0;
  for (const Interval& interval : intervals) last = std::max(last, interval.last);
  const int per_column = last / kMaxColumns + 1;
  std::vector<std::size_t> order(intervals.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(plan.offsets[a], intervals[a].first) <
           std::pair(plan.offsets[b], intervals[b].first);
  });
  std::string text =
      fmt::format("arena {} bytes, lower bound {}", plan.arena_bytes, plan.lower_bound);
  if (plan.lower_bound > 0) {
    text += fmt::format(", ratio {:.3f}", static_cast<double>(plan.arena_bytes) /
                                              static_cast<double>(plan.lower_bound));
  }
  text += "\n";
  if (per_column > 1) text += fmt::format("one column is {} steps\n", per_column);
  text += fmt::format("{:>12} {:>12}  steps 0..{}\n", "offset", "bytes", last);
  for (std::size_t i : order) {
    std::string row(static_cast<std::size_t>(last / per_column + 1), '.');
    for (int column = intervals[i].first / per_column; column <= intervals[i].last / per_column;
         ++column) {
      row[static_cast<std::size_t>(column)] = '#';
    }
    text += fmt::format("{:>12} {:>12}  {}\n", plan.offsets[i], intervals[i].bytes, row);
  }
  return text;
}

}  // namespace thaw
