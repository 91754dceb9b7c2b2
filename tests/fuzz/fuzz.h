// What all fuzz targets share: limits fit for small inputs, and the one allowed way to fail.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "loaders/source/file_tree.h"
#include "thaw/error.h"

namespace thaw::fuzz {

inline Limits small_limits() {
  Limits limits;
  limits.max_file_bytes = 64 << 20;
  limits.max_total_bytes = 64 << 20;
  limits.max_message_bytes = 64 << 20;
  limits.max_entries = 100'000;
  return limits;
}

/// A copy of exactly this length, so that every read past the end is seen.
inline Bytes copy(const std::uint8_t* data, std::size_t size) {
  auto memory = std::make_shared<std::vector<std::byte>>(
      reinterpret_cast<const std::byte*>(data), reinterpret_cast<const std::byte*>(data) + size);
  return {{memory->data(), size}, memory, "input"};
}

/// Runs `f`. Only Error may come out of it, and never of the code `internal`.
template <class F>
bool attempt(const F& f) {
  try {
    f();
    return true;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) {
      std::fprintf(stderr, "internal error: %s\n", error.what());
      std::abort();
    }
    return false;
  }
}

/// Reads every byte of a region, for the sanitizer to check.
inline void touch(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  unsigned sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += bytes[i];
  volatile unsigned sink = sum;
  static_cast<void>(sink);
}

}  // namespace thaw::fuzz
