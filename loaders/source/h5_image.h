// The lowest layer of the HDF5 reader: the file's bytes, its superblock, object headers and
// checksums. Follows "HDF5 File Format Specification, version 3.0".
//
// The reader is Thaw's own and read-only because files are hostile: every address, size and count
// is checked before use, walks are iterative, and a structure reached twice ends the walk.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "loaders/source/byte_reader.h"
#include "loaders/source/file_tree.h"

namespace thaw::h5 {

constexpr std::uint64_t kUndefined = ~std::uint64_t{0};

enum MessageType : std::uint16_t {
  kDataspace = 0x01,
  kLinkInfo = 0x02,
  kDatatype = 0x03,
  kLink = 0x06,
  kExternalFiles = 0x07,
  kLayout = 0x08,
  kFilters = 0x0b,
  kAttribute = 0x0c,
  kContinuation = 0x10,
  kSymbolTable = 0x11,
  kAttributeInfo = 0x15,
};

struct Message {
  std::uint16_t type = 0;
  std::uint8_t flags = 0;
  std::span<const std::byte> body;

  bool is_shared() const { return (flags & 2) != 0; }
};

/// An object header: the messages of a group or dataset.
struct Object {
  std::vector<Message> messages;
  const Message* find(MessageType type) const {
    for (const Message& message : messages) {
      if (message.type == type) return &message;
    }
    return nullptr;
  }
  bool is_dataset() const { return find(kLayout) != nullptr || find(kDataspace) != nullptr; }
  bool is_group() const {
    return !is_dataset() &&
           (find(kSymbolTable) != nullptr || find(kLinkInfo) != nullptr || find(kLink) != nullptr);
  }
};

/// The file from its superblock on. Addresses count from there.
class Image {
 public:
  Image(Bytes file, const Limits& limits);

  const std::string& name() const { return file_.name; }
  const Limits& limits() const { return limits_; }
  /// `part` of the file, with what keeps it alive.
  Bytes share(std::span<const std::byte> part) const {
    return {part, file_.owner, file_.name, file_.mapped};
  }
  std::uint64_t root() const { return root_; }
  std::uint64_t size() const { return data_.size(); }
  std::size_t offset_size() const { return offset_size_; }
  std::size_t length_size() const { return length_size_; }

  /// The bytes at an address. Throws data_loss when they are not inside the file.
  std::span<const std::byte> bytes(std::uint64_t address, std::uint64_t size,
                                   const char* what) const;
  ByteReader reader(std::uint64_t address, std::uint64_t size, const char* what) const {
    return {bytes(address, size, what), name(), what};
  }
  /// A reader to the end of the file.
  ByteReader reader(std::uint64_t address, const char* what) const;
  ByteReader reader(std::span<const std::byte> part, const char* what) const {
    return {part, name(), what};
  }

  /// A file address; kUndefined when all its bits are set.
  std::uint64_t address(ByteReader& reader) const;
  std::uint64_t length(ByteReader& reader) const { return reader.uint(length_size_); }

  /// Reads an object header with its continuations.
  Object object(std::uint64_t address) const;
  /// A structure that ends in a lookup3 checksum of all before it. Throws data_loss when it
  /// differs.
  void check_sum(std::span<const std::byte> with_checksum, const char* what) const;

  template <class... Args>
  [[noreturn]] void error(ErrorCode code, fmt::format_string<Args...> format,
                          Args&&... args) const {
    fail(code, "{}: {}", printable(name(), 1024), fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  [[noreturn]] void damaged(fmt::format_string<Args...> format, Args&&... args) const {
    error(ErrorCode::data_loss, format, std::forward<Args>(args)...);
  }

 private:
  void read_superblock();
  void read_superblock_0(ByteReader& reader, int version, std::uint64_t base);
  void read_superblock_2(ByteReader& reader, std::uint64_t base);
  void set_widths(int offsets, int lengths);
  void object_1(ByteReader reader, Object& object) const;
  void object_2(std::uint64_t address, Object& object) const;
  void messages_1(std::span<const std::byte> block, Object& object,
                  std::vector<Message>& more) const;
  void messages_2(std::span<const std::byte> block, bool ordered, Object& object,
                  std::vector<Message>& more) const;
  void add_message(const Message& message, Object& object, std::vector<Message>& more) const;

  Bytes file_;
  Limits limits_;
  std::span<const std::byte> data_;
  std::size_t offset_size_ = 8, length_size_ = 8;
  std::uint64_t root_ = kUndefined;
};

/// Bob Jenkins's lookup3 hash (hashlittle, initial value 0), the checksum of HDF5 metadata.
std::uint32_t lookup3(std::span<const std::byte> data);

/// Refuses to visit an address twice: cycles and shared nodes.
class Visits {
 public:
  explicit Visits(const Image& image) : image_(image) {}
  void enter(std::uint64_t address, const char* what) {
    if (!seen_.insert(address).second) image_.damaged("{} at {} is reached twice", what, address);
    if (seen_.size() > image_.limits().max_entries) {
      image_.error(ErrorCode::resource_exhausted, "more than {} structures",
                   image_.limits().max_entries);
    }
  }

 private:
  const Image& image_;
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace thaw::h5
