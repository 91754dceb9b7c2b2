// The central directory of a zip archive, and its agreement with the local headers. One reading
// only: whatever two zip programs could read in two ways is refused.
#include <algorithm>
#include <unordered_set>

#include "loaders/source/archive.h"
#include "loaders/source/byte_reader.h"
#include "loaders/source/zip.h"

namespace thaw {
namespace {

constexpr std::string_view kEnd = "PK\x05\x06";
constexpr std::string_view kEnd64 = "PK\x06\x06";
constexpr std::string_view kLocator64 = "PK\x06\x07";
constexpr std::string_view kCentral = "PK\x01\x02";
constexpr std::string_view kLocal = "PK\x03\x04";
constexpr std::string_view kDescriptor = "PK\x07\x08";
constexpr std::size_t kEndSize = 22, kEnd64Size = 56, kLocatorSize = 20;
constexpr std::uint32_t kMax32 = 0xffffffff;
constexpr std::uint16_t kZip64Extra = 1, kHasDescriptor = 8;

// Some programs on Windows write its own separator.
std::string with_slashes(std::string_view name) {
  std::string result(name);
  std::replace(result.begin(), result.end(), '\\', '/');
  return result;
}

struct Directory {
  std::uint64_t offset = 0, size = 0, count = 0;
  std::uint64_t end = 0;  // offset of the record that follows the directory
};

class ZipReader {
 public:
  ZipReader(const Bytes& archive, const Limits& limits) : archive_(archive), limits_(limits) {}
  std::vector<ZipMember> read();

 private:
  template <class... Args>
  [[noreturn]] void refuse(ErrorCode code, fmt::format_string<Args...> format,
                           Args&&... args) const {
    fail(code, "{}: {}", printable(archive_.name, 1024),
         fmt::format(format, std::forward<Args>(args)...));
  }
  ByteReader at(std::uint64_t offset, std::uint64_t size, const char* what) const {
    ByteReader all(archive_.data, archive_.name, what);
    all.skip(offset);
    return ByteReader(all.take(size), archive_.name, what);
  }
  std::uint64_t find_end() const;
  Directory read_end() const;
  void read_end64(Directory& directory, std::uint64_t end) const;
  ZipMember central_entry(ByteReader& reader) const;
  void read_zip64_extra(std::span<const std::byte> extra,
                        std::initializer_list<std::uint64_t*> fields) const;
  void check_local(ZipMember& member) const;
  void check_descriptor(ZipMember& member, bool zip64) const;
  void check_layout(const std::vector<ZipMember>& members, const Directory& directory) const;

  const Bytes& archive_;
  const Limits& limits_;
};

// The one end record whose comment reaches exactly to the end of the file.
std::uint64_t ZipReader::find_end() const {
  const std::string_view text = archive_.text();
  const FileKind kind = sniff(archive_.data);
  if (kind != FileKind::zip && kind != FileKind::empty && kind != FileKind::other) {
    refuse(ErrorCode::invalid_argument, "is no zip archive but {}", thaw::name_of(kind));
  }
  if (text.size() < kEndSize) refuse(ErrorCode::data_loss, "too short for a zip archive");
  const std::size_t first = text.size() - std::min<std::size_t>(text.size(), kEndSize + 0xffff);
  std::vector<std::size_t> found;
  for (std::size_t i = text.find(kEnd, first); i != std::string_view::npos;
       i = text.find(kEnd, i + 1)) {
    if (i + kEndSize > text.size()) break;
    if (i + kEndSize + load_little(archive_.data.data() + i + 20, 2) == text.size())
      found.push_back(i);
  }
  if (found.empty()) refuse(ErrorCode::data_loss, "has no zip directory at its end (truncated?)");
  if (found.size() > 1) refuse(ErrorCode::invalid_argument, "has {} zip end records", found.size());
  return found.front();
}

Directory ZipReader::read_end() const {
  const std::uint64_t end = find_end();
  ByteReader reader = at(end, kEndSize, "the zip end record");
  reader.skip(4);
  const std::uint16_t disk = reader.u16(), first_disk = reader.u16();
  const std::uint16_t disk_count = reader.u16();
  Directory directory;
  directory.count = reader.u16();
  directory.size = reader.u32();
  directory.offset = reader.u32();
  directory.end = end;
  const bool has_locator =
      end >= kLocatorSize && archive_.text().substr(end - kLocatorSize, 4) == kLocator64;
  if (has_locator) {
    read_end64(directory, end);
  } else if (disk != 0 || first_disk != 0 || disk_count != directory.count) {
    refuse(ErrorCode::unimplemented, "a zip archive of several disks");
  }
  if (directory.size > directory.end || directory.offset != directory.end - directory.size) {
    refuse(ErrorCode::invalid_argument,
           "the zip directory should be {} bytes at {}, but its end record is at {}",
           directory.size, directory.offset, directory.end);
  }
  return directory;
}

void ZipReader::read_end64(Directory& directory, std::uint64_t end) const {
  ByteReader locator = at(end - kLocatorSize, kLocatorSize, "the zip64 locator");
  locator.skip(4);
  const std::uint32_t disk = locator.u32();
  const std::uint64_t offset = locator.u64();
  const std::uint32_t disks = locator.u32();
  if (disk != 0 || disks > 1) refuse(ErrorCode::unimplemented, "a zip archive of several disks");
  if (end < kLocatorSize + kEnd64Size || offset > end - kLocatorSize - kEnd64Size) {
    refuse(ErrorCode::data_loss, "the zip64 end record is said to be at {}", offset);
  }
  ByteReader record = at(offset, end - kLocatorSize - offset, "the zip64 end record");
  record.expect(kEnd64);
  if (record.u64() != end - kLocatorSize - offset - 12) {
    refuse(ErrorCode::data_loss, "the zip64 end record has a wrong size");
  }
  record.skip(4);
  const std::uint32_t this_disk = record.u32(), first_disk = record.u32();
  Directory wide;
  const std::uint64_t disk_count = record.u64();
  wide.count = record.u64();
  wide.size = record.u64();
  wide.offset = record.u64();
  wide.end = offset;
  if (this_disk != 0 || first_disk != 0 || disk_count != wide.count) {
    refuse(ErrorCode::unimplemented, "a zip archive of several disks");
  }
  if ((directory.count != 0xffff && directory.count != wide.count) ||
      (directory.size != kMax32 && directory.size != wide.size) ||
      (directory.offset != kMax32 && directory.offset != wide.offset)) {
    refuse(ErrorCode::invalid_argument, "the zip end record and the zip64 end record disagree");
  }
  directory = wide;
}

// Fields that hold 0xffffffff stand in the zip64 extra field, in this order.
void ZipReader::read_zip64_extra(std::span<const std::byte> extra,
                                 std::initializer_list<std::uint64_t*> fields) const {
  bool seen = false;
  ByteReader reader(extra, archive_.name, "a zip extra field");
  while (reader.remaining() >= 4) {
    const std::uint16_t id = reader.u16();
    ByteReader body(reader.take(reader.u16()), archive_.name, "a zip64 extra field");
    if (id != kZip64Extra) continue;
    if (seen) refuse(ErrorCode::invalid_argument, "a member has two zip64 extra fields");
    seen = true;
    for (std::uint64_t* field : fields) {
      if (*field == kMax32) *field = body.u64();
    }
  }
}

ZipMember ZipReader::central_entry(ByteReader& reader) const {
  ZipMember member;
  reader.expect(kCentral);
  const std::uint16_t made_by = reader.u16();
  reader.skip(2);
  member.flags = reader.u16();
  member.method = reader.u16();
  reader.skip(4);  // time and date
  member.crc = reader.u32();
  member.compressed_size = reader.u32();
  member.size = reader.u32();
  const std::uint16_t name_size = reader.u16(), extra_size = reader.u16(),
                      comment_size = reader.u16();
  std::uint64_t disk = reader.u16();
  reader.skip(2);
  const std::uint32_t attributes = reader.u32();
  member.header = reader.u32();
  member.name = with_slashes(as_text(reader.take(name_size)));
  read_zip64_extra(reader.take(extra_size),
                   {&member.size, &member.compressed_size, &member.header});
  reader.skip(comment_size);
  check_member_name(archive_.name, member.name);
  if (disk != 0) refuse(ErrorCode::unimplemented, "a zip archive of several disks");
  const bool unix_mode = (made_by >> 8) == 3 || (made_by >> 8) == 19;
  if (unix_mode && ((attributes >> 16) & 0170000) == 0120000) {
    refuse(ErrorCode::permission_denied, "member '{}' is a symbolic link", printable(member.name));
  }
  return member;
}

void ZipReader::check_local(ZipMember& member) const {
  ByteReader reader(archive_.data, archive_.name, "a zip local header");
  reader.skip(member.header);
  reader.expect(kLocal);
  reader.skip(2);
  const std::uint16_t flags = reader.u16(), method = reader.u16();
  reader.skip(4);
  const std::uint32_t crc = reader.u32();
  std::uint64_t compressed_size = reader.u32(), size = reader.u32();
  const bool zip64 = compressed_size == kMax32 || size == kMax32;
  const std::uint16_t name_size = reader.u16(), extra_size = reader.u16();
  const std::string name = with_slashes(as_text(reader.take(name_size)));
  read_zip64_extra(reader.take(extra_size), {&size, &compressed_size});
  member.data = reader.position();
  reader.skip(member.compressed_size);
  member.end = reader.position();

  // With a descriptor the local header may leave the sizes out.
  const bool later = (flags & kHasDescriptor) != 0;
  const auto differs = [later](std::uint64_t local, std::uint64_t central) {
    return local != central && !(later && local == 0);
  };
  if (name != member.name || flags != member.flags || method != member.method ||
      differs(crc, member.crc) || differs(compressed_size, member.compressed_size) ||
      differs(size, member.size)) {
    refuse(ErrorCode::invalid_argument, "member '{}': local header and zip directory disagree",
           printable(member.name));
  }
  if (later) check_descriptor(member, zip64);
}

// crc, compressed size, size; with or without signature, 32 or 64 bits wide.
void ZipReader::check_descriptor(ZipMember& member, bool zip64) const {
  const std::string_view rest = archive_.text().substr(static_cast<std::size_t>(member.end));
  for (const bool wide : {zip64, !zip64}) {
    for (const bool signature : {true, false}) {
      const std::size_t width = wide ? 8 : 4;
      const std::size_t size = (signature ? 4 : 0) + 4 + 2 * width;
      if (rest.size() < size || (signature && !rest.starts_with(kDescriptor))) continue;
      ByteReader reader(as_bytes(rest.substr(0, size)), archive_.name, "a zip data descriptor");
      reader.skip(signature ? 4 : 0);
      const std::uint32_t crc = reader.u32();
      const std::uint64_t compressed_size = reader.uint(width), full_size = reader.uint(width);
      if (crc == member.crc && compressed_size == member.compressed_size &&
          full_size == member.size) {
        member.end += size;
        return;
      }
    }
  }
  refuse(ErrorCode::invalid_argument, "member '{}': data descriptor and zip directory disagree",
         printable(member.name));
}

void ZipReader::check_layout(const std::vector<ZipMember>& members,
                             const Directory& directory) const {
  std::vector<const ZipMember*> order;
  for (const ZipMember& member : members) order.push_back(&member);
  std::sort(order.begin(), order.end(),
            [](const ZipMember* a, const ZipMember* b) { return a->header < b->header; });
  std::uint64_t end = 0;
  for (const ZipMember* member : order) {
    if (member->header < end) {
      refuse(ErrorCode::invalid_argument, "member '{}' overlaps another one",
             printable(member->name));
    }
    if (member == order.front() && member->header != 0) {
      refuse(ErrorCode::invalid_argument, "{} bytes stand before the first member", member->header);
    }
    end = member->end;
  }
  if (end > directory.offset) {
    refuse(ErrorCode::invalid_argument, "the last member overlaps the zip directory");
  }
}

std::vector<ZipMember> ZipReader::read() {
  const Directory directory = read_end();
  if (directory.count > limits_.max_entries) {
    refuse(ErrorCode::resource_exhausted, "{} members, the limit is {}", directory.count,
           limits_.max_entries);
  }
  ByteReader reader = at(directory.offset, directory.size, "the zip directory");
  std::vector<ZipMember> members;
  std::unordered_set<std::string> seen;
  for (std::uint64_t i = 0; i < directory.count; ++i) {
    ZipMember member = central_entry(reader);
    if (!seen.insert(member.name).second) {
      refuse(ErrorCode::invalid_argument, "member '{}' exists twice", printable(member.name));
    }
    check_local(member);
    members.push_back(std::move(member));
  }
  if (reader.remaining() != 0) {
    refuse(ErrorCode::invalid_argument, "the zip directory has {} bytes after its {} members",
           reader.remaining(), directory.count);
  }
  check_layout(members, directory);
  const auto is_folder = [](const ZipMember& member) { return member.name.ends_with('/'); };
  members.erase(std::remove_if(members.begin(), members.end(), is_folder), members.end());
  return members;
}

}  // namespace

std::vector<ZipMember> read_zip_members(const Bytes& archive, const Limits& limits) {
  return ZipReader(archive, limits).read();
}

}  // namespace thaw
