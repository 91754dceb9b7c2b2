#include "loaders/source/file_tree.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/loaders/source/source_testing.h"

namespace thaw::testing {
namespace {

namespace fs = std::filesystem;

// A directory that goes away with the test.
class Folder {
 public:
  Folder() { EXPECT_NE(mkdtemp(path_), nullptr); }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return std::string(path_) + "/" + name; }
  std::string path() const { return path_; }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(*this / name).parent_path());
    std::ofstream(*this / name, std::ios::binary) << text;
  }

 private:
  char path_[32] = "/tmp/thaw_tree_XXXXXX";
};

ErrorCode read_error(const std::string& path, std::string* message = nullptr) {
  return error_of([&] { read_file(path, Limits{}); }, message);
}

TEST(ReadFile, Contents) {
  const Folder folder;
  folder.write("a", "hello");
  folder.write("empty", "");
  EXPECT_EQ(read_file(folder / "a", Limits{}).text(), "hello");
  EXPECT_EQ(read_file(folder / "a", Limits{}).name, folder / "a");
  EXPECT_EQ(read_file(folder / "empty", Limits{}).size(), 0u);
  fs::create_symlink(folder / "a", folder / "link");  // the user's own path may be a link
  EXPECT_EQ(read_file(folder / "link", Limits{}).text(), "hello");
  Limits limits;
  limits.max_file_bytes = 4;
  EXPECT_EQ(error_of([&] { read_file(folder / "a", limits); }), ErrorCode::resource_exhausted);
}

TEST(ReadFile, OnlyRegularFiles) {
  const Folder folder;
  std::string message;
  EXPECT_EQ(read_error(folder / "absent", &message), ErrorCode::not_found);
  EXPECT_NE(message.find("absent"), std::string::npos);
  EXPECT_EQ(read_error(folder.path(), &message), ErrorCode::invalid_argument);
  EXPECT_NE(message.find("a directory"), std::string::npos) << message;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_error(folder / "pipe"),
            ErrorCode::invalid_argument);  // and does not wait for a writer
  EXPECT_EQ(read_error("/dev/zero"), ErrorCode::invalid_argument);
  EXPECT_EQ(read_error(std::string("/tmp\0/x", 7)), ErrorCode::not_found);
  EXPECT_EQ(read_error("/tmp/" + std::string(5000, 'x')), ErrorCode::not_found);
  const int socket_handle = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder / "socket").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(bind(socket_handle, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(read_error(folder / "socket"), ErrorCode::invalid_argument);
  close(socket_handle);
  // Its size is said to be 0, but there is something to read.
  EXPECT_EQ(read_error("/proc/self/status"), ErrorCode::data_loss);
}

TEST(ReadFile, SparseFileBeyondTheLimit) {
  const Folder folder;
  folder.write("sparse", "");
  ASSERT_EQ(truncate((folder / "sparse").c_str(), off_t{1} << 40), 0);
  EXPECT_EQ(read_error(folder / "sparse"), ErrorCode::resource_exhausted);
}

TEST(ReadFile, NamesGitLfsPointers) {
  const Folder folder;
  folder.write("model.h5", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n");
  std::string message;
  EXPECT_EQ(read_error(folder / "model.h5", &message), ErrorCode::invalid_argument);
  EXPECT_NE(message.find("Git LFS pointer: run 'git lfs pull'"), std::string::npos) << message;
  const auto tree = open_directory(folder.path(), Limits{});
  EXPECT_EQ(error_of([&] { tree->read("model.h5"); }, &message), ErrorCode::invalid_argument);
  EXPECT_NE(message.find("Git LFS pointer"), std::string::npos) << message;
}

TEST(Sniff, Kinds) {
  const auto kind = [](std::string_view text) {
    return sniff({reinterpret_cast<const std::byte*>(text.data()), text.size()});
  };
  EXPECT_EQ(kind(""), FileKind::empty);
  EXPECT_EQ(kind("\x89HDF\r\n\x1a\n"), FileKind::hdf5);
  EXPECT_EQ(kind(std::string(512, 'x') + "\x89HDF\r\n\x1a\n"), FileKind::hdf5);
  EXPECT_EQ(kind(std::string(2048, 'x') + "\x89HDF\r\n\x1a\n"), FileKind::hdf5);
  EXPECT_EQ(kind(std::string(513, 'x') + "\x89HDF\r\n\x1a\n"), FileKind::other);
  EXPECT_EQ(kind("PK\x03\x04"), FileKind::zip);
  EXPECT_EQ(kind(std::string("PK\x05\x06") + std::string(18, '\0')), FileKind::zip);
  EXPECT_EQ(kind("\x1f\x8b\x08"), FileKind::gzip);
  EXPECT_EQ(kind(" \n{\"class_name\""), FileKind::json);
  EXPECT_EQ(kind("[1]"), FileKind::json);
  EXPECT_EQ(kind("version https://git-lfs.github.com/spec/v1\n"), FileKind::git_lfs_pointer);
  EXPECT_EQ(kind("\n<!DOCTYPE html><html>"), FileKind::html);
  EXPECT_EQ(kind("<HTML>"), FileKind::html);
  EXPECT_EQ(kind("node {\n  name: \"x\"\n}"), FileKind::protobuf_text);
  EXPECT_EQ(kind("saved_model_schema_version: 1\n"), FileKind::protobuf_text);
  EXPECT_EQ(kind("model_checkpoint_path: \"ckpt-1\""), FileKind::protobuf_text);
  EXPECT_EQ(kind("\"{\\\"class_name\\\": 1}\""), FileKind::json);
  EXPECT_EQ(kind("backend: tensorflow\nclass_name: Model\n"), FileKind::yaml);
  EXPECT_EQ(kind("class_name: Model\nconfig:\n"), FileKind::yaml);
  EXPECT_EQ(kind("--- !!map\nconfig: {}\n"), FileKind::yaml);
  EXPECT_EQ(kind("{ backend: tensorflow, class_name: Model}"), FileKind::yaml);
  EXPECT_EQ(kind("{\"backend\": \"tensorflow\"}"), FileKind::json);
  EXPECT_EQ(kind("!!python/unicode 'class_name': x\n"), FileKind::yaml);
  EXPECT_EQ(kind("{'class_name': x}"), FileKind::yaml);
  EXPECT_EQ(kind("# a model\n#\n\nclass_name: x\n"), FileKind::yaml);
  EXPECT_EQ(kind("# nothing else"), FileKind::other);
  EXPECT_EQ(kind("{"), FileKind::json);
  EXPECT_EQ(kind("!"), FileKind::other);
  EXPECT_EQ(kind("classes: 10\n"), FileKind::other);
  EXPECT_EQ(kind("\x08\x01\x12\x02"), FileKind::other);
  EXPECT_EQ(kind("   "), FileKind::other);
  EXPECT_EQ(sniff(load("bundle/all.index").data), FileKind::sstable);
  const Bytes index = load("bundle/all.index");
  EXPECT_EQ(sniff(index.data.first(20), index.data.last(48)), FileKind::sstable);
  EXPECT_EQ(sniff(index.data.first(20), index.data.first(48)), FileKind::other);
  for (int i = 0; i <= static_cast<int>(FileKind::other); ++i)
    EXPECT_STRNE(name_of(static_cast<FileKind>(i)), "?");
}

TEST(Directory, ReadsMembers) {
  const Folder folder;
  folder.write("b.txt", "b");
  folder.write("sub/deep/a.txt", "hello");
  fs::create_directory(folder / "hollow");
  for (const std::string& path : {folder.path(), folder.path() + "/"}) {
    const auto tree = open_directory(path, Limits{});
    EXPECT_EQ(tree->path(), path);
    EXPECT_EQ(tree->names(), (std::vector<std::string>{"b.txt", "sub/deep/a.txt"}));
    EXPECT_EQ(tree->read("sub/deep/a.txt").text(), "hello");
    EXPECT_EQ(tree->size_of("sub/deep/a.txt"), 5u);
    EXPECT_TRUE(tree->contains("b.txt"));
    EXPECT_FALSE(tree->contains("sub"));
    EXPECT_FALSE(tree->contains("absent"));
  }
  EXPECT_TRUE(is_directory(folder.path()));
  EXPECT_FALSE(is_directory(folder / "b.txt"));
  EXPECT_EQ(error_of([&] { is_directory(folder / "absent"); }), ErrorCode::not_found);
  EXPECT_EQ(error_of([&] { open_directory(folder / "absent", Limits{}); }), ErrorCode::not_found);
  EXPECT_EQ(error_of([&] { open_directory(folder / "b.txt", Limits{}); }),
            ErrorCode::invalid_argument);
}

TEST(Directory, NothingOutsideTheRoot) {
  const Folder folder;
  folder.write("secret", "secret");
  folder.write("root/a", "a");
  fs::create_symlink("../secret", folder / "root/link");
  fs::create_symlink("a", folder / "root/inner_link");
  fs::create_symlink("..", folder / "root/up");
  fs::create_symlink("loop", folder / "root/loop");
  fs::create_symlink("/dev/zero", folder / "root/device");
  fs::create_symlink(folder / "root", folder / "root_link");
  const auto tree = open_directory(folder / "root", Limits{});
  EXPECT_EQ(tree->names(), std::vector<std::string>{"a"});
  for (const char* name :
       {"../secret", "link", "inner_link", "up/secret", "loop", "device", "/etc/passwd", "", ".",
        "..", "./a", "a/../a", "a//b", "up/../../secret"}) {
    EXPECT_EQ(error_of([&] { tree->read(name); }), ErrorCode::permission_denied) << name;
    EXPECT_EQ(error_of([&] { tree->size_of(name); }), ErrorCode::permission_denied) << name;
  }
  EXPECT_EQ(error_of([&] { tree->read(std::string("a\0b", 3)); }), ErrorCode::permission_denied);
  EXPECT_EQ(error_of([&] { tree->read("a/b"); }), ErrorCode::not_found);
  EXPECT_TRUE(tree->contains("link"));  // so that read() can say why it is refused
  EXPECT_FALSE(tree->contains("../secret"));
  EXPECT_EQ(open_directory(folder / "root_link", Limits{})->read("a").text(), "a");
}

TEST(Directory, Limits) {
  const Folder folder;
  for (int i = 0; i < 10; ++i) folder.write("f" + std::to_string(i), "");
  folder.write("a/b/c/d/e", "");
  Limits limits;
  limits.max_entries = 5;
  EXPECT_EQ(error_of([&] { open_directory(folder.path(), limits)->names(); }),
            ErrorCode::resource_exhausted);
  limits = Limits{};
  limits.max_depth = 2;
  EXPECT_EQ(error_of([&] { open_directory(folder.path(), limits)->names(); }),
            ErrorCode::resource_exhausted);
}

TEST(Directory, PipesDoNotBlock) {
  const Folder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  const auto tree = open_directory(folder.path(), Limits{});
  EXPECT_EQ(error_of([&] { tree->read("pipe"); }), ErrorCode::invalid_argument);
  EXPECT_EQ(error_of([&] { tree->size_of("pipe"); }), ErrorCode::invalid_argument);
  EXPECT_TRUE(tree->names().empty());
}

TEST(ReadFile, MessagesNameThePathAndTheProblem) {
  const Folder folder;
  folder.write("a", "hello");
  std::string message;
  read_error(folder.path(), &message);
  EXPECT_NE(message.find(": is a directory, not a file"), std::string::npos) << message;
  Limits limits;
  limits.max_file_bytes = 4;
  error_of([&] { read_file(folder / "a", limits); }, &message);
  EXPECT_NE(message.find("/a: has 5 bytes, the limit is 4"), std::string::npos) << message;
#ifdef __linux__
  // A file that says it is empty and is not: what a file that grows meanwhile looks like.
  read_error("/proc/self/status", &message);
  EXPECT_NE(message.find("/proc/self/status: changed during load (0 bytes at first, then"),
            std::string::npos)
      << message;
#endif
}

TEST(Directory, MessagesNameThePathAndTheProblem) {
  const Folder folder;
  folder.write("a/b/c/d", "x");
  Limits limits;
  limits.max_depth = 2;
  std::string message;
  error_of([&] { open_directory(folder.path(), limits)->names(); }, &message);
  EXPECT_NE(message.find("folders nested deeper than 2"), std::string::npos) << message;
  const auto tree = open_directory(folder.path(), Limits{});
  error_of([&] { tree->read("../a"); }, &message);
  EXPECT_NE(message.find("'../a' is no name inside the directory"), std::string::npos) << message;
  error_of([&] { tree->size_of("a/b"); }, &message);
  EXPECT_NE(message.find("/a/b: is not a regular file"), std::string::npos) << message;
}

}  // namespace
}  // namespace thaw::testing
