// Bounds-checked reading of little-endian fields, and memory for what is read.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/check.h"
#include "runtime/base/memory.h"

namespace thaw {

/// The unsigned little-endian integer in `size` bytes (0 to 8) at `address`.
inline std::uint64_t load_little(const std::byte* address, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::uint64_t(address[i]) << (8 * i);
  return value;
}

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// A forward reader over bytes. Reading past the end throws Error(data_loss) naming file and
/// structure.
class ByteReader {
 public:
  /// `name` (of the file) and `what` (the structure) are for messages and must outlive the reader.
  ByteReader(std::span<const std::byte> data, const std::string& name, const char* what)
      : data_(data), name_(&name), what_(what) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return data_.size() - position_; }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > remaining()) {
      fail(ErrorCode::data_loss, "{}: {} is cut short: {} bytes needed, {} left", printable(*name_),
           what_, count, remaining());
    }
    const auto part = data_.subspan(position_, static_cast<std::size_t>(count));
    position_ += part.size();
    return part;
  }
  void skip(std::uint64_t count) { take(count); }
  std::uint64_t uint(std::size_t size) { return load_little(take(size).data(), size); }
  std::uint8_t u8() { return static_cast<std::uint8_t>(uint(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(uint(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(uint(4)); }
  std::uint64_t u64() { return uint(8); }
  void expect(std::string_view signature) {
    if (as_text(take(signature.size())) != signature) {
      fail(ErrorCode::data_loss, "{}: {} does not begin with '{}'", printable(*name_), what_,
           printable(signature));
    }
  }

 private:
  std::span<const std::byte> data_;
  const std::string* name_;
  const char* what_;
  std::size_t position_ = 0;
};

/// Memory with shared ownership, to be filled and then handed out as read-only bytes.
struct Buffer {
  explicit Buffer(std::size_t count) : size(count) {
    AlignedBytes memory = allocate_aligned(count);
    data = memory.get();
    owner = std::shared_ptr<const void>(data, [](const void* address) {
      AlignedFree()(static_cast<std::byte*>(const_cast<void*>(address)));
    });
    static_cast<void>(memory.release());
  }
  std::span<std::byte> span() const { return {data, size}; }

  std::byte* data = nullptr;
  std::size_t size = 0;
  std::shared_ptr<const void> owner;
};

/// Decompresses a DEFLATE stream (with a zlib header unless `raw`) that must give exactly
/// output.size() bytes and use all of `input`. Throws Error(data_loss).
void inflate(std::span<const std::byte> input, std::span<std::byte> output, bool raw,
             const std::string& name);

}  // namespace thaw
