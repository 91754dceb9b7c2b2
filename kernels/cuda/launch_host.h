// launch.cuh on the host: one block after the other, its threads in turn.
#pragma once

#include <array>
#include <vector>

#include "kernels/cuda/host_stream.h"
#include "kernels/cuda/launch.cuh"

namespace thaw::cuda {

class Block {
 public:
  explicit Block(std::byte* shared) : shared_(shared) {}

  template <class Body>
  void each(std::int64_t count, const Body& body) const {
    for (std::int64_t i = 0; i < count; ++i) body(i);
  }

  template <class T, class Map, class Combine>
  T reduce(std::int64_t count, T start, const Map& map, const Combine& combine) const {
    static_assert(sizeof(T) <= kReduceBytes);
    std::array<T, kThreads> slots;
    slots.fill(start);
    for (std::int64_t i = 0; i < count; ++i) {
      T& slot = slots[static_cast<std::size_t>(i % kThreads)];
      slot = combine(slot, map(i));
    }
    for (std::size_t half = kThreads / 2; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) slots[i] = combine(slots[i], slots[i + half]);
    }
    return slots[0];
  }

  template <class T>
  T* shared(std::size_t bytes_before = 0) const {
    return reinterpret_cast<T*>(shared_ + bytes_before);
  }

 private:
  std::byte* shared_;
};

template <class Body>
void launch_each(const Queue& queue, std::int64_t count, const Body& body) {
  static_cast<HostStream&>(queue.stream).enqueue([count, body] {
    for (std::int64_t i = count; i-- > 0;) body(i);  // not the order one might rely on
  });
}

template <class Body>
void launch_blocks(const Queue& queue, std::int64_t count, std::size_t shared_bytes,
                   const Body& body) {
  static_cast<HostStream&>(queue.stream).enqueue([count, shared_bytes, body] {
    // 16-byte units for alignment; filled with NaN patterns, as shared memory is not cleared.
    struct alignas(16) Unit {
      unsigned char bytes[16];
    };
    std::vector<Unit> shared(shared_bytes / 16 + 1);
    for (std::int64_t i = count; i-- > 0;) {
      std::memset(shared.data(), 0xff, shared.size() * sizeof(Unit));
      body(Block(reinterpret_cast<std::byte*>(shared.data())), i);
    }
  });
}

template <class Body>
bool has_code() {
  return true;
}

/// The first to meet a bad element writes it down.
inline void report(Fault* fault, std::int32_t kind, std::int32_t step, std::int64_t position,
                   std::int64_t found, std::int64_t limit) {
  if (fault->kind == Fault::none) *fault = {kind, step, position, found, limit};
}

}  // namespace thaw::cuda
