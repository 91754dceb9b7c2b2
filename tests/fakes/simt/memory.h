// What the threads of simt.h do to memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "runtime/base/check.h"

namespace simt {

constexpr unsigned kWarp = 32;

/// What a launch wrote to the device's memory: to be undone before it runs in the next order, and
/// compared.
class Writes {
 public:
  /// Before the write.
  void note(std::uintptr_t place, std::size_t bytes) {
    for (std::uintptr_t word = place & ~std::uintptr_t{7}; word < place + bytes; word += 8) {
      auto* at = reinterpret_cast<std::uint64_t*>(word);
      before_.try_emplace(at, *at);
    }
  }
  void undo() {
    for (const auto& [word, value] : before_) *word = value;
  }
  void compare() {
    for (const auto& [word, before] : before_) {
      if (!compared_) {
        first_[word] = *word;
        continue;
      }
      const auto found = first_.find(word);
      const std::uint64_t first = found == first_.end() ? before : found->second;
      if (*word == first || first_come) continue;
      thaw::fail(thaw::ErrorCode::internal,
                 "what a launch writes depends on its threads' order: {:x} or {:x}", first, *word);
    }
    compared_ = true;
  }

  bool first_come = false;  // whoever comes first may decide what is written

 private:
  std::unordered_map<std::uint64_t*, std::uint64_t> before_, first_;
  bool compared_ = false;
};

/// A block and a thread of it.
struct Id {
  std::uint32_t packed = 0;
  static constexpr std::uint32_t kThreads = 1024;
  static Id of(unsigned block, unsigned thread) { return {block * kThreads + thread}; }
  unsigned thread() const { return packed % kThreads; }
  bool shares_block(Id other) const { return packed / kThreads == other.packed / kThreads; }
  bool shares_warp(Id other) const { return packed / kWarp == other.packed / kWarp; }
};

/// An access to a byte of shared memory. A barrier's time is later than all accesses before it.
struct Mark {
  Id id;
  std::uint32_t time = 0;  // 0: none
};
struct Cell {
  Mark written, read[2];  // the last, and the last by another thread
};

/// The thread that runs, the time, and when those that it shares barriers with last met.
struct Turn {
  Id id;
  std::uint32_t now = 0, all_met = 0, block_met = 0, warp_met = 0;

  /// Whether a barrier of both lies in between.
  bool follows(const Mark& mark) const {
    return mark.time < all_met || mark.id.packed == id.packed ||
           (mark.time < block_met && mark.id.shares_block(id)) ||
           (mark.time < warp_met && mark.id.shares_warp(id));
  }
  /// Empty, or what is wrong.
  std::string touch(Cell& cell, bool write) const {
    if (!follows(cell.written)) return conflict(write, cell.written, "writes");
    if (!write) {
      if (cell.read[0].id.packed != id.packed) cell.read[1] = cell.read[0];
      cell.read[0] = {id, now};
      return "";
    }
    for (const Mark& read : cell.read) {
      if (!follows(read)) return conflict(write, read, "reads");
    }
    cell.written = {id, now};
    return "";
  }

 private:
  static std::string conflict(bool write, const Mark& other, const char* does) {
    return fmt::format("{} shared memory that thread {} {} without a barrier in between",
                       write ? "writes" : "reads", other.id.thread(), does);
  }
};

}  // namespace simt
