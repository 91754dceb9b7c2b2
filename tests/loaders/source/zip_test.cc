#include <zlib.h>

#include "loaders/source/file_tree.h"
#include "tests/loaders/source/source_testing.h"

namespace thaw::testing {
namespace {

std::unique_ptr<FileTree> open_bytes(const std::string& contents, const Limits& limits = {}) {
  return open_zip(make_bytes(contents, "test.zip"), "test.zip", limits);
}

TEST(Zip, StoredAndDeflated) {
  const Bytes bytes = load("plain.zip");
  const auto tree = open_zip(bytes, "plain.zip", Limits{});
  EXPECT_EQ(tree->names(),
            (std::vector<std::string>{"deflated.txt", "dir/second.txt", "hello.txt"}));
  const Bytes hello = tree->read("hello.txt");
  EXPECT_EQ(hello.text(), "hello world");
  EXPECT_NE(hello.name.find("plain.zip!hello.txt"), std::string::npos);
  EXPECT_TRUE(hello.data.data() >= bytes.data.data() &&
              hello.data.data() < bytes.data.data() + bytes.size());
  EXPECT_EQ(tree->read("deflated.txt").text(), std::string(5000, 'a'));
  EXPECT_EQ(tree->size_of("deflated.txt"), 5000u);
  EXPECT_TRUE(tree->contains("dir/second.txt"));
  EXPECT_FALSE(tree->contains("dir/"));
  EXPECT_EQ(error_of([&] { tree->read("absent"); }), ErrorCode::not_found);
}

TEST(Zip, SizesAfterTheData) {
  const auto tree = open_zip(load("stream.zip"), "stream.zip", Limits{});
  EXPECT_EQ(tree->read("hello.txt").text(), "hello world");
  EXPECT_EQ(tree->read("wide.txt").text(), "zip64 descriptor");
}

TEST(Zip, MembersOutliveTheArchive) {
  Bytes hello = open_zip(load("plain.zip"), "plain.zip", Limits{})->read("hello.txt");
  EXPECT_EQ(hello.text(), "hello world");
}

TEST(Zip, UnknownMethod) {
  const auto tree = open_zip(load("bzip2.zip"), "bzip2.zip", Limits{});
  std::string message;
  EXPECT_EQ(error_of([&] { tree->read("a.txt"); }, &message), ErrorCode::unimplemented);
  EXPECT_NE(message.find("method 12"), std::string::npos) << message;
}

TEST(Zip, Limits) {
  Limits limits;
  limits.max_inflate_ratio = 100;
  const auto tree = open_zip(load("bomb.zip"), "bomb.zip", limits);
  EXPECT_EQ(error_of([&] { tree->read("zeros"); }), ErrorCode::resource_exhausted);
  limits = Limits{};
  limits.max_file_bytes = 10000;
  EXPECT_EQ(error_of([&] { open_zip(load("bomb.zip"), "bomb.zip", limits)->read("zeros"); }),
            ErrorCode::resource_exhausted);
  limits.max_entries = 2;
  EXPECT_EQ(error_of([&] { open_zip(load("plain.zip"), "plain.zip", limits); }),
            ErrorCode::resource_exhausted);
}

std::string number(std::uint64_t value, int size) {
  std::string out;
  for (int i = 0; i < size; ++i) out += static_cast<char>(value >> (8 * i) & 255);
  return out;
}

// One member of a hand-made archive; what is not set is right.
struct Member {
  std::string name = "a";
  std::string data = "data";
  std::string local_name;
  int flags = 0, method = 0;
  std::uint32_t mode = 0;
  std::int64_t size = -1, compressed_size = -1, crc = -1, local_size = -1, offset = -1;
  std::string extra;  // of the directory's entry
};

std::string archive(const std::vector<Member>& members, const std::string& comment = "",
                    const std::string& prefix = "", int count_change = 0) {
  std::string out = prefix, directory;
  for (const Member& member : members) {
    const auto or_else = [](std::int64_t value, std::uint64_t other) {
      return value >= 0 ? static_cast<std::uint64_t>(value) : other;
    };
    const std::uint64_t offset = or_else(member.offset, out.size());
    const std::uint64_t crc =
        or_else(member.crc,
                crc32_z(0, reinterpret_cast<const Bytef*>(member.data.data()), member.data.size()));
    const std::uint64_t stored = or_else(member.compressed_size, member.data.size());
    const std::uint64_t size = or_else(member.size, member.data.size());
    const std::string& local_name = member.local_name.empty() ? member.name : member.local_name;
    const std::string fields = number(static_cast<unsigned>(member.flags), 2) +
                               number(static_cast<unsigned>(member.method), 2) + number(0, 4) +
                               number(crc, 4);
    out += "PK\x03\x04" + number(20, 2) + fields + number(stored, 4) +
           number(or_else(member.local_size, size), 4) + number(local_name.size(), 2) +
           number(0, 2) + local_name + member.data;
    directory += "PK\x01\x02" + number(0x0314, 2) + number(20, 2) + fields + number(stored, 4) +
                 number(size, 4) + number(member.name.size(), 2) + number(member.extra.size(), 2) +
                 number(0, 2) + number(0, 2) + number(0, 2) +
                 number(std::uint64_t{member.mode} << 16, 4) + number(offset, 4) + member.name +
                 member.extra;
  }
  const std::uint64_t count = members.size() + static_cast<std::size_t>(count_change);
  return out + directory + "PK\x05\x06" + number(0, 4) + number(count, 2) + number(count, 2) +
         number(directory.size(), 4) + number(out.size(), 4) + number(comment.size(), 2) + comment;
}

// Opens the archive and reads everything.
ErrorCode code_of(const std::string& contents) {
  return error_of([&] {
    const auto tree = open_bytes(contents);
    for (const std::string& name : tree->names()) tree->read(name);
  });
}
ErrorCode code_of(const Member& member) { return code_of(archive({member})); }

TEST(Zip, HandMadeArchiveIsRight) {
  EXPECT_EQ(open_bytes(archive({Member{}}))->read("a").text(), "data");
  EXPECT_EQ(open_bytes(archive({Member{}}, "a comment"))->read("a").text(), "data");
  EXPECT_TRUE(open_bytes(archive({}))->names().empty());
}

TEST(Zip, BadNames) {
  for (const std::string& name :
       {std::string("../a"), std::string("/etc/passwd"), std::string("a/../b"), std::string("a//b"),
        std::string("./a"), std::string("..\\a"), std::string("a\\..\\b"), std::string("\\a"),
        std::string("c:\\x"), std::string("c:/x"), std::string("a\0b", 3), std::string("a\nb"),
        std::string(".."), std::string("/")}) {
    Member member;
    member.name = name;
    EXPECT_EQ(code_of(member), ErrorCode::permission_denied) << name;
  }
  Member link;
  link.mode = 0120777;
  EXPECT_EQ(code_of(link), ErrorCode::permission_denied);
}

// Archives made on Windows: one place, however its name is written.
TEST(Zip, BackslashesSeparateFolders) {
  Member member;
  member.name = "assets\\layers\\a.txt";
  const auto tree = open_bytes(archive({member}));
  EXPECT_EQ(tree->names(), std::vector<std::string>{"assets/layers/a.txt"});
  EXPECT_EQ(tree->read("assets/layers/a.txt").text(), "data");
  Member other;
  other.name = "assets/layers/a.txt";
  EXPECT_EQ(code_of(archive({member, other})), ErrorCode::invalid_argument);
}

TEST(Zip, TwoReadings) {
  EXPECT_EQ(code_of(archive({Member{}, Member{}})),
            ErrorCode::invalid_argument);  // the same name twice
  Member member;
  member.local_name = "b";
  EXPECT_EQ(code_of(member), ErrorCode::invalid_argument);
  member = {};
  member.local_size = 3;
  EXPECT_EQ(code_of(member), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(archive({Member{}}, "", "prefix")), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(archive({Member{}}, "", "", 1)), ErrorCode::data_loss);
  EXPECT_EQ(code_of(archive({Member{}, Member{"b"}}, "", "", -1)), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(archive({Member{}}) + "trailing"), ErrorCode::data_loss);
  // An archive in the comment of an archive.
  EXPECT_EQ(code_of(archive({Member{}}, archive({Member{"b"}}))), ErrorCode::invalid_argument);
}

// A zip64 locator counts only where it belongs, right before the end record: one inside the comment
// must not lead to another directory.
TEST(Zip, LocatorInTheComment) {
  const std::string visible = archive({Member{}});
  Member hidden{"b", "evil"};
  hidden.offset = static_cast<std::int64_t>(visible.size());
  const std::string other = archive({hidden});
  const std::size_t record = 31 + 4;  // local header and data of the hidden one
  const std::size_t directory = other.size() - record - 22;  // without its end record
  const std::string record64 = "PK\x06\x06" + number(44, 8) + number(45, 2) + number(45, 2) +
                               number(0, 4) + number(0, 4) + number(1, 8) + number(1, 8) +
                               number(directory, 8) + number(visible.size() + record, 8);
  const std::string locator =
      "PK\x06\x07" + number(0, 4) + number(visible.size() + record + directory, 8) + number(1, 4);
  const auto tree =
      open_bytes(archive({Member{}}, other.substr(0, record + directory) + record64 + locator));
  EXPECT_EQ(tree->names(), std::vector<std::string>{"a"});
  EXPECT_EQ(tree->read("a").text(), "data");
}

TEST(Zip, Overlaps) {
  Member second{"b"};
  second.offset = 0;
  second.local_name = "a";
  EXPECT_EQ(code_of(archive({Member{}, second})), ErrorCode::invalid_argument);
  // A member inside the data of another one.
  const std::string inner = archive({Member{"b"}}).substr(0, 31 + 4);
  Member outer;
  outer.data = inner;
  Member quoted{"b"};
  quoted.offset = 31;
  EXPECT_EQ(code_of(archive({outer, quoted})), ErrorCode::invalid_argument);
  Member far;
  far.offset = 1 << 20;
  EXPECT_EQ(code_of(far), ErrorCode::data_loss);
  Member long_one;
  long_one.compressed_size = long_one.size = 1 << 20;
  EXPECT_EQ(code_of(long_one), ErrorCode::data_loss);
  long_one.compressed_size = long_one.size = 20;  // reaches into the directory
  EXPECT_EQ(code_of(long_one), ErrorCode::invalid_argument);
}

TEST(Zip, WrongContents) {
  Member member;
  member.crc = 5;
  EXPECT_EQ(code_of(member), ErrorCode::data_loss);
  member = {};
  member.flags = 1;
  EXPECT_EQ(code_of(member), ErrorCode::unimplemented);  // encrypted
  member = {};
  member.size = 5;
  EXPECT_EQ(code_of(member), ErrorCode::invalid_argument);  // stored, but growing
  member = {};
  member.method = 8;
  EXPECT_EQ(code_of(member), ErrorCode::data_loss);  // no DEFLATE stream
  member.size = 1 << 30;
  EXPECT_EQ(code_of(member), ErrorCode::resource_exhausted);  // four bytes cannot become so many
  member.data = std::string("\x03\x00", 2);                   // an empty stream
  member.size = 1;
  EXPECT_EQ(code_of(member), ErrorCode::data_loss);
  member.size = 0;
  member.crc = 0;
  member.data += "x";  // bytes after its end
  EXPECT_EQ(code_of(member), ErrorCode::data_loss);
  member.data = std::string("\x4b\x04\x00", 3);      // "a"
  EXPECT_EQ(code_of(member), ErrorCode::data_loss);  // more than declared
}

TEST(Zip, SaysWhatAFileReallyIs) {
  std::string message;
  EXPECT_EQ(error_of([] { open_zip(load("old.h5"), "model.keras", Limits{}); }, &message),
            ErrorCode::invalid_argument);
  EXPECT_NE(message.find("HDF5"), std::string::npos) << message;
  EXPECT_EQ(error_of([] { open_bytes(""); }), ErrorCode::data_loss);
}

TEST(Zip, ColonsAreNoDrives) {
  Member member;
  member.name = "x:0.npy";  // numpy stores an array called "x:0" so
  EXPECT_EQ(open_bytes(archive({member}))->read("x:0.npy").text(), "data");
}

TEST(Zip, GitLfsPointerInside) {
  Member member;
  member.data = "version https://git-lfs.github.com/spec/v1\n";
  std::string message;
  EXPECT_EQ(error_of([&] { open_bytes(archive({member}))->read("a"); }, &message),
            ErrorCode::invalid_argument);
  EXPECT_NE(message.find("git lfs pull"), std::string::npos) << message;
}

TEST(Zip, Damaged) {
  const auto reader = [](const Bytes& bytes) {
    const auto tree = open_zip(bytes, "test.zip", Limits{});
    for (const std::string& name : tree->names()) tree->read(name);
  };
  for (const char* name : {"plain.zip", "stream.zip", "arrays.npz"}) {
    const std::string contents(load(name).text());
    check_truncations(contents, reader);
    check_flips(contents, reader);
  }
}

std::string message_of(const std::string& contents, const Limits& limits = {}) {
  std::string message;
  error_of(
      [&] {
        const auto tree = open_bytes(contents, limits);
        for (const std::string& name : tree->names()) tree->read(name);
      },
      &message);
  return message;
}

TEST(Zip, MessagesNameTheArchiveTheMemberAndTheProblem) {
  const auto expect = [](const std::string& contents, const char* text) {
    const std::string message = message_of(contents);
    EXPECT_NE(message.find(text), std::string::npos) << message << "\n  lacks: " << text;
  };
  const auto named = [](const std::string& name) { return archive({Member{name}}); };
  expect(named(""), "test.zip: member '' has no name");
  expect(named("/a"), "member '/a' has an absolute name");
  expect(named("c:/x"), "member 'c:/x' names a drive");
  expect(named("a\nb"), "has a control character in its name");
  expect(named("a/../b"), "member 'a/../b' leaves the archive by its name");
  Member member;
  member.mode = 0120777;
  expect(archive({member}), "test.zip: member 'a' is a symbolic link");
  member = {};
  member.flags = 1;
  expect(archive({member}), "test.zip!a: is encrypted");
  member = {};
  member.size = 5;
  expect(archive({member}), "test.zip!a: stored uncompressed, but 4 bytes become 5");
  member = {};
  member.crc = 5;
  expect(archive({member}),
         "test.zip!a: damaged: its CRC-32 is adf3f363, the archive says 00000005");
  member = {};
  member.method = 8;
  member.data = std::string("\x4b\x04\x00", 3);  // "a"
  member.size = 0;
  expect(archive({member}), "test.zip!a: decompresses to more than the declared 0 bytes");
  member.data = std::string("\x03\x00x", 3);
  member.crc = 0;
  expect(archive({member}), "test.zip!a: 1 bytes follow the end of the compressed data");
  member = {};
  const std::string twice = number(1, 2) + number(0, 2);
  member.extra = twice + twice;
  expect(archive({member}), "a member has two zip64 extra fields");
  member = {};
  member.local_size = 3;
  expect(archive({member}), "member 'a': local header and zip directory disagree");
  expect(archive({Member{}, Member{}}), "member 'a' exists twice");
  expect(archive({Member{}}, archive({Member{"b"}})), "has 2 zip end records");
  expect(archive({Member{}}, "", "prefix"), "6 bytes stand before the first member");
  member = {};
  member.compressed_size = member.size = 20;
  expect(archive({member}), "the last member overlaps the zip directory");
  expect("%PDF-1.4 and more than twenty-two bytes of it", "has no zip directory at its end");
  std::string message;
  error_of([] { open_bytes("{\"a\": 1}"); }, &message);
  EXPECT_NE(message.find("test.zip: is no zip archive but"), std::string::npos) << message;
  error_of([] { open_bytes(archive({Member{}}))->read("b"); }, &message);
  EXPECT_NE(message.find("test.zip: no member 'b' in the archive"), std::string::npos) << message;
}

TEST(Zip, MessagesOfLimits) {
  Limits limits;
  limits.max_entries = 1;
  EXPECT_NE(message_of(archive({Member{}, Member{"b"}}), limits).find("2 members, the limit is 1"),
            std::string::npos);
  limits = Limits{};
  limits.max_file_bytes = 3;
  EXPECT_NE(message_of(archive({Member{}}), limits).find("test.zip!a: has 4 bytes, the limit is 3"),
            std::string::npos);
}

// An archive whose directory is described by a zip64 end record.
std::string archive64(std::uint64_t record_size, std::uint64_t count, std::int64_t locator_change) {
  const std::string plain = archive({Member{}});
  const std::string body = plain.substr(0, plain.size() - 22),
                    end = plain.substr(plain.size() - 22);
  const std::size_t local = 31 + 4, directory = body.size() - local;
  const std::string record = "PK\x06\x06" + number(record_size, 8) + number(45, 2) + number(45, 2) +
                             number(0, 4) + number(0, 4) + number(count, 8) + number(count, 8) +
                             number(directory, 8) + number(local, 8);
  const std::uint64_t at = body.size() + static_cast<std::uint64_t>(locator_change);
  return body + record + "PK\x06\x07" + number(0, 4) + number(at, 8) + number(1, 4) + end;
}

TEST(Zip, EndRecordsOf64Bits) {
  EXPECT_EQ(open_bytes(archive64(44, 1, 0))->read("a").text(), "data");
  EXPECT_NE(message_of(archive64(45, 1, 0)).find("the zip64 end record has a wrong size"),
            std::string::npos);
  EXPECT_NE(
      message_of(archive64(44, 2, 0)).find("the zip end record and the zip64 end record disagree"),
      std::string::npos);
  EXPECT_NE(message_of(archive64(44, 1, 1)).find("the zip64 end record is said to be at"),
            std::string::npos);
  EXPECT_NE(message_of(archive64(44, 1, -5)).find("does not begin with"), std::string::npos);
}

}  // namespace
}  // namespace thaw::testing
