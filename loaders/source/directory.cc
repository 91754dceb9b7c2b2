// A directory as a file tree. Every open is confined to the root by the kernel (openat2), or, where
// that call is missing, by walking the components without following links.
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "loaders/source/file_handle.h"
#include "runtime/base/check.h"

namespace thaw {
namespace {

constexpr int kOpenFlags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;

// "a/b/c": relative, no empty, "." or ".." components, no NUL.
bool is_plain_name(std::string_view name) {
  if (name.find('\0') != std::string_view::npos) return false;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    if (end == name.size()) return true;
    begin = end + 1;
  }
}

FileHandle open_by_components(int root, const std::string& name, int flags) {
  FileHandle folder;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = name.find('/', begin);
    const int at = folder ? folder.get() : root;
    const std::string part = name.substr(begin, end == std::string::npos ? end : end - begin);
    if (end == std::string::npos) {
      return FileHandle(openat(at, part.c_str(), flags | O_NOFOLLOW));
    }
    FileHandle next(openat(at, part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) {
      // O_DIRECTORY reports a link as ENOTDIR; say that it is one.
      struct stat status;
      const int error = errno;
      const bool link =
          fstatat(at, part.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
      errno = link ? ELOOP : error;
      return {};
    }
    folder = std::move(next);
    begin = end + 1;
  }
}

// Sets errno on failure: ELOOP or EXDEV where a link or a mount would be crossed out of the root.
FileHandle open_beneath(int root, const std::string& name, int flags) {
#ifdef SYS_openat2
  open_how how{};
  how.flags = static_cast<unsigned>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0; attempt < 8; ++attempt) {
    const long result = syscall(SYS_openat2, root, name.c_str(), &how, sizeof how);
    if (result >= 0) return FileHandle(static_cast<int>(result));
    if (errno == ENOSYS || errno == EPERM)
      break;  // an old kernel, or a sandbox that forbids the call
    if (errno != EAGAIN && errno != EINTR) return {};
  }
#endif
  return open_by_components(root, name, flags);
}

class DirectoryTree final : public FileTree {
 public:
  DirectoryTree(const std::string& path, const Limits& limits)
      : path_(path), limits_(limits), root_(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    if (!root_) {
      if (errno == ENOTDIR)
        fail(ErrorCode::invalid_argument, "{}: is not a directory", printable(path, 1024));
      fail_with_errno(errno, path);
    }
  }

  const std::string& path() const override { return path_; }

  bool contains(const std::string& name) const override {
    if (!is_plain_name(name)) return false;
    const FileHandle file = open_beneath(root_.get(), name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
    if (!file)
      return errno == ELOOP || errno == EXDEV;  // something is there; read() says why it is refused
    struct stat status;
    return fstat(file.get(), &status) == 0 && (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode));
  }

  std::uint64_t size_of(const std::string& name) const override {
    const FileHandle file = open_member(name);
    struct stat status;
    if (fstat(file.get(), &status) != 0) fail_with_errno(errno, full_name(name));
    if (!S_ISREG(status.st_mode)) {
      fail(ErrorCode::invalid_argument, "{}: is not a regular file",
           printable(full_name(name), 1024));
    }
    return static_cast<std::uint64_t>(status.st_size);
  }

  Bytes read(const std::string& name) const override {
    return read_handle(open_member(name), full_name(name), limits_);
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> files, folders = {""};
    std::uint64_t entries = 0;
    while (!folders.empty()) {
      const std::string folder = std::move(folders.back());
      folders.pop_back();
      list(folder, files, folders, entries);
    }
    std::sort(files.begin(), files.end());
    return files;
  }

 private:
  std::string full_name(const std::string& name) const {
    return path_ + (path_.ends_with('/') ? "" : "/") + name;
  }

  FileHandle open_member(const std::string& name) const {
    if (!is_plain_name(name)) {
      fail(ErrorCode::permission_denied, "{}: '{}' is no name inside the directory",
           printable(path_, 1024), printable(name));
    }
    FileHandle file = open_beneath(root_.get(), name, kOpenFlags);
    if (!file) fail_with_errno(errno, full_name(name));
    return file;
  }

  // Appends the regular files of one folder to `files` and its folders to `folders`.
  void list(const std::string& folder, std::vector<std::string>& files,
            std::vector<std::string>& folders, std::uint64_t& entries) const {
    if (std::count(folder.begin(), folder.end(), '/') >= limits_.max_depth) {
      fail(ErrorCode::resource_exhausted, "{}: folders nested deeper than {}",
           printable(path_, 1024), limits_.max_depth);
    }
    FileHandle handle =
        folder.empty() ? FileHandle(openat(root_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
                       : open_beneath(root_.get(), folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!handle) fail_with_errno(errno, full_name(folder));
    // The stream takes a descriptor of its own, which closedir closes.
    const auto close_stream = [](DIR* stream) { closedir(stream); };
    const int copy = fcntl(handle.get(), F_DUPFD_CLOEXEC, 0);
    std::unique_ptr<DIR, decltype(close_stream)> stream(copy >= 0 ? fdopendir(copy) : nullptr,
                                                        close_stream);
    if (stream == nullptr) {
      const int error = errno;
      if (copy >= 0) close(copy);
      fail_with_errno(error, full_name(folder));
    }
    while (const dirent* entry = readdir(stream.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (++entries > limits_.max_entries) {
        fail(ErrorCode::resource_exhausted, "{}: more than {} files", printable(path_, 1024),
             limits_.max_entries);
      }
      struct stat status;
      if (fstatat(handle.get(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      std::string full = folder.empty() ? std::string(name) : folder + "/" + std::string(name);
      if (S_ISREG(status.st_mode))
        files.push_back(std::move(full));
      else if (S_ISDIR(status.st_mode))
        folders.push_back(std::move(full));
    }
  }

  std::string path_;
  Limits limits_;
  FileHandle root_;
};

}  // namespace

std::unique_ptr<FileTree> open_directory(const std::string& path, const Limits& limits) {
  if (path.find('\0') != std::string::npos) fail_with_errno(ENOENT, path);
  return std::make_unique<DirectoryTree>(path, limits);
}

}  // namespace thaw
