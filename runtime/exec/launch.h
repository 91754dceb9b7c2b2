// What a profile sees of one launch.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>

#include "runtime/ir/graph.h"

namespace thaw {

/// Valid during the visit; the node as long as the compiled graph.
struct LaunchSeen {
  const Node* node;    // null: copies an output that lies elsewhere
  const char* kernel;  // which implementation ran
  std::span<const TensorType*const> in, out;
  std::int64_t begin, end;  // clock_nanoseconds()
};

/// Called behind each launch, outside of its time.
using LaunchVisit = std::function<void(const LaunchSeen&)>;

inline std::int64_t clock_nanoseconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace thaw
