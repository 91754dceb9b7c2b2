// Several copies as one launch: sizes and addresses of any alignment.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "kernels/cuda/product.h"
#include "tests/support/fake_device.h"

namespace thaw::test {
namespace {

using cuda::Copy;
using cuda::kMostCopies;

/// Bytes that the host reads and writes and the device reaches.
struct Pinned {
  explicit Pinned(const Device& device, std::size_t size)
      : memory(device.allocate(size, MemoryKind::pinned)),
        bytes(reinterpret_cast<unsigned char*>(memory.get()), size) {}
  std::shared_ptr<std::byte> memory;
  std::span<unsigned char> bytes;
};

TEST(Copies, MoveTheirBytesAndNoOthers) {
  const FakeDevice device;
  const auto stream = device.make_stream();
  constexpr std::size_t kRoom = 128;
  const Pinned from(device, kRoom), to(device, kRoom);
  for (std::size_t i = 0; i < kRoom; ++i) from.bytes[i] = static_cast<unsigned char>(i + 1);
  for (std::size_t source = 0; source <= 16; ++source) {
    for (std::size_t target = 0; target <= 16; ++target) {
      for (std::size_t size = 0; size <= 50; ++size) {
        std::fill(to.bytes.begin(), to.bytes.end(), std::uint8_t{0});
        cuda::enqueue_copy({*stream}, &from.bytes[source], &to.bytes[target],
                           static_cast<std::int64_t>(size));
        stream->wait();
        for (std::size_t i = 0; i < kRoom; ++i) {
          const bool inside = i >= target && i < target + size;
          ASSERT_EQ(to.bytes[i], inside ? source + (i - target) + 1 : 0)
              << size << " bytes from " << source << " to " << target << ", byte " << i;
        }
      }
    }
  }
}

TEST(Copies, SeveralGoInOneLaunch) {
  const FakeDevice device;
  const auto stream = device.make_stream();
  const std::size_t sizes[kMostCopies] = {4, 0, 1000, 17, 4096, 1, 48, 6};
  std::vector<Pinned> from, to;
  std::vector<Copy> copies;
  for (const std::size_t size : sizes) {
    from.emplace_back(device, size + 1);
    to.emplace_back(device, size + 1);
    for (std::size_t i = 0; i <= size; ++i) {
      from.back().bytes[i] = static_cast<unsigned char>(i * 7 + from.size());
      to.back().bytes[i] = 0xee;
    }
    copies.push_back(
        {from.back().memory.get(), to.back().memory.get(), static_cast<std::int64_t>(size)});
  }
  cuda::enqueue_copies({*stream}, copies);
  stream->wait();
  for (std::size_t i = 0; i < kMostCopies; ++i) {
    EXPECT_EQ(std::memcmp(from[i].bytes.data(), to[i].bytes.data(), sizes[i]), 0) << i;
    EXPECT_EQ(to[i].bytes[sizes[i]], 0xee) << i;
  }
}

}  // namespace
}  // namespace thaw::test
