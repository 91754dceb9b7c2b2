#include "loaders/source/zip.h"

#include <algorithm>
#include <map>

#include "loaders/source/byte_reader.h"
#include "loaders/source/mapped.h"

namespace thaw {
namespace {

constexpr std::uint16_t kStored = 0, kDeflated = 8;
constexpr std::uint16_t kEncrypted = 0x2041;  // traditional, strong, masked headers

class ZipTree final : public FileTree {
 public:
  ZipTree(Bytes archive, const std::string& path, const Limits& limits)
      : archive_(std::move(archive)), path_(path), limits_(limits) {
    if (archive_.name.empty()) archive_.name = path;
    for (ZipMember& member : read_zip_members(archive_, limits_)) {
      std::string name = member.name;
      members_.emplace(std::move(name), std::move(member));
    }
  }

  const std::string& path() const override { return path_; }
  bool contains(const std::string& name) const override { return members_.count(name) != 0; }
  std::uint64_t size_of(const std::string& name) const override { return find(name).size; }
  Bytes read(const std::string& name) const override {
    return read_zip_member(archive_, find(name), limits_);
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, member] : members_) names.push_back(name);
    return names;
  }

 private:
  const ZipMember& find(const std::string& name) const {
    const auto it = members_.find(name);
    if (it == members_.end()) {
      fail(ErrorCode::not_found, "{}: no member '{}' in the archive", printable(path_, 1024),
           printable(name));
    }
    return it->second;
  }

  Bytes archive_;
  std::string path_;
  Limits limits_;
  std::map<std::string, ZipMember> members_;
};

void check_sizes(const ZipMember& member, const std::string& name, const Limits& limits) {
  if (member.flags & kEncrypted)
    fail(ErrorCode::unimplemented, "{}: is encrypted", printable(name, 1024));
  if (member.method != kStored && member.method != kDeflated) {
    fail(ErrorCode::unimplemented, "{}: zip compression method {}", printable(name, 1024),
         member.method);
  }
  if (member.method == kStored && member.size != member.compressed_size) {
    fail(ErrorCode::invalid_argument, "{}: stored uncompressed, but {} bytes become {}",
         printable(name, 1024), member.compressed_size, member.size);
  }
  if (member.size > limits.max_file_bytes) {
    fail(ErrorCode::resource_exhausted, "{}: has {} bytes, the limit is {}", printable(name, 1024),
         member.size, limits.max_file_bytes);
  }
  if (member.size / std::max<std::uint64_t>(limits.max_inflate_ratio, 1) > member.compressed_size) {
    fail(ErrorCode::resource_exhausted, "{}: {} bytes would become {}, more than {} times as many",
         printable(name, 1024), member.compressed_size, member.size, limits.max_inflate_ratio);
  }
}

}  // namespace

Bytes read_zip_member(const Bytes& archive, const ZipMember& member, const Limits& limits) {
  const std::string name = archive.name + "!" + member.name;
  check_sizes(member, name, limits);
  Bytes bytes;
  bytes.name = name;
  // Offsets were checked against the archive by read_zip_members.
  const auto stored = archive.data.subspan(static_cast<std::size_t>(member.data),
                                           static_cast<std::size_t>(member.compressed_size));
  if (member.method == kStored) {
    bytes.data = stored;
    bytes.owner = archive.owner;
    bytes.mapped = archive.mapped;
  } else {
    Buffer buffer(static_cast<std::size_t>(member.size));
    inflate(stored, buffer.span(), /*raw=*/true, name);
    bytes.data = buffer.span();
    bytes.owner = buffer.owner;
  }
  const std::uint32_t crc = crc32_of(bytes);
  if (crc != member.crc) {
    fail(ErrorCode::data_loss, "{}: damaged: its CRC-32 is {:08x}, the archive says {:08x}",
         printable(name, 1024), crc, member.crc);
  }
  if (sniff(bytes.data) == FileKind::git_lfs_pointer) {
    fail(ErrorCode::invalid_argument, "{}: is a Git LFS pointer: run 'git lfs pull'",
         printable(name, 1024));
  }
  return bytes;
}

std::unique_ptr<FileTree> open_zip(Bytes archive, const std::string& path, const Limits& limits) {
  return std::make_unique<ZipTree>(std::move(archive), path, limits);
}

}  // namespace thaw
