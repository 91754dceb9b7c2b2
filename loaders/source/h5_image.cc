#include "loaders/source/h5_image.h"

#include <bit>

namespace thaw::h5 {
namespace {

constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
constexpr std::size_t kSumSize = 4;

std::size_t find_superblock(const Bytes& file) {
  const std::string_view text = file.text();
  if (text.starts_with(kSignature)) return 0;
  for (std::size_t offset = 512; offset < text.size(); offset *= 2) {
    if (text.substr(offset).starts_with(kSignature)) return offset;
  }
  const FileKind kind = sniff(file.data);
  fail(kind == FileKind::empty ? ErrorCode::data_loss : ErrorCode::invalid_argument,
       "{}: is not HDF5 but {}", printable(file.name, 1024), name_of(kind));
}

}  // namespace

std::uint32_t lookup3(std::span<const std::byte> data) {
  std::uint32_t a = 0xdeadbeef + static_cast<std::uint32_t>(data.size()), b = a, c = a;
  const auto rot = [](std::uint32_t x, int k) { return std::rotl(x, k); };
  const auto word = [&data](std::size_t i) {  // bytes past the end count as zero
    const std::size_t size = i >= data.size() ? 0 : std::min<std::size_t>(4, data.size() - i);
    return static_cast<std::uint32_t>(size == 0 ? 0 : load_little(data.data() + i, size));
  };
  std::size_t i = 0;
  for (; data.size() - i > 12; i += 12) {
    a += word(i), b += word(i + 4), c += word(i + 8);
    a -= c, a ^= rot(c, 4), c += b;
    b -= a, b ^= rot(a, 6), a += c;
    c -= b, c ^= rot(b, 8), b += a;
    a -= c, a ^= rot(c, 16), c += b;
    b -= a, b ^= rot(a, 19), a += c;
    c -= b, c ^= rot(b, 4), b += a;
  }
  if (i == data.size()) return c;
  a += word(i), b += word(i + 4), c += word(i + 8);
  c ^= b, c -= rot(b, 14);
  a ^= c, a -= rot(c, 11);
  b ^= a, b -= rot(a, 25);
  c ^= b, c -= rot(b, 16);
  a ^= c, a -= rot(c, 4);
  b ^= a, b -= rot(a, 14);
  c ^= b, c -= rot(b, 24);
  return c;
}

Image::Image(Bytes file, const Limits& limits) : file_(std::move(file)), limits_(limits) {
  if (file_.size() > limits_.max_file_bytes) {
    error(ErrorCode::resource_exhausted, "has {} bytes, the limit is {}", file_.size(),
          limits_.max_file_bytes);
  }
  read_superblock();
}

std::span<const std::byte> Image::bytes(std::uint64_t address, std::uint64_t size,
                                        const char* what) const {
  if (address > data_.size() || size > data_.size() - address) {
    damaged("{}: {} bytes at {} are outside the file of {} bytes", what, size, address,
            data_.size());
  }
  return data_.subspan(static_cast<std::size_t>(address), static_cast<std::size_t>(size));
}

ByteReader Image::reader(std::uint64_t address, const char* what) const {
  bytes(address, 0, what);
  return {data_.subspan(static_cast<std::size_t>(address)), name(), what};
}

std::uint64_t Image::address(ByteReader& reader) const {
  const std::uint64_t value = reader.uint(offset_size_);
  const std::uint64_t undefined = kUndefined >> (64 - 8 * offset_size_);
  return value == undefined ? kUndefined : value;
}

void Image::check_sum(std::span<const std::byte> block, const char* what) const {
  if (block.size() < kSumSize) damaged("{} is cut short", what);
  const auto body = block.first(block.size() - kSumSize);
  if (lookup3(body) != load_little(block.data() + body.size(), kSumSize)) {
    damaged("the checksum of {} does not fit", what);
  }
}

void Image::set_widths(int offsets, int lengths) {
  const auto allowed = [](int width) { return width == 2 || width == 4 || width == 8; };
  if (!allowed(offsets) || !allowed(lengths)) {
    error(ErrorCode::invalid_argument, "HDF5 with {}-byte offsets and {}-byte lengths", offsets,
          lengths);
  }
  offset_size_ = static_cast<std::size_t>(offsets);
  length_size_ = static_cast<std::size_t>(lengths);
}

void Image::read_superblock() {
  const std::size_t base = find_superblock(file_);
  data_ = file_.data.subspan(base);
  ByteReader superblock = reader(0, "the HDF5 superblock");
  superblock.skip(kSignature.size());
  const int version = superblock.u8();
  if (version <= 1) {
    read_superblock_0(superblock, version, base);
  } else if (version <= 3) {
    read_superblock_2(superblock, base);
  } else {
    error(ErrorCode::invalid_argument, "HDF5 superblock version {}", version);
  }
  if (root_ == kUndefined) damaged("has no root group");
}

void Image::read_superblock_0(ByteReader& superblock, int version, std::uint64_t base) {
  superblock.skip(4);  // versions of the free space, the root entry and shared headers
  const int offsets = superblock.u8();
  set_widths(offsets, superblock.u8());
  superblock.skip(1 + 2 + 2 + 4 + (version == 1 ? 4 : 0));  // B-tree ranks: only writers need them
  const std::uint64_t stated_base = address(superblock);
  address(superblock);  // free space
  const std::uint64_t end = address(superblock);
  const std::uint64_t driver = address(superblock);
  address(superblock);  // the root's link name
  root_ = address(superblock);
  if (stated_base != base)
    damaged("the base address is {}, the superblock is at {}", stated_base, base);
  if (end > file_.size()) damaged("truncated: {} of {} bytes are there", file_.size(), end);
  if (driver != kUndefined) error(ErrorCode::unimplemented, "HDF5 split over several files");
}

void Image::read_superblock_2(ByteReader& superblock, std::uint64_t base) {
  const int offsets = superblock.u8();
  set_widths(offsets, superblock.u8());
  superblock.skip(1);  // consistency flags
  const std::uint64_t stated_base = address(superblock);
  address(superblock);  // superblock extension: settings of writers
  const std::uint64_t end = address(superblock);
  root_ = address(superblock);
  superblock.skip(kSumSize);
  check_sum(bytes(0, superblock.position(), "the superblock"), "the superblock");
  if (stated_base != base)
    damaged("the base address is {}, the superblock is at {}", stated_base, base);
  if (end > file_.size()) damaged("truncated: {} of {} bytes are there", file_.size(), end);
}

void Image::add_message(const Message& message, Object& object, std::vector<Message>& more) const {
  if (object.messages.size() >= limits_.max_entries) {
    error(ErrorCode::resource_exhausted, "an object has more than {} messages",
          limits_.max_entries);
  }
  constexpr std::uint16_t kLastKnown = 0x18;
  constexpr std::uint8_t kFailIfUnknown = 0x80;
  if (message.type > kLastKnown && (message.flags & kFailIfUnknown) != 0) {
    error(ErrorCode::unimplemented, "HDF5 object header message type {}", message.type);
  }
  (message.type == kContinuation ? more : object.messages).push_back(message);
}

void Image::messages_1(std::span<const std::byte> block, Object& object,
                       std::vector<Message>& more) const {
  constexpr std::size_t kHeader = 8;
  ByteReader reader(block, name(), "an object header");
  while (reader.remaining() >= kHeader) {
    Message message;
    message.type = reader.u16();
    const std::uint16_t size = reader.u16();
    message.flags = reader.u8();
    reader.skip(3);
    message.body = reader.take(size);
    add_message(message, object, more);
  }
}

void Image::messages_2(std::span<const std::byte> block, bool ordered, Object& object,
                       std::vector<Message>& more) const {
  const std::size_t header = ordered ? 6 : 4;
  ByteReader reader(block, name(), "an object header");
  while (reader.remaining() >= header) {  // what is left is a gap
    Message message;
    message.type = reader.u8();
    const std::uint16_t size = reader.u16();
    message.flags = reader.u8();
    reader.skip(ordered ? 2 : 0);
    message.body = reader.take(size);
    add_message(message, object, more);
  }
}

void Image::object_1(ByteReader header, Object& object) const {
  constexpr std::size_t kPrefix = 16;
  header.skip(8);  // version, message count, reference count
  const std::uint64_t size = header.u32();
  header.skip(kPrefix - 12);
  std::vector<Message> more;
  messages_1(header.take(size), object, more);
  std::uint64_t total = 0;
  Visits visits(*this);
  for (std::size_t i = 0; i < more.size(); ++i) {
    ByteReader body = reader(more[i].body, "a header continuation");
    const std::uint64_t at = address(body), length_of = length(body);
    const auto block = bytes(at, length_of, "a header continuation");
    visits.enter(at, "a header continuation");
    total += length_of;  // blocks that overlap would hold more than the file
    if (total > data_.size()) damaged("the continuations of an object header overlap");
    messages_1(block, object, more);
  }
}

void Image::object_2(std::uint64_t at, Object& object) const {
  ByteReader header = reader(at, "an object header");
  header.expect("OHDR");
  if (header.u8() != 2) damaged("the object header at {} has an unknown version", at);
  const std::uint8_t flags = header.u8();
  const bool ordered = (flags & 4) != 0;
  if (flags & 0x20) header.skip(16);  // times
  if (flags & 0x10) header.skip(4);   // attribute storage limits
  const std::uint64_t size = header.uint(std::size_t{1} << (flags & 3));
  const auto first = header.take(size);
  header.skip(kSumSize);
  check_sum(bytes(at, header.position(), "an object header"), "an object header");
  std::vector<Message> more;
  messages_2(first, ordered, object, more);
  std::uint64_t total = 0;
  Visits visits(*this);
  for (std::size_t i = 0; i < more.size(); ++i) {
    ByteReader body = reader(more[i].body, "a header continuation");
    const std::uint64_t block_at = address(body), length_of = length(body);
    const auto block = bytes(block_at, length_of, "a header continuation");
    visits.enter(block_at, "a header continuation");
    total += length_of;
    if (total > data_.size()) damaged("the continuations of an object header overlap");
    if (block.size() < 8 || as_text(block.first(4)) != "OCHK")
      damaged("a header continuation is damaged");
    check_sum(block, "a header continuation");
    messages_2(block.subspan(4, block.size() - 4 - kSumSize), ordered, object, more);
  }
}

Object Image::object(std::uint64_t at) const {
  Object object;
  ByteReader header = reader(at, "an object header");
  const auto start = bytes(at, 4, "an object header");
  if (as_text(start) == "OHDR") {
    object_2(at, object);
  } else if (start[0] == std::byte{1}) {
    object_1(header, object);
  } else {
    damaged("no object header at {}", at);
  }
  return object;
}

}  // namespace thaw::h5
