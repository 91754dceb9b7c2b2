#include "runtime/base/memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

#include "runtime/base/check.h"

namespace thaw {
namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21;
constexpr std::size_t kPage = std::size_t{1} << 12;
constexpr std::size_t kLeastBroughtIn = std::size_t{1} << 17;  // less is often memory used before

// Large blocks are written once from end to end (packed weights, arenas): a page fault for every
// 2 MiB instead of every 4 KiB, where the system grants it. Only whole huge pages inside the block
// are asked for, so that no more becomes resident.
void ask_for_huge_pages(void* memory, std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  madvise(memory, bytes, MADV_HUGEPAGE);  // a refusal changes nothing
#endif
}

// The small pages of such blocks come in with one call instead of a fault each.
void bring_in_pages(std::byte* memory, std::size_t bytes) {
#ifdef MADV_POPULATE_WRITE
  const auto first = reinterpret_cast<std::uintptr_t>(memory) / kPage * kPage;
  const auto end = reinterpret_cast<std::uintptr_t>(memory + bytes);
  madvise(reinterpret_cast<void*>(first), end - first, MADV_POPULATE_WRITE);  // likewise
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
  AlignedBytes block(static_cast<std::byte*>(memory));
  const std::size_t in_huge_pages = rounded / kHugePage * kHugePage;
  if (huge) ask_for_huge_pages(memory, in_huge_pages);
  const std::size_t rest = rounded - in_huge_pages;
  if (rest >= kLeastBroughtIn) bring_in_pages(block.get() + in_huge_pages, rest);
  return block;
}

}  // namespace thaw
