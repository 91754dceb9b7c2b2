// What -fsanitize=thread has the compiler call, in place of ThreadSanitizer's own library: every
// access to memory, for simt.h. Atomics are the host's, and are carried out.
#include <cstddef>
#include <cstring>

#include "tests/fakes/simt/simt.h"

#define THAW_ACCESS(bytes)                                                        \
  void __tsan_read##bytes(void* at) { simt::access(at, bytes, false); }           \
  void __tsan_write##bytes(void* at) { simt::access(at, bytes, true); }           \
  void __tsan_unaligned_read##bytes(void* at) { simt::access(at, bytes, false); } \
  void __tsan_unaligned_write##bytes(void* at) { simt::access(at, bytes, true); }

#define THAW_ATOMIC(bits, T)                                                                       \
  T __tsan_atomic##bits##_load(const volatile T* at, int) {                                        \
    return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                                  \
  }                                                                                                \
  void __tsan_atomic##bits##_store(volatile T* at, T value, int) {                                 \
    __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                                 \
  }                                                                                                \
  T __tsan_atomic##bits##_exchange(volatile T* at, T value, int) {                                 \
    return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                                       \
  }                                                                                                \
  T __tsan_atomic##bits##_fetch_add(volatile T* at, T value, int) {                                \
    return __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST);                                        \
  }                                                                                                \
  T __tsan_atomic##bits##_fetch_sub(volatile T* at, T value, int) {                                \
    return __atomic_fetch_sub(at, value, __ATOMIC_SEQ_CST);                                        \
  }                                                                                                \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile T* at, T* expected, T value, int,     \
                                                    int) {                                         \
    return __atomic_compare_exchange_n(at, expected, value, 0, __ATOMIC_SEQ_CST,                   \
                                       __ATOMIC_SEQ_CST);                                          \
  }                                                                                                \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile T* at, T* expected, T value, int first, \
                                                  int second) {                                    \
    return __tsan_atomic##bits##_compare_exchange_strong(at, expected, value, first, second);      \
  }

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void**) {}
void __tsan_vptr_update(void**, void*) {}
THAW_ACCESS(1)
THAW_ACCESS(2)
THAW_ACCESS(4)
THAW_ACCESS(8)
THAW_ACCESS(16)
void __tsan_read_range(void* at, std::size_t bytes) { simt::access(at, bytes, false); }
void __tsan_write_range(void* at, std::size_t bytes) { simt::access(at, bytes, true); }
THAW_ATOMIC(8, char)
THAW_ATOMIC(32, int)
THAW_ATOMIC(64, long)
}
