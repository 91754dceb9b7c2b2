// Which of several kernels for one site is the quickest: measured once, remembered by shape.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/cuda/dispatch.h"

namespace thaw::cuda {

/// Any thread may call it.
class Measured {
 public:
  using Clock = std::function<double()>;  // seconds
  explicit Measured(Clock clock);

  /// One of `candidates` (null ones are passed over), or null if there is none. Each is run a few
  /// times on memory of its own, which holds zeros; one that fails is out. `key` says everything
  /// that the times depend on; where it is known, nothing runs.
  KernelPtr quickest(std::vector<KernelPtr> candidates, const Site& site, const Device& device,
                     const std::string& key);

 private:
  std::string known(const std::string& key) const;

  Clock clock_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> names_;  // key -> name of the quickest
};

/// Of a site: its types, and whatever the caller puts in front.
std::string shape_key(const std::string& op, const Site& site);

}  // namespace thaw::cuda
