#include "runtime/base/stored.h"

#include <cstdint>

namespace thaw {
namespace {

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

}  // namespace thaw
