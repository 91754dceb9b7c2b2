// Sums up launches by node.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>

#include "runtime/exec/launch.h"
#include "thaw/session.h"

namespace thaw {

class LaunchRecorder {
 public:
  void add(const LaunchSeen& launch);
  /// The ops and launches so far; runs and microseconds are the caller's.
  Profile take() { return std::move(profile_); }

 private:
  Profile profile_;
  std::unordered_map<const Node*, std::size_t> index_;
  std::int64_t start_ = -1;  // of the first launch
};

}  // namespace thaw
