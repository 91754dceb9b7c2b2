#include "loaders/source/file_handle.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "loaders/source/byte_reader.h"

namespace thaw {
namespace {

constexpr std::uint64_t kLeastMapped = 1 << 16;  // for less a copy costs no more than the mapping
constexpr std::size_t kMaxRead = std::size_t{1} << 30;  // the kernel reads at most 2 GiB at once

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "no regular file";
}

struct stat status_of(const FileHandle& file, const std::string& name) {
  struct stat status;
  if (fstat(file.get(), &status) != 0) fail_with_errno(errno, name);
  return status;
}

// Up to `size` bytes from `offset`; fewer only at the end of the file.
std::size_t read_at(const FileHandle& file, std::byte* out, std::size_t size, std::size_t offset,
                    const std::string& name) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = pread(file.get(), out + done, std::min(size - done, kMaxRead),
                                static_cast<off_t>(offset + done));
    if (count == 0) break;
    if (count > 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      fail_with_errno(errno, name);
    }
  }
  return done;
}

bool same_file_state(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

// Null where the file system does not map.
std::shared_ptr<const void> map(const FileHandle& file, std::size_t size) {
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) return nullptr;
  return {address, [size](const void* mapped) { munmap(const_cast<void*>(mapped), size); }};
}

Bytes read_whole(const FileHandle& file, std::size_t size, const std::string& name) {
  Buffer buffer(size);
  const std::size_t got = read_at(file, buffer.data, buffer.size, 0, name);
  std::byte more;
  if (got != size || read_at(file, &more, 1, buffer.size, name) != 0) {
    fail(ErrorCode::data_loss, "{}: changed during load ({} bytes at first, then {})",
         printable(name, 1024), size, status_of(file, name).st_size);
  }
  return {buffer.span(), buffer.owner, name};
}

Bytes map_or_read(const FileHandle& file, std::size_t size, const std::string& name,
                  const Limits& limits) {
  if (limits.map_files && size >= kLeastMapped) {
    if (std::shared_ptr<const void> mapped = map(file, size)) {
      const auto* data = static_cast<const std::byte*>(mapped.get());
      return {{data, size}, std::move(mapped), name, /*mapped=*/true};
    }
  }
  return read_whole(file, size, name);
}

FileHandle open_path(const std::string& path) {
  if (path.find('\0') != std::string::npos) fail_with_errno(ENOENT, path);
  // O_NONBLOCK: opening a pipe must not wait for a writer.
  FileHandle file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!file) fail_with_errno(errno, path);
  return file;
}

}  // namespace

FileHandle::~FileHandle() {
  if (descriptor_ >= 0) close(descriptor_);
}

void fail_with_errno(int error, const std::string& name) {
  ErrorCode code = ErrorCode::data_loss;  // EIO, ESTALE
  const char* hint = "";
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG: code = ErrorCode::not_found; break;
    case ENXIO: code = ErrorCode::invalid_argument; break;  // a socket
    case EACCES:
    case EPERM: code = ErrorCode::permission_denied; break;
    case ELOOP:
    case EXDEV:
      code = ErrorCode::permission_denied;
      hint = " (symbolic links inside a model directory are not followed)";
      break;
    case EMFILE:
    case ENFILE:
    case ENOMEM: code = ErrorCode::resource_exhausted; break;
    default: break;
  }
  fail(code, "{}: {}{}", printable(name, 1024), std::generic_category().message(error), hint);
}

Bytes read_handle(const FileHandle& file, const std::string& name, const Limits& limits) {
  const struct stat before = status_of(file, name);
  if (!S_ISREG(before.st_mode)) {
    fail(ErrorCode::invalid_argument, "{}: is {}, not a file", printable(name, 1024),
         kind_of(before.st_mode));
  }
  const auto size = static_cast<std::uint64_t>(before.st_size);
  if (size > limits.max_file_bytes) {
    fail(ErrorCode::resource_exhausted, "{}: has {} bytes, the limit is {}", printable(name, 1024),
         size, limits.max_file_bytes);
  }
  Bytes bytes = map_or_read(file, static_cast<std::size_t>(size), name, limits);
  if (!same_file_state(before, status_of(file, name))) {
    fail(ErrorCode::data_loss, "{}: changed during load ({} bytes at first, then {})",
         printable(name, 1024), size, status_of(file, name).st_size);
  }
  if (sniff(bytes.data) == FileKind::git_lfs_pointer) {
    fail(ErrorCode::invalid_argument, "{}: is a Git LFS pointer: run 'git lfs pull'",
         printable(name, 1024));
  }
  return bytes;
}

Bytes read_file(const std::string& path, const Limits& limits) {
  return read_handle(open_path(path), path, limits);
}

bool is_directory(const std::string& path) {
  struct stat status;
  if (path.find('\0') != std::string::npos) fail_with_errno(ENOENT, path);
  if (stat(path.c_str(), &status) != 0) fail_with_errno(errno, path);
  return S_ISDIR(status.st_mode);
}

}  // namespace thaw
