// What a thread does between two looks at what it waits for.
#pragma once

namespace thaw {

/// A few dozen cycles in which the other thread of the core has the processor to itself.
inline void spin_pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace thaw
