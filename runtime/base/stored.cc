#include "runtime/base/stored.h"

#include <algorithm>
#include <cstdint>

namespace thaw {
namespace {

constexpr std::size_t kRowsAtOnce = std::size_t{1} << 16;  // bytes

bool is_aligned(const void* address, std::size_t width) {
  return reinterpret_cast<std::uintptr_t>(address) % width == 0;
}

}  // namespace

const void* StoredElements::data(std::size_t size, std::size_t width) const {
  const void* here = bytes();
  if (here != nullptr && is_aligned(here, width)) return here;
  if (const void* made = copy()) return made;
  const std::lock_guard lock(mutex_);
  if (copy_ == nullptr) {
    AlignedBytes memory = allocate_aligned(size);
    read(memory.get());
    copy_ = std::move(memory);
    copied_.store(copy_.get(), std::memory_order_release);
    let_go();
  }
  return copy_.get();
}

ReadOnce::ReadOnce(const Tensor& tensor, std::size_t width) : stored_(tensor.stored()) {
  if (stored_ == nullptr) {
    data_ = tensor.data();
    return;
  }
  const void* here = stored_->bytes();
  if (here != nullptr && is_aligned(here, width)) {
    data_ = here;
  } else if (const void* made = stored_->copy()) {
    data_ = made;
  } else {
    copy_ = allocate_aligned(tensor.size_bytes());
    stored_->read(copy_.get());
    data_ = copy_.get();
  }
}

ReadOnce::~ReadOnce() {
  if (stored_ != nullptr) stored_->let_go();
}

void read_rows_once(const Tensor& tensor, std::int64_t rows,
                    const std::function<void(const void*, std::int64_t, std::int64_t)>& use) {
  const StoredElements* stored = tensor.stored();
  const void* here = stored == nullptr ? tensor.data() : stored->bytes();
  const bool in_place = here != nullptr && is_aligned(here, size_of(tensor.dtype()));
  if (stored == nullptr || in_place || rows <= 1 || stored->copy() != nullptr) {
    const ReadOnce elements(tensor);
    return use(elements.data(), 0, rows);
  }
  const std::size_t row = tensor.size_bytes() / static_cast<std::size_t>(rows);
  const auto most = static_cast<std::int64_t>(kRowsAtOnce / std::max<std::size_t>(1, row));
  const std::int64_t step = std::clamp<std::int64_t>(most, 1, rows);
  const AlignedBytes part = allocate_aligned(static_cast<std::size_t>(step) * row);
  for (std::int64_t first = 0; first < rows; first += step) {
    const std::int64_t count = std::min(step, rows - first);
    if (!stored->read_part(static_cast<std::size_t>(first) * row,
                           static_cast<std::size_t>(count) * row, part.get())) {
      const ReadOnce elements(tensor);
      return use(elements.data(), 0, rows);  // said at once, so that nothing was used yet
    }
    use(part.get(), first, count);
  }
  stored->let_go();
}

}  // namespace thaw
