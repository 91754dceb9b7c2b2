// Which of several kernels for one site is the quickest: measured once, remembered by shape.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kernels/cuda/dispatch.h"

namespace thaw::cuda {

/// Any thread may call it.
class Measured {
 public:
  using Clock = std::function<double()>;  // seconds
  explicit Measured(Clock clock);

  /// Gives a kernel for a site, or null.
  using Candidate = std::function<KernelPtr(const Site&)>;

  /// The kernel of one of `candidates`, or null if none has one that runs. Each is run a few times
  /// on memory of its own, which holds zeros, and recorded, as sessions replay it; one that fails
  /// at either is out (a single one is tried, not timed), and of those that are about as quick the
  /// first is taken. Where the device has no room for that, the first has to do. One site is
  /// measured at a time. `key` says everything that the times depend on; where it is known, only
  /// the quickest is prepared and nothing runs. What the others packed goes with them: the site's
  /// PackCache sees the quickest only.
  KernelPtr quickest(const std::vector<Candidate>& candidates, const Site& site,
                     const Device& device, const std::string& key);

 private:
  std::optional<std::size_t> known(const std::string& key) const;
  std::optional<std::size_t> measure(const std::vector<Candidate>& candidates, const Site& site,
                                     const Device& device) const;

  Clock clock_;
  std::mutex measuring_;
  mutable std::mutex mutex_;                      // of what is known
  std::map<std::string, std::size_t> positions_;  // key -> of the quickest
};

/// Of a site: its types, which operands are constants, and whatever the caller puts in front.
std::string shape_key(const std::string& op, const Site& site);

}  // namespace thaw::cuda
