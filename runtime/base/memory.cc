#include "runtime/base/memory.h"

#include <sys/mman.h>

#include <cstdlib>

#include "runtime/base/check.h"

namespace thaw {
namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21;

// Large blocks are written once from end to end (packed weights, arenas): a page fault for every
// 2 MiB instead of every 4 KiB, where the system grants it. Only whole huge pages inside the block
// are asked for, so that no more becomes resident.
void ask_for_huge_pages(void* memory, std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);  // a refusal changes nothing
#endif
}

}  // namespace

void AlignedFree::operator()(std::byte* memory) const { std::free(memory); }

AlignedBytes allocate_aligned(std::size_t bytes) {
  if (bytes > SIZE_MAX / 2) fail(ErrorCode::resource_exhausted, "cannot allocate {} bytes", bytes);
  const std::size_t rounded = bytes == 0 ? kAlignment : align_up(bytes);
  const bool huge = rounded >= kHugePage;
  void* memory = nullptr;  // not aligned_alloc, whose sizes are multiples of the alignment
  if (posix_memalign(&memory, huge ? kHugePage : kAlignment, rounded) != 0)
    fail(ErrorCode::resource_exhausted, "cannot allocate {} bytes", bytes);
  if (huge) ask_for_huge_pages(memory, rounded);
  return AlignedBytes(static_cast<std::byte*>(memory));
}

}  // namespace thaw
