// Zip archives as a file tree, with the members' order for .npz.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "loaders/source/file_tree.h"

namespace thaw {

/// One member as the central directory describes it.
struct ZipMember {
  std::string name;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;  // 0 stored, 8 deflated
  std::uint32_t crc = 0;
  std::uint64_t compressed_size = 0;
  std::uint64_t size = 0;
  std::uint64_t header = 0;  // offset of the local header
  std::uint64_t data = 0;    // offset of the compressed bytes
  std::uint64_t end = 0;     // after the data and its descriptor
};

/// Reads and checks the directory of an archive; files only, in archive order. Throws as open_zip
/// does.
std::vector<ZipMember> read_zip_members(const Bytes& archive, const Limits& limits);
/// The bytes of one member: a view of the archive when it is stored.
Bytes read_zip_member(const Bytes& archive, const ZipMember& member, const Limits& limits);

}  // namespace thaw
