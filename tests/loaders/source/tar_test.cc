#include "loaders/source/archive.h"
#include "tests/loaders/source/source_testing.h"

namespace thaw::testing {
namespace {

constexpr std::size_t kBlock = 512;

// One member of a hand-made archive; what is not set is right.
struct Entry {
  std::string name = "a";
  std::string data = "data";
  char type = '0';
  std::string size_field;  // of the header, instead of the right one
  std::string prefix;
  std::string link;
  std::string magic = std::string("ustar\0", 6) + "00";
};

std::string padded(std::string text) {
  text.resize((text.size() + kBlock - 1) / kBlock * kBlock, '\0');
  return text;
}

void with_checksum(std::string& header) {
  header.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  char digits[8];
  std::snprintf(digits, sizeof digits, "%06o", sum);
  header.replace(148, 7, std::string(digits, 7));  // six digits, a NUL, a space
}

std::string header_of(const Entry& entry) {
  std::string header(kBlock, '\0');
  const auto put = [&](std::size_t at, const std::string& text) {
    header.replace(at, text.size(), text);
  };
  char size[13];
  std::snprintf(size, sizeof size, "%011zo", entry.data.size());
  put(0, entry.name);
  put(100, "0000644");
  put(124, entry.size_field.empty() ? std::string(size, 11) : entry.size_field);
  put(136, "00000000000");
  put(156, std::string(1, entry.type));
  put(157, entry.link);
  put(257, entry.magic);
  put(345, entry.prefix);
  with_checksum(header);
  return header;
}

std::string member(const Entry& entry) { return header_of(entry) + padded(entry.data); }
std::string archive(const std::vector<Entry>& entries) {
  std::string out;
  for (const Entry& entry : entries) out += member(entry);
  return out + std::string(2 * kBlock, '\0');
}
Entry entry_of(char type, const std::string& name = "a", const std::string& data = "") {
  Entry entry;
  entry.type = type;
  entry.name = name;
  entry.data = data;
  return entry;
}
std::string pax(const std::string& key, const std::string& value) {
  const std::string record = " " + key + "=" + value + "\n";
  std::size_t length = record.size() + 1;
  while (std::to_string(length).size() + record.size() != length) ++length;
  return std::to_string(length) + record;
}

std::unique_ptr<FileTree> open_text(const std::string& contents, const Limits& limits = {}) {
  return open_tar(make_bytes(contents, "test.tar"), "test.tar", limits);
}
ErrorCode code_of(const std::string& contents, std::string* message = nullptr) {
  return error_of([&] { open_text(contents); }, message);
}

TEST(Tar, MembersAreViews) {
  const Bytes bytes = make_bytes(
      archive(
          {entry_of('5', "dir/"), {"dir/b", "second"}, {"a", std::string(600, 'x')}, {"c", ""}}),
      "test.tar");
  EXPECT_TRUE(is_tar(bytes.data));
  EXPECT_EQ(sniff(bytes.data), FileKind::tar);
  const auto tree = open_tar(bytes, "test.tar", Limits{});
  EXPECT_EQ(tree->names(), (std::vector<std::string>{"a", "c", "dir/b"}));
  EXPECT_EQ(tree->read("a").text(), std::string(600, 'x'));
  EXPECT_EQ(tree->read("dir/b").text(), "second");
  EXPECT_EQ(tree->read("dir/b").name, "test.tar!dir/b");
  EXPECT_EQ(tree->size_of("c"), 0u);
  EXPECT_TRUE(tree->contains("dir/b"));
  EXPECT_FALSE(tree->contains("dir"));
  EXPECT_FALSE(tree->contains("dir/"));
  const Bytes view = tree->read("a");
  EXPECT_TRUE(view.data.data() >= bytes.data.data() &&
              view.data.data() < bytes.data.data() + bytes.size());
  EXPECT_EQ(error_of([&] { tree->read("absent"); }), ErrorCode::not_found);
  EXPECT_TRUE(open_text(archive({entry_of('5', "./")}))->names().empty());
}

TEST(Tar, LongNames) {
  const std::string longest = std::string(150, 'n') + "/" + std::string(120, 'm');
  // ustar: a prefix; GNU: a member with the name; pax: a record.
  Entry split{"tail"};
  split.prefix = "head/of";
  EXPECT_EQ(open_text(archive({split}))->names(), std::vector<std::string>{"head/of/tail"});
  split.magic = "ustar  ";  // GNU's own format has other things in that place
  EXPECT_EQ(open_text(archive({split}))->names(), std::vector<std::string>{"tail"});
  Entry whole{std::string(100, 'w')};  // a name without a NUL
  EXPECT_EQ(open_text(archive({whole}))->names(), std::vector<std::string>{std::string(100, 'w')});
  const Entry gnu = entry_of('L', "././@LongLink", longest + std::string(1, '\0'));
  EXPECT_EQ(open_text(archive({gnu, {"cut"}, {"b"}}))->names(),
            (std::vector<std::string>{"b", longest}));
  const Entry extended = entry_of('x', "PaxHeaders/x", pax("mtime", "1.5") + pax("path", longest));
  EXPECT_EQ(open_text(archive({extended, {"cut"}, {"b"}}))->names(),
            (std::vector<std::string>{"b", longest}));
  EXPECT_EQ(open_text(archive({entry_of('g', "g", pax("comment", "x")), {"b"}}))->names(),
            std::vector<std::string>{"b"});
}

TEST(Tar, Sizes) {
  Entry wide;
  wide.size_field = std::string("\x80\0\0\0\0\0\0\0\0\0\0\x04", 12);
  EXPECT_EQ(open_text(archive({wide}))->read("a").text(), "data");
  Entry spaced;
  spaced.size_field = "         4 ";
  EXPECT_EQ(open_text(archive({spaced}))->read("a").text(), "data");
  EXPECT_EQ(open_text(archive({entry_of('x', "x", pax("size", "3")), Entry{}}))->read("a").text(),
            "dat");
  std::string message;
  for (const std::string& field : {std::string("77777777777"),
                                   std::string("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12)}) {
    Entry huge;
    huge.size_field = field;
    EXPECT_EQ(code_of(archive({huge}), &message), ErrorCode::data_loss);
    EXPECT_NE(message.find("member 'a' is cut short"), std::string::npos) << message;
  }
  for (const std::string& field :
       {std::string("9"), std::string("-1"), std::string(12, ' '),
        std::string("\x80\1\0\0\0\0\0\0\0\0\0\0", 12),
        std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")}) {
    Entry bad;
    bad.size_field = field;
    EXPECT_EQ(code_of(archive({bad}), &message), ErrorCode::data_loss) << field;
    EXPECT_NE(message.find("has no size"), std::string::npos) << message;
  }
  EXPECT_EQ(code_of(archive({entry_of('x', "x", pax("size", "18446744073709551615")), Entry{}})),
            ErrorCode::data_loss);
  EXPECT_EQ(code_of(archive({entry_of('x', "x", pax("size", "-3")), Entry{}})),
            ErrorCode::data_loss);
}

TEST(Tar, BadNames) {
  for (const char* name : {"../a", "/etc/passwd", "a/../b", "a//b", "a/./b", "a\\b", "c:/x", "a\nb",
                           "..", "/", ".//a"}) {
    std::string message;
    EXPECT_EQ(code_of(archive({{name}}), &message), ErrorCode::permission_denied) << name;
    EXPECT_NE(message.find("test.tar: member '"), std::string::npos) << message;
    EXPECT_EQ(code_of(archive({entry_of('x', "x", pax("path", name)), Entry{}})),
              ErrorCode::permission_denied);
  }
  EXPECT_EQ(open_text(archive({{"./a"}}))->names(), std::vector<std::string>{"a"});
}

TEST(Tar, LinksAndDevices) {
  const std::vector<std::pair<char, std::string>> kinds = {{'1', "'a' is a hard link"},
                                                           {'2', "'a' is a symbolic link"},
                                                           {'3', "'a' is a device or a pipe"},
                                                           {'4', "'a' is a device or a pipe"},
                                                           {'6', "'a' is a device or a pipe"}};
  for (const auto& [type, text] : kinds) {
    Entry entry = entry_of(type);
    entry.link = "/etc/passwd";
    std::string message;
    EXPECT_EQ(code_of(archive({entry}), &message), ErrorCode::permission_denied);
    EXPECT_NE(message.find(text), std::string::npos) << message;
  }
  EXPECT_EQ(code_of(archive({entry_of('S')})), ErrorCode::unimplemented);
  EXPECT_EQ(code_of(archive({entry_of('Z')})), ErrorCode::unimplemented);
  EXPECT_EQ(code_of(archive({entry_of('x', "x", pax("GNU.sparse.major", "1")), Entry{}})),
            ErrorCode::unimplemented);
}

TEST(Tar, TwoReadings) {
  std::string message;
  EXPECT_EQ(code_of(archive({Entry{}, Entry{}}), &message), ErrorCode::invalid_argument);
  EXPECT_NE(message.find("member 'a' exists twice"), std::string::npos) << message;
  EXPECT_EQ(code_of(archive({Entry{}, Entry{"./a"}})), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(archive({Entry{}}) + "more"), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(archive({Entry{}}) + archive({Entry{"b"}})), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(archive({{"dir/", "data"}})), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(archive({entry_of('g', "g", pax("path", "evil")), Entry{}})),
            ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(archive({entry_of('x', "x", pax("path", "b"))})), ErrorCode::data_loss);
  for (const char* record : {"99 path=b\n", "5 a=b", "0 \n", "path=b\n", "10 path=b-", "7 path\n",
                             "99999999999999999999 a=b\n"}) {
    EXPECT_EQ(code_of(archive({entry_of('x', "x", record), Entry{}})), ErrorCode::data_loss)
        << record;
  }
}

TEST(Tar, Damaged) {
  std::string contents = archive({Entry{}, {"b", "text"}});
  std::string message;
  contents[0] ^= 1;
  EXPECT_EQ(code_of(contents, &message), ErrorCode::invalid_argument);  // not even a first header
  contents[0] ^= 1;
  contents[2 * kBlock] ^= 1;
  EXPECT_EQ(code_of(contents, &message), ErrorCode::data_loss);
  EXPECT_NE(message.find("the header at 1024 is damaged"), std::string::npos) << message;
  contents[2 * kBlock] ^= 1;
  EXPECT_EQ(code_of(contents.substr(0, 4 * kBlock), &message), ErrorCode::data_loss);
  EXPECT_NE(message.find("no end mark"), std::string::npos) << message;
  const auto reader = [](const Bytes& bytes) {
    const auto tree = open_tar(bytes, "test.tar", Limits{});
    for (const std::string& name : tree->names()) tree->read(name);
  };
  check_truncations(contents.substr(0, 4 * kBlock), reader, 7);
  check_flips(archive({entry_of('x', "x", pax("path", "long")), Entry{}}), reader, 3);
}

TEST(Tar, Limits) {
  Limits limits;
  limits.max_entries = 1;
  EXPECT_EQ(error_of([&] {
              open_text(archive({Entry{}, {"b"}}), limits);
            }),
            ErrorCode::resource_exhausted);
  limits = Limits{};
  limits.max_file_bytes = 3;
  EXPECT_EQ(error_of([&] { open_text(archive({Entry{}}), limits); }),
            ErrorCode::resource_exhausted);
  Entry names = entry_of('L');
  names.data.assign(2 << 20, 'n');
  EXPECT_EQ(code_of(archive({names})), ErrorCode::resource_exhausted);
}

TEST(Folder, ShowsWhatLiesBelow) {
  const auto tree = open_text(archive({{"m/1/a", "one"}, {"m/2/a", "two"}, {"m/2/b/c", "three"}}));
  const auto folder = open_folder(*tree, "m/2/");
  EXPECT_EQ(folder->names(), (std::vector<std::string>{"a", "b/c"}));
  EXPECT_EQ(folder->read("a").text(), "two");
  EXPECT_EQ(folder->size_of("b/c"), 5u);
  EXPECT_TRUE(folder->contains("b/c"));
  EXPECT_FALSE(folder->contains("m/2/a"));
  EXPECT_EQ(folder->path(), "test.tar");
}

TEST(Tar, MessagesNameTheArchiveAndTheProblem) {
  const auto expect = [](const std::string& contents, const char* text) {
    std::string message;
    code_of(contents, &message);
    EXPECT_NE(message.find("test.tar: "), std::string::npos) << message;
    EXPECT_NE(message.find(text), std::string::npos) << message << "\n  lacks: " << text;
  };
  const auto with_pax = [](char type, const std::string& records) {
    return archive({entry_of(type, "x", records), Entry{}});
  };
  expect(archive({{"a\\b"}}), "member 'a\\b' has a backslash in its name");
  expect(archive({entry_of('L', "a", std::string(2 << 20, 'n'))}),
         "a record for names has 2097152");
  expect(with_pax('x', "5 a=b"), "a pax record is damaged");
  expect(with_pax('x', "7 path\n"), "a pax record is damaged");
  expect(with_pax('x', pax("GNU.sparse.major", "1")), "has sparse members");
  expect(with_pax('x', pax("size", "-3")), "a pax record says that a member has size '-3'");
  expect(with_pax('g', pax("path", "evil")), "sets the path of all its members");
  expect(archive({entry_of('S')}), "member 'a' is sparse");
  expect(archive({entry_of('Z')}), "member 'a' has type 'Z'");
  expect(archive({{"dir/", "data"}}), "member 'dir/' is a folder with contents");
  expect(archive({Entry{}}) + "more", "516 bytes follow the end of the tar archive");
  expect(archive({entry_of('x', "x", pax("path", "b"))}), "ends behind a member's name");
  expect("\x89HDF\r\n\x1a\n", "is no tar archive but");
  std::string message;
  error_of([] { open_text(archive({Entry{}}))->read("b"); }, &message);
  EXPECT_NE(message.find("test.tar: no member 'b' in the archive"), std::string::npos) << message;
}

}  // namespace
}  // namespace thaw::testing
