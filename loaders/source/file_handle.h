// Files by descriptor: reading regular files completely, and names of system errors.
#pragma once

#include <string>
#include <utility>

#include "loaders/source/file_tree.h"

namespace thaw {

/// Owns a file descriptor.
class FileHandle {
 public:
  FileHandle() = default;
  explicit FileHandle(int descriptor) : descriptor_(descriptor) {}
  FileHandle(FileHandle&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileHandle& operator=(FileHandle&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FileHandle();

  explicit operator bool() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

 private:
  int descriptor_ = -1;
};

/// Throws the Error that fits errno value `error`: not_found, permission_denied, ...
[[noreturn]] void fail_with_errno(int error, const std::string& name);

/// All bytes of an open file, mapped or read (limits.map_files). Checks that it is a regular file,
/// its size, and that it does not change meanwhile; refuses Git LFS pointers.
Bytes read_handle(const FileHandle& file, const std::string& name, const Limits& limits);

}  // namespace thaw
