// LevelDB's table format, as TensorFlow writes it.
#include <snappy.h>

#include <algorithm>

#include "loaders/source/bundle.h"
#include "loaders/source/byte_reader.h"
#include "loaders/source/wire.h"

namespace thaw {
namespace {

constexpr std::size_t kFooter = 48, kBlockTrailer = 5;
constexpr std::string_view kTableMagic = "\x57\xfb\x80\x8b\x24\x75\x47\xdb";

using Entry = std::pair<std::string, std::string>;

struct Handle {
  std::uint64_t offset, size;
};

class SstableReader {
 public:
  SstableReader(const Bytes& file, const Limits& limits) : file_(file), limits_(limits) {}
  std::vector<Entry> read();

 private:
  template <class... Args>
  [[noreturn]] void damaged(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::data_loss, "{}: {}", printable(file_.name, 1024),
         fmt::format(format, std::forward<Args>(args)...));
  }
  Handle handle(ByteReader& reader) const {
    const std::uint64_t offset = read_varint(reader, file_.name, "a block handle");
    return {offset, read_varint(reader, file_.name, "a block handle")};
  }
  /// The block's entries are appended; a block's keys must ascend.
  void read_block(const Handle& handle, std::vector<Entry>& entries);
  std::string uncompressed(std::span<const std::byte> stored, unsigned compression) const;
  void parse_block(std::span<const std::byte> block, std::vector<Entry>& entries) const;

  const Bytes& file_;
  const Limits& limits_;
  std::uint64_t blocks_bytes_ = 0;
};

std::string SstableReader::uncompressed(std::span<const std::byte> stored,
                                        unsigned compression) const {
  constexpr unsigned kNone = 0, kSnappy = 1;
  constexpr std::size_t kSnappyRatio = 22;  // a copy of 64 bytes takes 3
  if (compression == kNone) return std::string(as_text(stored));
  if (compression != kSnappy) damaged("a block has compression type {}", compression);
  const std::string_view text = as_text(stored);
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(text.data(), text.size(), &size) ||
      size / kSnappyRatio > text.size() || size > limits_.max_message_bytes) {
    damaged("a compressed block of {} bytes claims to hold {}", text.size(), size);
  }
  std::string block(size, '\0');
  if (!snappy::RawUncompress(text.data(), text.size(), block.data()))
    damaged("a compressed block is damaged");
  return block;
}

void SstableReader::read_block(const Handle& handle, std::vector<Entry>& entries) {
  const std::uint64_t end = file_.size() - kFooter;
  if (handle.size > end || kBlockTrailer > end - handle.size ||
      handle.offset > end - handle.size - kBlockTrailer) {
    damaged("a block of {} bytes at {} lies outside the file of {} bytes", handle.size,
            handle.offset, file_.size());
  }
  blocks_bytes_ += handle.size + kBlockTrailer;
  if (blocks_bytes_ > file_.size()) damaged("its blocks overlap");
  const auto block = file_.data.subspan(static_cast<std::size_t>(handle.offset),
                                        static_cast<std::size_t>(handle.size) + kBlockTrailer);
  const auto checked = block.first(block.size() - 4);  // the compression type is part of the CRC
  const auto stored = static_cast<std::uint32_t>(load_little(checked.data() + checked.size(), 4));
  if (mask_crc32c(crc32c(checked)) != stored) {
    damaged("the checksum of the block at {} does not fit", handle.offset);
  }
  const auto compression = static_cast<unsigned>(checked.back());
  const std::string plain = uncompressed(checked.first(checked.size() - 1), compression);
  parse_block(as_bytes(plain), entries);
}

void SstableReader::parse_block(std::span<const std::byte> block,
                                std::vector<Entry>& entries) const {
  // Every 16th key is written in full, so that keys cannot grow beyond a small multiple of the
  // block.
  constexpr std::uint64_t kMaxKeyGrowth = 64;
  if (block.size() < 4) damaged("a block is too short");
  const std::uint64_t restarts = load_little(block.data() + block.size() - 4, 4);
  if (restarts == 0 || restarts > (block.size() - 4) / 4)
    damaged("a block has {} restart points", restarts);
  const auto body = block.first(block.size() - 4 - 4 * static_cast<std::size_t>(restarts));
  for (std::uint64_t i = 0; i < restarts; ++i) {
    const std::uint64_t at = load_little(block.data() + body.size() + 4 * i, 4);
    if (at > body.size() || (i == 0 && at != 0)) damaged("a block has a restart point at {}", at);
  }
  ByteReader reader(body, file_.name, "a block");
  std::uint64_t key_bytes = 0;
  bool is_first = true;
  while (reader.remaining() > 0) {
    const std::uint64_t shared = read_varint(reader, file_.name, "a block entry");
    const std::uint64_t rest = read_varint(reader, file_.name, "a block entry");
    const std::uint64_t value_size = read_varint(reader, file_.name, "a block entry");
    const std::string_view suffix = as_text(reader.take(rest));
    const std::string_view value = as_text(reader.take(value_size));
    if (is_first ? shared != 0 : shared > entries.back().first.size()) {
      damaged("a key shares {} bytes with the one before", shared);
    }
    key_bytes += shared + rest;
    if (key_bytes > kMaxKeyGrowth * block.size()) damaged("the keys of a block are too long");
    std::string key =
        is_first ? "" : entries.back().first.substr(0, static_cast<std::size_t>(shared));
    key += suffix;
    if (!entries.empty() && key <= entries.back().first) {
      damaged("key '{}' follows '{}'", printable(key), printable(entries.back().first));
    }
    if (entries.size() >= limits_.max_entries) {
      fail(ErrorCode::resource_exhausted, "{}: more than {} entries", printable(file_.name, 1024),
           limits_.max_entries);
    }
    entries.emplace_back(std::move(key), value);
    is_first = false;
  }
}

std::vector<Entry> SstableReader::read() {
  if (file_.size() < kFooter || !file_.text().ends_with(kTableMagic)) {
    const FileKind kind = sniff(file_.data);
    damaged("is not an sstable ({} of {} bytes)", name_of(kind), file_.size());
  }
  ByteReader footer(file_.data.last(kFooter), file_.name, "the footer");
  handle(footer);  // the meta index: empty in TensorFlow's files
  std::vector<Entry> index;
  read_block(handle(footer), index);
  std::vector<Entry> entries;
  for (const auto& [separator, value] : index) {
    ByteReader reader(as_bytes(value), file_.name, "a block handle");
    const Handle block = handle(reader);
    if (reader.remaining() != 0) damaged("an index entry is too long");
    read_block(block, entries);
    if (!entries.empty() && entries.back().first > separator) {
      damaged("key '{}' lies behind its index entry", printable(entries.back().first));
    }
  }
  return entries;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> read_sstable(const Bytes& file,
                                                              const Limits& limits) {
  return SstableReader(file, limits).read();
}

}  // namespace thaw
