// Workspaces of NVIDIA's libraries begin at multiples of 256 bytes, which is more than places in an
// arena (runtime/base/memory.h) promise.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/memory.h"

namespace thaw::cuda {

constexpr std::size_t kLibraryAlignment = 256;

/// What to reserve for a library's workspace of so many bytes; nothing for none.
constexpr std::size_t library_room(std::size_t bytes) {
  return bytes == 0 ? 0 : bytes + kLibraryAlignment - kAlignment;
}

/// Where the workspace begins in what was reserved; null if it has no bytes.
inline std::byte* library_workspace(std::byte* room, std::size_t bytes) {
  if (bytes == 0) return nullptr;
  const std::size_t over = reinterpret_cast<std::uintptr_t>(room) % kLibraryAlignment;
  return over == 0 ? room : room + (kLibraryAlignment - over);
}

}  // namespace thaw::cuda
