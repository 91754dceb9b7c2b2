// Bytes by name: a directory, a zip archive, or a single file, behind one interface.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "thaw/options.h"

namespace thaw {

/// The bytes of one file or member. Kept alive by the owner pointer; never written. Of a mapped file
/// (`mapped`) they come into memory when they are read.
struct Bytes {
  std::span<const std::byte> data;
  std::shared_ptr<const void> owner;
  std::string name;  // for messages: "model.keras!config.json"
  bool mapped = false;

  std::size_t size() const { return data.size(); }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(data.data()), data.size()};
  }
};

/// A set of named files. Names use '/'; lookup is exact; nothing is ever extracted or followed
/// outside the root (no "..", absolute names or symbolic links: permission_denied).
class FileTree {
 public:
  virtual ~FileTree() = default;
  /// The path the user gave.
  virtual const std::string& path() const = 0;
  virtual bool contains(const std::string& name) const = 0;
  /// All regular members, sorted; directories are implied.
  virtual std::vector<std::string> names() const = 0;
  virtual std::uint64_t size_of(const std::string& name) const = 0;
  /// The whole member. Throws Error: not_found naming it, data_loss (bad CRC, truncated),
  /// resource_exhausted (limits), unimplemented (encrypted, unknown method).
  virtual Bytes read(const std::string& name) const = 0;
};

/// What the first bytes of a file say it is.
enum class FileKind {
  empty,
  directory,
  hdf5,
  zip,
  gzip,
  tar,
  json,
  yaml,
  git_lfs_pointer,
  html,
  protobuf_text,
  sstable,
  other
};
/// `head` is the beginning of the file, or all of it. An sstable shows at its end: give the last 48
/// bytes as `tail`, or the whole file as `head`. HDF5 may stand behind a user block of 512, 1024,
/// ... bytes: it is found when `head` reaches that far.
FileKind sniff(std::span<const std::byte> head, std::span<const std::byte> tail = {});
const char* name_of(FileKind kind);

/// A regular file (never a FIFO, device, ...), mapped if limits.map_files and it is large, else
/// read. Throws Error: not_found, permission_denied, invalid_argument (not a regular file), data_loss
/// (short read), resource_exhausted. A Git LFS pointer is invalid_argument and is called one.
Bytes read_file(const std::string& path, const Limits& limits);
/// True if a directory; throws not_found when nothing is there.
bool is_directory(const std::string& path);

std::unique_ptr<FileTree> open_directory(const std::string& path, const Limits& limits);
/// A zip archive: stored and deflated members, zip64. Duplicate names, overlapping members, members
/// whose local header disagrees, encrypted members and names that leave the root are errors.
std::unique_ptr<FileTree> open_zip(Bytes archive, const std::string& path, const Limits& limits);

}  // namespace thaw
