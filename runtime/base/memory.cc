#include "runtime/base/memory.h"

#include <cstdlib>

#include "runtime/base/check.h"

namespace thaw {

void AlignedFree::operator()(std::byte* memory) const { std::free(memory); }

AlignedBytes allocate_aligned(std::size_t bytes) {
  if (bytes > SIZE_MAX / 2) fail(ErrorCode::resource_exhausted, "cannot allocate {} bytes", bytes);
  const std::size_t rounded = bytes == 0 ? kAlignment : align_up(bytes);
  void* memory = std::aligned_alloc(kAlignment, rounded);
  if (memory == nullptr) fail(ErrorCode::resource_exhausted, "cannot allocate {} bytes", bytes);
  return AlignedBytes(static_cast<std::byte*>(memory));
}

}  // namespace thaw
