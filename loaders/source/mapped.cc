#include "loaders/source/mapped.h"

#include <libdeflate.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "runtime/base/stored.h"

namespace thaw {
namespace {

constexpr std::size_t kLeastStored = 1 << 14;  // for less a copy is cheaper than its bookkeeping
constexpr std::size_t kReadAhead = 1 << 20;    // of a mapped file, brought in at once
constexpr std::size_t kLeastLetGo = 16 << 20;  // what is smaller will soon be read again

std::uintptr_t page_size() {
  static const auto size = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  return size;
}

std::uintptr_t page_of(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) / page_size() * page_size();
}

/// The pages that hold some of `part`.
std::span<std::byte> pages_of(std::span<const std::byte> part) {
  const std::uintptr_t first = page_of(part.data());
  const std::uintptr_t end = page_of(part.data() + part.size() + page_size() - 1);
  return {reinterpret_cast<std::byte*>(first), end - first};
}

// One call for what would be a page fault for every sixteen pages; may do nothing.
void bring_in(std::span<const std::byte> part) {
#ifdef MADV_POPULATE_READ
  const std::span<std::byte> pages = pages_of(part);
  madvise(pages.data(), pages.size(), MADV_POPULATE_READ);
#else
  static_cast<void>(part);
#endif
}

class MappedElements final : public StoredElements {
 public:
  explicit MappedElements(Bytes part) : part_(std::move(part)) {}

  void read(void* out) const override { std::memcpy(out, part_.data.data(), part_.size()); }
  bool read_part(std::size_t first, std::size_t count, void* out) const override {
    std::memcpy(out, part_.data.data() + first, count);
    return true;
  }
  const void* bytes() const override { return part_.data.data(); }
  void let_go() const override { thaw::let_go(part_); }

 private:
  Bytes part_;
};

}  // namespace

Tensor tensor_of(const Bytes& part, DType dtype, Shape shape) {
  if (part.mapped && part.size() >= kLeastStored) {
    return Tensor::stored(dtype, std::move(shape), std::make_shared<MappedElements>(part));
  }
  const std::size_t width = is_complex(dtype) ? size_of(dtype) / 2 : size_of(dtype);
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(part.data.data()) % width == 0;
  if (is_aligned && !part.mapped) {
    return Tensor::borrow(dtype, std::move(shape), part.data.data(), part.owner);
  }
  Tensor tensor(dtype, std::move(shape));
  if (!part.data.empty()) std::memcpy(tensor.mutable_data(), part.data.data(), part.size());
  return tensor;
}

void let_go(const Bytes& part) {
  if (!part.mapped || part.data.empty()) return;
  // The first and the last page too, which others may be reading: they would come back.
  const std::span<std::byte> pages = pages_of(part.data);
  madvise(pages.data(), pages.size(), MADV_DONTNEED);
}

std::uint32_t crc32_of(const Bytes& part) {
  std::uint32_t crc = 0;
  for (std::size_t done = 0; done < part.size(); done += kReadAhead) {
    const auto step = part.data.subspan(done, std::min(kReadAhead, part.size() - done));
    if (part.mapped) bring_in(step);
    crc = libdeflate_crc32(crc, step.data(), step.size());
    if (part.size() >= kLeastLetGo) let_go({step, nullptr, {}, part.mapped});
  }
  return crc;
}

}  // namespace thaw
