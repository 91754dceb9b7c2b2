#include "loaders/source/archive.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace thaw {
namespace {

class FolderTree final : public FileTree {
 public:
  FolderTree(const FileTree& whole, std::string folder)
      : whole_(whole), folder_(std::move(folder)) {}

  const std::string& path() const override { return whole_.path(); }
  bool contains(const std::string& name) const override { return whole_.contains(folder_ + name); }
  std::uint64_t size_of(const std::string& name) const override {
    return whole_.size_of(folder_ + name);
  }
  Bytes read(const std::string& name) const override { return whole_.read(folder_ + name); }
  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const std::string& name : whole_.names()) {
      if (name.starts_with(folder_)) names.push_back(name.substr(folder_.size()));
    }
    return names;
  }

 private:
  const FileTree& whole_;
  std::string folder_;
};

}  // namespace

std::unique_ptr<FileTree> open_folder(const FileTree& tree, std::string folder) {
  return std::make_unique<FolderTree>(tree, std::move(folder));
}

void check_member_name(const std::string& archive, std::string_view name) {
  const auto bad = [&](const char* why) {
    fail(ErrorCode::permission_denied, "{}: member '{}' {}", printable(archive, 1024),
         printable(name), why);
  };
  if (name.empty()) bad("has no name");
  if (name.front() == '/') bad("has an absolute name");
  if (name.size() >= 3 && name[1] == ':' && (name[2] == '/' || name[2] == '\\'))
    bad("names a drive");
  for (const char c : name) {
    if (c == '\\') bad("has a backslash in its name");
    if (static_cast<unsigned char>(c) < 0x20) bad("has a control character in its name");
  }
  const std::string_view path = name.ends_with('/') ? name.substr(0, name.size() - 1) : name;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") bad("leaves the archive by its name");
    begin = end + 1;
  }
}

}  // namespace thaw
