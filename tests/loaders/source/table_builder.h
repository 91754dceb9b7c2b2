// LevelDB tables made by hand, for the tests of what must be refused.
#pragma once

#include <cstdint>
#include <string>

#include "loaders/source/bundle.h"

namespace thaw::testing {

// A table of one data block, whose checksums always fit.
class TableBuilder {
 public:
  explicit TableBuilder(std::string block, char compression = 0) {
    file_ = framed(block, compression);
    index_handle_ = varint(0) + varint(block.size());
  }
  void set_handle(std::uint64_t offset, std::uint64_t size) {
    index_handle_ = varint(offset) + varint(size);
  }
  void append_to_handle(const std::string& bytes) { index_handle_ += bytes; }
  std::string build(int repeats = 1) const {
    std::string index;
    for (int i = 0; i < repeats; ++i) {
      const std::string key(static_cast<std::size_t>(i) + 1, '\xff');
      index += varint(0) + varint(key.size()) + varint(index_handle_.size()) + key + index_handle_;
    }
    index += fixed32(0) + fixed32(1);
    std::string footer = varint(0) + varint(0) + varint(file_.size()) + varint(index.size());
    footer.resize(40, '\0');
    return file_ + framed(index, 0) + footer + "\x57\xfb\x80\x8b\x24\x75\x47\xdb";
  }
  static std::string varint(std::uint64_t value) {
    std::string out;
    for (; value >= 128; value >>= 7) out += static_cast<char>((value & 127) | 128);
    return out + static_cast<char>(value);
  }
  static std::string fixed32(std::uint32_t value) {
    std::string out;
    for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
  }

 private:
  static std::string framed(std::string block, char compression) {
    block += compression;
    const auto crc = crc32c({reinterpret_cast<const std::byte*>(block.data()), block.size()});
    return block + fixed32(mask_crc32c(crc));
  }
  std::string file_, index_handle_;
};

inline std::string table_entry(std::uint64_t shared, const std::string& key,
                               const std::string& value) {
  return TableBuilder::varint(shared) + TableBuilder::varint(key.size()) +
         TableBuilder::varint(value.size()) + key + value;
}
inline const std::string kOneRestart = TableBuilder::fixed32(0) + TableBuilder::fixed32(1);

}  // namespace thaw::testing
