#include "loaders/source/h5_node.h"

namespace thaw::h5 {
namespace {

// The parts of an attribute message. Only the one asked for is decoded further.
struct RawAttribute {
  std::string_view name;
  std::span<const std::byte> type, space, data;
  bool is_shared = false;
};

RawAttribute split_attribute(const Image& image, std::span<const std::byte> body) {
  ByteReader reader = image.reader(body, "an attribute");
  const unsigned version = reader.u8();
  if (version < 1 || version > 3) image.damaged("an attribute of version {}", version);
  RawAttribute raw;
  raw.is_shared = (reader.u8() & 3) != 0 && version > 1;
  const std::size_t name_size = reader.u16(), type_size = reader.u16(), space_size = reader.u16();
  if (version == 3) reader.skip(1);  // character set: bytes are taken as they are
  const auto part = [&](std::size_t size) {
    const auto bytes = reader.take(size);
    if (version == 1) reader.skip((8 - size % 8) % 8);
    return bytes;
  };
  raw.name = as_text(part(name_size));
  raw.name = raw.name.substr(0, raw.name.find('\0'));
  raw.type = part(type_size);
  raw.space = part(space_size);
  raw.data = reader.take(reader.remaining());
  return raw;
}

Attribute decode(const Image& image, const RawAttribute& raw) {
  if (raw.is_shared) {
    image.error(ErrorCode::unimplemented, "attribute '{}' has a committed datatype",
                printable(raw.name));
  }
  Attribute attribute;
  attribute.type = parse_type(image, raw.type);
  attribute.space = parse_space(image, raw.space);
  std::uint64_t size = 0;
  if (__builtin_mul_overflow(attribute.space.count, std::uint64_t{attribute.type.size}, &size) ||
      size > raw.data.size()) {
    image.damaged("attribute '{}' has {} elements of {} bytes in {} bytes", printable(raw.name),
                  attribute.space.count, attribute.type.size, raw.data.size());
  }
  attribute.data = raw.data.first(static_cast<std::size_t>(size));
  return attribute;
}

}  // namespace

std::optional<Attribute> find_attribute(const Image& image, const Object& object,
                                        const std::string& name) {
  std::optional<Attribute> found;
  const auto consider = [&](std::span<const std::byte> body) {
    const RawAttribute raw = split_attribute(image, body);
    if (raw.name != name) return;
    if (found)
      image.error(ErrorCode::invalid_argument, "attribute '{}' exists twice", printable(name));
    found = decode(image, raw);
  };
  for (const Message& message : object.messages) {
    if (message.type == kAttribute) {
      if (message.is_shared())
        image.error(ErrorCode::unimplemented, "shared HDF5 attribute messages");
      consider(message.body);
    }
    if (message.type != kAttributeInfo) continue;
    constexpr int kByName = 8;
    ByteReader reader = image.reader(message.body, "an attribute info message");
    if (reader.u8() != 0) image.damaged("an attribute info message has an unknown version");
    if (reader.u8() & 1) reader.skip(2);
    const std::uint64_t heap_at = image.address(reader), index = image.address(reader);
    if (heap_at == kUndefined) continue;
    FractalHeap heap(image, heap_at);
    walk_btree_2(image, index, kByName, [&](std::span<const std::byte> record) {
      ByteReader fields = image.reader(record, "an attribute record");
      const auto id = fields.take(heap.id_size());
      if ((fields.u8() & 2) != 0)
        image.error(ErrorCode::unimplemented, "shared HDF5 attribute messages");
      consider(heap.object(id));
    });
  }
  return found;
}

}  // namespace thaw::h5
