// Elements of a tensor that stay in their file, or are not yet computed, until somebody needs them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "runtime/base/memory.h"
#include "thaw/tensor.h"

namespace thaw {

/// Shared by all copies of a tensor; any number of threads may call it at once.
class StoredElements {
 public:
  virtual ~StoredElements() = default;
  /// Writes all elements to aligned memory.
  virtual void read(void* out) const = 0;
  /// The elements where they lie, at any alignment; null when they exist only once they are read.
  virtual const void* bytes() const { return nullptr; }
  /// They are not needed for a while: the pages of a mapped file leave the process. bytes() stays
  /// valid.
  virtual void let_go() const {}
  /// Writes bytes [first, first + count) of them, which are whole elements, to aligned memory.
  /// False if it can only write all at once.
  virtual bool read_part(std::size_t /*first*/, std::size_t /*count*/, void* /*out*/) const {
    return false;
  }

  /// The elements in memory aligned to `width`: bytes(), or a copy that is made by the first call
  /// and kept. `size`: of all, in bytes.
  const void* data(std::size_t size, std::size_t width) const;
  /// That copy if it was made.
  const void* copy() const { return copied_.load(std::memory_order_acquire); }

 private:
  mutable std::mutex mutex_;  // guards copy_
  mutable AlignedBytes copy_;
  mutable std::atomic<const void*> copied_ = nullptr;
};

/// The elements of a tensor for somebody who goes through them once: where they are, or in a copy
/// that ends with this object. Afterwards a stored tensor is told to let go.
class ReadOnce {
 public:
  /// `tensor` must outlive this. `width`: what data() is to be aligned to; 1 spares the copy of
  /// elements that lie in memory at an odd address.
  ReadOnce(const Tensor& tensor, std::size_t width);
  explicit ReadOnce(const Tensor& tensor) : ReadOnce(tensor, size_of(tensor.dtype())) {}
  ~ReadOnce();
  ReadOnce(const ReadOnce&) = delete;
  ReadOnce& operator=(const ReadOnce&) = delete;

  const void* data() const { return data_; }
  template <class T>
  const T* as() const {
    return static_cast<const T*>(data_);
  }

 private:
  const StoredElements* stored_;
  AlignedBytes copy_;
  const void* data_ = nullptr;
};

/// Goes through the elements of a tensor once, as ReadOnce does, but where they have to be copied
/// or computed only some of its `rows` at a time, which stay in the cache: use(elements of the
/// rows, first row, number of rows), in the order of the rows.
void read_rows_once(const Tensor& tensor, std::int64_t rows,
                    const std::function<void(const void*, std::int64_t, std::int64_t)>& use);

}  // namespace thaw
