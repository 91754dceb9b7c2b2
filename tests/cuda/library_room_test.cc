#include "kernels/cuda/library_room.h"

#include <gtest/gtest.h>

#include <vector>

namespace thaw::cuda {
namespace {

TEST(LibraryRoom, WorkspacesBeginAlignedAndEndWithinWhatWasReserved) {
  EXPECT_EQ(library_room(0), 0U);
  std::vector<std::byte> arena(4096);
  const auto base = reinterpret_cast<std::uintptr_t>(arena.data());
  std::byte* const first = arena.data() + (kAlignment - base % kAlignment) % kAlignment;
  for (std::size_t place = 0; place < 8; ++place) {
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{64}, std::size_t{1000}}) {
      std::byte* const room = first + place * kAlignment;
      std::byte* const begin = library_workspace(room, bytes);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(begin) % 256, 0U);
      EXPECT_GE(begin, room);
      EXPECT_LE(begin + bytes, room + library_room(bytes));
    }
    EXPECT_EQ(library_workspace(first + place * kAlignment, 0), nullptr);
  }
}

}  // namespace
}  // namespace thaw::cuda
