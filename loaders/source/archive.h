// Archives besides zip (tar, gzip), and what all archives share.
#pragma once

#include <memory>
#include <string>

#include "loaders/source/file_tree.h"

namespace thaw {

/// The contents of a gzip file, one stream or several after each other. `file.name` stays the name.
/// Throws Error: data_loss (damaged, truncated, wrong checksum, bytes behind the end),
/// resource_exhausted beyond limits.max_file_bytes or limits.max_inflate_ratio.
Bytes gunzip(const Bytes& file, const Limits& limits);

/// True if `head` begins with a tar header whose checksum fits.
bool is_tar(std::span<const std::byte> head);
/// A tar archive (ustar, GNU and pax names): regular files, as views of the archive. Links,
/// devices, sparse members, names that leave the root and names that occur twice are errors.
std::unique_ptr<FileTree> open_tar(Bytes archive, const std::string& path, const Limits& limits);

/// The members of `tree` below `folder` ("model/1/"), under the names they have there. `tree` must
/// outlive it.
std::unique_ptr<FileTree> open_folder(const FileTree& tree, std::string folder);

/// Refuses names of archive members that leave the archive or mislead: absolute ones, drives, "..",
/// backslashes (zip archives turn theirs into slashes first), control characters. A trailing slash
/// is allowed. Throws permission_denied.
void check_member_name(const std::string& archive, std::string_view name);

}  // namespace thaw
