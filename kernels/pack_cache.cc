#include <algorithm>
#include <chrono>

#include "kernels/backend.h"
#include "runtime/base/memory.h"

namespace thaw {
namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21;

std::shared_ptr<std::byte> shared_memory(std::size_t bytes) {
  return {allocate_aligned(bytes).release(), AlignedFree{}};
}

}  // namespace

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

std::shared_ptr<std::byte> PackCache::allocate(std::size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (bytes > 0 && bytes <= block_bytes_ - block_used_) {
      std::byte* part = block_.get() + block_used_;
      block_used_ = std::min(block_bytes_, align_up(block_used_ + bytes));
      return {block_, part};
    }
  }
  return shared_memory(bytes);
}

void PackCache::expect(std::size_t bytes) {
  const std::size_t whole = bytes / kHugePage * kHugePage;
  if (whole == 0) return;
  const std::lock_guard lock(mutex_);
  if (block_bytes_ - block_used_ >= whole) return;
  block_ = shared_memory(whole);  // what does not fit fills what is free elsewhere
  block_bytes_ = whole;
  block_used_ = 0;
}

bool PackCache::holds(const Tensor& source) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.lower_bound({source.identity(), std::string()});
  return found != entries_.end() && found->first.first == source.identity();
}

std::size_t PackCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace thaw
