// Aligned host memory.
#pragma once

#include <cstddef>
#include <memory>

namespace thaw {

constexpr std::size_t kAlignment = 64;  // a cache line, and the widest vector

constexpr std::size_t align_up(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

struct AlignedFree {
  void operator()(std::byte* memory) const;
};
using AlignedBytes = std::unique_ptr<std::byte[], AlignedFree>;

/// Uninitialised, 64-byte aligned, never null. Throws Error(resource_exhausted) when there is no
/// memory.
AlignedBytes allocate_aligned(std::size_t bytes);

}  // namespace thaw
