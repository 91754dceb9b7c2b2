#include <chrono>

#include "kernels/backend.h"

namespace thaw {

std::shared_ptr<const void> PackCache::get(
    const Tensor& source, const std::string& layout,
    const std::function<std::shared_ptr<const void>()>& pack) {
  const std::pair<const void*, std::string> key{source.identity(), layout};
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(key); found != entries_.end()) return found->second.packed;
  }
  // Packed outside the lock: two threads may pack the same weights, the first to finish is kept.
  const auto start = std::chrono::steady_clock::now();
  std::shared_ptr<const void> packed = pack();
  const auto spent = std::chrono::steady_clock::now() - start;
  pack_nanoseconds_ += std::chrono::duration_cast<std::chrono::nanoseconds>(spent).count();
  const std::lock_guard lock(mutex_);
  return entries_.try_emplace(key, Entry{source, std::move(packed)}).first->second.packed;
}

std::size_t PackCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace thaw
