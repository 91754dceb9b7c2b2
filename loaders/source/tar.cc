// Tar archives: the ustar format with the long names of GNU tar and of pax.
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "loaders/source/archive.h"
#include "loaders/source/byte_reader.h"

namespace thaw {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kMaxNameRecord = 1 << 20;  // pax headers and GNU long names

// Where the fields of a header block stand.
struct Field {
  std::size_t offset, size;
};
constexpr Field kName{0, 100}, kSize{124, 12}, kChecksum{148, 8}, kType{156, 1}, kUstar{257, 6},
    kPrefix{345, 155};

std::string_view field_of(std::string_view block, const Field& field) {
  return block.substr(field.offset, field.size);
}
std::string_view text_of(std::string_view block, const Field& field) {
  const std::string_view text = field_of(block, field);
  return text.substr(0, std::min(text.find('\0'), text.size()));
}

// Octal digits between spaces or NULs; GNU tar writes what is too large as big-endian bytes behind
// a set high bit.
std::optional<std::uint64_t> number_of(std::string_view block, const Field& field) {
  std::string_view text = field_of(block, field);
  if (static_cast<unsigned char>(text[0]) == 0x80) {
    std::uint64_t value = 0;
    for (const char c : text.substr(1)) {
      if (value >> 56 != 0) return std::nullopt;
      value = value << 8 | static_cast<unsigned char>(c);
    }
    return value;
  }
  text = text.substr(std::min(text.find_first_not_of(' '), text.size()));
  const std::string_view digits =
      text.substr(0, std::min(text.find_first_of(std::string_view(" \0", 2)), text.size()));
  std::uint64_t value = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value, 8);
  if (digits.empty() || result.ec != std::errc() || result.ptr != digits.data() + digits.size())
    return std::nullopt;
  return value;
}

bool checksum_fits(std::string_view block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const bool own = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    sum += own ? ' ' : static_cast<unsigned char>(block[i]);
  }
  return number_of(block, kChecksum) == sum;
}

bool is_zero(std::string_view text) {
  return text.find_first_not_of('\0') == std::string_view::npos;
}

// What pax and GNU records say about the next member.
struct NextMember {
  std::optional<std::string> name;
  std::optional<std::uint64_t> size;
};

class TarReader {
 public:
  TarReader(const Bytes& archive, const Limits& limits) : archive_(archive), limits_(limits) {}
  /// Name to contents.
  std::map<std::string, std::span<const std::byte>> read();

 private:
  template <class... Args>
  [[noreturn]] void refuse(ErrorCode code, fmt::format_string<Args...> format,
                           Args&&... args) const {
    fail(code, "{}: {}", printable(archive_.name, 1024),
         fmt::format(format, std::forward<Args>(args)...));
  }
  std::span<const std::byte> take(std::uint64_t size, std::string_view what);
  std::string_view name_record(std::uint64_t size);
  void read_pax(std::string_view records, NextMember* next) const;
  void member(std::string_view block);
  void add(std::string name, char type, std::uint64_t size);

  const Bytes& archive_;
  const Limits& limits_;
  std::size_t position_ = 0;
  std::uint64_t headers_ = 0;
  NextMember next_;
  std::map<std::string, std::span<const std::byte>> members_;
};

// The next `size` bytes; goes on to the next full block.
std::span<const std::byte> TarReader::take(std::uint64_t size, std::string_view what) {
  const std::size_t left = archive_.size() - position_;
  if (size > left) {
    refuse(ErrorCode::data_loss, "{} is cut short: {} bytes needed, {} left (truncated?)", what,
           size, left);
  }
  const auto part = archive_.data.subspan(position_, static_cast<std::size_t>(size));
  const std::size_t padding = (kBlock - part.size() % kBlock) % kBlock;
  position_ += part.size() + std::min(padding, left - part.size());
  return part;
}

std::string_view TarReader::name_record(std::uint64_t size) {
  if (size > kMaxNameRecord)
    refuse(ErrorCode::resource_exhausted, "a record for names has {} bytes", size);
  return as_text(take(size, "a record for names"));
}

// "27 path=some/long/name\n": the length counts the whole record. `next` is null for records of the
// whole archive, which must not name or size a member.
void TarReader::read_pax(std::string_view records, NextMember* next) const {
  while (!records.empty() && records.front() != '\0') {
    std::size_t length = 0;
    const auto result = std::from_chars(records.data(), records.data() + records.size(), length);
    const std::size_t digits = static_cast<std::size_t>(result.ptr - records.data());
    if (result.ec != std::errc() || length > records.size() || length < digits + 3 ||
        records[digits] != ' ' || records[length - 1] != '\n') {
      refuse(ErrorCode::data_loss, "a pax record is damaged");
    }
    const std::string_view record = records.substr(digits + 1, length - digits - 2);
    records.remove_prefix(length);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos) refuse(ErrorCode::data_loss, "a pax record is damaged");
    const std::string_view key = record.substr(0, equals), value = record.substr(equals + 1);
    if (key.starts_with("GNU.sparse.")) refuse(ErrorCode::unimplemented, "has sparse members");
    if (key != "path" && key != "size") continue;
    if (next == nullptr)
      refuse(ErrorCode::invalid_argument, "sets the {} of all its members", printable(key));
    if (key == "path") {
      next->name = std::string(value);
      continue;
    }
    std::uint64_t size = 0;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), size);
    if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size())
      refuse(ErrorCode::data_loss, "a pax record says that a member has size '{}'",
             printable(value));
    next->size = size;
  }
}

void TarReader::add(std::string name, char type, std::uint64_t size) {
  while (name.starts_with("./")) name.erase(0, 2);  // as "tar -c ." writes names
  const bool root = name.empty() || name == ".";
  if (!root) check_member_name(archive_.name, name);
  const auto refuse_kind = [&](ErrorCode code, const char* kind) {
    refuse(code, "member '{}' is {}", printable(name), kind);
  };
  switch (type) {
    case '\0':
    case '0':
    case '7': break;
    case '5': return;
    case '1': refuse_kind(ErrorCode::permission_denied, "a hard link"); break;
    case '2': refuse_kind(ErrorCode::permission_denied, "a symbolic link"); break;
    case '3':
    case '4':
    case '6': refuse_kind(ErrorCode::permission_denied, "a device or a pipe"); break;
    case 'S': refuse_kind(ErrorCode::unimplemented, "sparse"); break;
    default:
      refuse(ErrorCode::unimplemented, "member '{}' has type '{}'", printable(name),
             printable(std::string_view(&type, 1)));
  }
  const auto contents = take(size, fmt::format("member '{}'", printable(name)));
  if (root || (name.ends_with('/') && size > 0))
    refuse(ErrorCode::invalid_argument, "member '{}' is a folder with contents", printable(name));
  if (name.ends_with('/')) return;  // a folder of old programs
  if (size > limits_.max_file_bytes) {
    refuse(ErrorCode::resource_exhausted, "member '{}' has {} bytes, the limit is {}",
           printable(name), size, limits_.max_file_bytes);
  }
  const auto [place, is_first] = members_.emplace(std::move(name), contents);
  if (!is_first)
    refuse(ErrorCode::invalid_argument, "member '{}' exists twice", printable(place->first));
}

void TarReader::member(std::string_view block) {
  if (!checksum_fits(block)) {
    refuse(ErrorCode::data_loss, "the header at {} is damaged: its checksum does not fit",
           position_ - kBlock);
  }
  if (++headers_ > limits_.max_entries)
    refuse(ErrorCode::resource_exhausted, "more than {} members", limits_.max_entries);
  const auto size = number_of(block, kSize);
  if (!size) refuse(ErrorCode::data_loss, "the header at {} has no size", position_ - kBlock);
  const char type = block[kType.offset];
  if (type == 'x') return read_pax(name_record(*size), &next_);
  if (type == 'g') return read_pax(name_record(*size), nullptr);
  if (type == 'L') {
    const std::string_view name = name_record(*size);
    next_.name = std::string(name.substr(0, std::min(name.find('\0'), name.size())));
    return;
  }
  if (type == 'K') {  // the target of a link, which is refused by its own header
    name_record(*size);
    return;
  }
  std::string name(text_of(block, kName));
  // In GNU's own format ("ustar  ") other fields stand in the place of the prefix.
  if (field_of(block, kUstar) == std::string_view("ustar\0", 6)) {
    const std::string_view prefix = text_of(block, kPrefix);
    if (!prefix.empty()) name = std::string(prefix) + "/" + name;
  }
  const NextMember next = std::exchange(next_, {});
  add(next.name.value_or(std::move(name)), type, next.size.value_or(*size));
}

std::map<std::string, std::span<const std::byte>> TarReader::read() {
  if (!is_tar(archive_.data)) {
    refuse(ErrorCode::invalid_argument, "is no tar archive but {}", name_of(sniff(archive_.data)));
  }
  for (;;) {
    if (position_ == archive_.size())
      refuse(ErrorCode::data_loss, "the tar archive has no end mark (truncated?)");
    const std::string_view block = as_text(take(kBlock, "a tar header"));
    if (is_zero(block)) break;
    member(block);
  }
  const std::string_view rest = archive_.text().substr(position_);
  if (!is_zero(rest))
    refuse(ErrorCode::invalid_argument, "{} bytes follow the end of the tar archive", rest.size());
  if (next_.name || next_.size)
    refuse(ErrorCode::data_loss, "the tar archive ends behind a member's name");
  return std::move(members_);
}

class TarTree final : public FileTree {
 public:
  TarTree(Bytes archive, const std::string& path, const Limits& limits)
      : archive_(std::move(archive)), path_(path) {
    if (archive_.name.empty()) archive_.name = path;
    members_ = TarReader(archive_, limits).read();
  }

  const std::string& path() const override { return path_; }
  bool contains(const std::string& name) const override { return members_.count(name) != 0; }
  std::uint64_t size_of(const std::string& name) const override { return find(name).size(); }
  Bytes read(const std::string& name) const override {
    Bytes bytes{find(name), archive_.owner, archive_.name + "!" + name, archive_.mapped};
    if (sniff(bytes.data) == FileKind::git_lfs_pointer) {
      fail(ErrorCode::invalid_argument, "{}: is a Git LFS pointer: run 'git lfs pull'",
           printable(bytes.name, 1024));
    }
    return bytes;
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, contents] : members_) names.push_back(name);
    return names;
  }

 private:
  std::span<const std::byte> find(const std::string& name) const {
    const auto it = members_.find(name);
    if (it == members_.end()) {
      fail(ErrorCode::not_found, "{}: no member '{}' in the archive", printable(path_, 1024),
           printable(name));
    }
    return it->second;
  }

  Bytes archive_;
  std::string path_;
  std::map<std::string, std::span<const std::byte>> members_;
};

}  // namespace

bool is_tar(std::span<const std::byte> head) {
  if (head.size() < kBlock) return false;
  const std::string_view block = as_text(head.first(kBlock));
  return field_of(block, kUstar).starts_with("ustar") && checksum_fits(block);
}

std::unique_ptr<FileTree> open_tar(Bytes archive, const std::string& path, const Limits& limits) {
  return std::make_unique<TarTree>(std::move(archive), path, limits);
}

}  // namespace thaw
