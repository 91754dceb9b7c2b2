#include "kernels/cuda_libraries.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace thaw {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> split_path(const char* variable) {
  const char* value = std::getenv(variable);
  std::vector<std::string> parts;
  if (value == nullptr) return parts;
  const std::string text = value;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(':', begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// Sub-folders, sorted, so that the search does not depend on the file system's order.
std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored)) folders.push_back(entry->path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

class Folders {
 public:
  void add(const fs::path& path, const std::string& origin) {
    std::error_code error;
    if (!path.empty() && fs::is_directory(path, error)) found_.push_back({path.string(), origin});
  }
  /// pip's packages lie as nvidia/<package>/lib in a folder of packages.
  void add_packages(const fs::path& packages, const std::string& origin) {
    for (const fs::path& package : folders_in(packages / "nvidia")) add(package / "lib", origin);
  }
  /// <prefix>/lib/python3.x/{site,dist}-packages.
  void add_python(const fs::path& prefix, const std::string& origin) {
    for (const fs::path& python : folders_in(prefix / "lib")) {
      if (python.filename().string().rfind("python3", 0) != 0) continue;
      add_packages(python / "site-packages", origin);
      add_packages(python / "dist-packages", origin);
    }
  }
  std::vector<LibraryFolder> take() { return std::move(found_); }

 private:
  std::vector<LibraryFolder> found_;
};

void add_own_folder(Folders& folders) {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&cuda_library_folders), &info) == 0 ||
      info.dli_fname == nullptr) {
    return;
  }
  std::error_code error;
  const fs::path own = fs::canonical(info.dli_fname, error).parent_path();
  if (error) return;
  folders.add(own, "beside thaw");
  folders.add(own.parent_path() / "lib", "beside thaw");
}

}  // namespace

std::vector<LibraryFolder> cuda_library_folders() {
  Folders folders;
  for (const std::string& folder : split_path("THAW_CUDA_PATH")) {
    const fs::path path = folder;
    folders.add(path, "THAW_CUDA_PATH");
    folders.add(path / "lib", "THAW_CUDA_PATH");
    folders.add(path / "lib64", "THAW_CUDA_PATH");
    folders.add_packages(path, "THAW_CUDA_PATH");
  }
  add_own_folder(folders);
  for (const std::string& folder : split_path("LD_LIBRARY_PATH")) {
    folders.add(folder, "LD_LIBRARY_PATH");
  }
  for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (const char* prefix = std::getenv(variable)) folders.add_python(prefix, variable);
  }
  // The python3 that one would type, as it is called: an environment's is a link to another's.
  for (const std::string& folder : split_path("PATH")) {
    const fs::path python = fs::path(folder) / "python3";
    std::error_code error;
    if (!python.is_absolute() || !fs::exists(python, error)) continue;
    folders.add_python(python.parent_path().parent_path(), "python3 in PATH");
    break;
  }
  for (const char* prefix : {"/usr/local", "/usr"}) folders.add_python(prefix, "Python packages");
  if (const char* home = std::getenv("HOME")) {
    folders.add_python(fs::path(home) / ".local", "Python packages");
  }
  for (const char* folder : {"/usr/local/cuda/lib64", "/usr/local/cuda/lib", "/opt/cuda/lib64"}) {
    folders.add(folder, "CUDA toolkit");
  }
  for (const char* folder : {"/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64",
                             "/usr/local/lib", "/usr/lib"}) {
    folders.add(folder, "system");
  }
  return folders.take();
}

LibraryInfo find_cuda_library(const std::string& name) {
  for (const LibraryFolder& folder : cuda_library_folders()) {
    const fs::path path = fs::path(folder.path) / name;
    std::error_code error;
    if (fs::is_regular_file(path, error)) return {name, path.string(), folder.origin};
  }
  return {name, "", ""};
}

const std::vector<std::string>& cuda_library_names() {
  static const std::vector<std::string> names = {"libcublasLt.so.13", "libcudnn.so.9"};
  return names;
}

}  // namespace thaw
