#include "loaders/source/bundle_entry.h"

#include "loaders/source/wire.h"

namespace thaw {
namespace {

constexpr std::int64_t kOurVersion = 1;  // of the bundle format

DType dtype_from_tf(std::uint64_t number) {
  switch (number) {
    case 1: return DType::float32;
    case 2: return DType::float64;
    case 3: return DType::int32;
    case 4: return DType::uint8;
    case 5: return DType::int16;
    case 6: return DType::int8;
    case 7: return DType::string;
    case 8: return DType::complex64;
    case 9: return DType::int64;
    case 10: return DType::boolean;
    case 14: return DType::bfloat16;
    case 17: return DType::uint16;
    case 18: return DType::complex128;
    case 19: return DType::float16;
    case 22: return DType::uint32;
    case 23: return DType::uint64;
    default: return DType::invalid;
  }
}

// VersionDef: 1 producer, 2 min_consumer, 3 bad_consumers.
void check_version(std::span<const std::byte> message, const std::string& file) {
  WireReader reader(message, file, "a version");
  while (reader.next()) {
    std::int64_t refused = 0;
    if (reader.field() == 2 && static_cast<std::int64_t>(reader.varint()) > kOurVersion) {
      refused = static_cast<std::int64_t>(reader.varint());
    }
    if (reader.field() == 3) {
      ByteReader list(reader.bytes(), file, "a version");
      while (list.remaining() > 0) {
        if (read_varint(list, file, "a version") == kOurVersion) refused = kOurVersion;
      }
    }
    if (refused != 0) {
      fail(ErrorCode::failed_precondition,
           "{}: was written for a newer bundle format (consumer {})", printable(file, 1024),
           refused);
    }
  }
}

// TensorShapeProto: 2 dim {1 size}; 3 unknown_rank.
Shape parse_shape(std::span<const std::byte> message, const std::string& file,
                  const Limits& limits) {
  std::vector<std::int64_t> dims;
  WireReader reader(message, file, "a shape");
  while (reader.next()) {
    if (reader.field() == 3 && reader.varint() != 0) {
      fail(ErrorCode::data_loss, "{}: a stored tensor without rank", printable(file, 1024));
    }
    if (reader.field() != 2) continue;
    std::int64_t size = 0;
    WireReader dim(reader.bytes(), file, "a dimension");
    while (dim.next()) {
      if (dim.field() == 1) size = static_cast<std::int64_t>(dim.varint());
    }
    if (size < 0) fail(ErrorCode::data_loss, "{}: a dimension of {}", printable(file, 1024), size);
    dims.push_back(size);
    if (static_cast<int>(dims.size()) > limits.max_rank) {
      fail(ErrorCode::resource_exhausted, "{}: rank above {}", printable(file, 1024),
           limits.max_rank);
    }
  }
  return Shape(std::move(dims));
}

// TensorSliceProto: 1 extent {1 start; 2 length}.
BundleSlice parse_slice(std::span<const std::byte> message, const std::string& file) {
  BundleSlice slice;
  WireReader reader(message, file, "a slice");
  while (reader.next()) {
    if (reader.field() != 1) continue;
    BundleSlice::Extent extent;
    WireReader fields(reader.bytes(), file, "a slice extent");
    while (fields.next()) {
      if (fields.field() == 1) extent.start = static_cast<std::int64_t>(fields.varint());
      if (fields.field() == 2) extent.length = static_cast<std::int64_t>(fields.varint());
    }
    if (extent.start < 0 || extent.length < -1) {
      fail(ErrorCode::data_loss, "{}: a slice from {} of length {}", printable(file, 1024),
           extent.start, extent.length);
    }
    slice.extents.push_back(extent);
  }
  return slice;
}

// The number of elements is one.
void check_size(const Shape& shape, const std::string& place) {
  try {
    shape.num_elements();
  } catch (const Error& error) {
    fail(ErrorCode::data_loss, "{}: {}", printable(place, 1024), error.what());
  }
}

void write_string(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\0')
      out += std::string_view("\0\xff", 2);
    else if (c == '\xff')
      out += std::string_view("\xff\0", 2);
    else
      out += c;
  }
  out += std::string_view("\0\1", 2);
}

void write_unsigned(std::string& out, std::uint64_t value) {
  std::string bytes;
  for (; value != 0; value >>= 8) bytes.insert(bytes.begin(), static_cast<char>(value & 255));
  out += static_cast<char>(bytes.size());
  out += bytes;
}

// Big-endian two's complement in the fewest bytes whose leading ones tell the length.
void write_signed(std::string& out, std::int64_t value) {
  const std::uint64_t magnitude = static_cast<std::uint64_t>(value < 0 ? ~value : value);
  int length = 1;
  while (length < 10 && magnitude >> (7 * length - 1 < 64 ? 7 * length - 1 : 63) != 0) ++length;
  const unsigned char fill = value < 0 ? 0xff : 0;
  unsigned char bytes[10];
  for (int i = 0; i < length; ++i) {
    const int shift = 8 * (length - 1 - i);
    bytes[i] =
        shift >= 64 ? fill : static_cast<unsigned char>(static_cast<std::uint64_t>(value) >> shift);
  }
  constexpr unsigned char kHeads[11][2] = {{0, 0},    {0x80, 0},    {0xc0, 0},   {0xe0, 0},
                                           {0xf0, 0}, {0xf8, 0},    {0xfc, 0},   {0xfe, 0},
                                           {0xff, 0}, {0xff, 0x80}, {0xff, 0xc0}};
  bytes[0] ^= kHeads[length][0];
  if (length > 1) bytes[1] ^= kHeads[length][1];
  out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
}

}  // namespace

BundleHeader parse_bundle_header(std::string_view record, const std::string& file) {
  BundleHeader header;
  WireReader reader(as_bytes(record), file, "the bundle header");
  while (reader.next()) {
    if (reader.field() == 1) header.num_shards = static_cast<std::int64_t>(reader.varint());
    if (reader.field() == 2) {
      if (reader.varint() > 1)
        fail(ErrorCode::data_loss, "{}: endianness {}", printable(file, 1024), reader.varint());
      header.big_endian = reader.varint() == 1;
    }
    if (reader.field() == 3) check_version(reader.bytes(), file);
  }
  constexpr std::int64_t kMaxShards = 99'999;  // five digits in the file name
  if (header.num_shards < 1 || header.num_shards > kMaxShards) {
    fail(ErrorCode::data_loss, "{}: {} shards", printable(file, 1024), header.num_shards);
  }
  return header;
}

BundleEntry parse_bundle_entry(std::string_view record, const std::string& file,
                               const std::string& key, const Limits& limits) {
  BundleEntry entry;
  const std::string place = file + ": tensor '" + printable(key) + "'";
  WireReader reader(as_bytes(record), place, "its index entry");
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        entry.tf_dtype = static_cast<int>(reader.varint() & 0x7fffffff);
        entry.dtype = dtype_from_tf(reader.varint());
        break;
      case 2: entry.shape = parse_shape(reader.bytes(), place, limits); break;
      case 3: entry.shard = static_cast<std::int64_t>(reader.varint()); break;
      case 4: entry.offset = reader.varint(); break;
      case 5: entry.size = reader.varint(); break;
      case 6: entry.crc = reader.fixed32(); break;
      case 7: entry.slices.push_back(parse_slice(reader.bytes(), place)); break;
      default: break;
    }
  }
  check_size(entry.shape, place);
  return entry;
}

// SavedSliceMeta: 1 name; 2 shape; 3 type; 4 slice.
std::pair<std::string, BundleEntry> parse_saved_slices(std::span<const std::byte> record,
                                                       const std::string& file,
                                                       const Limits& limits) {
  std::string name;
  BundleEntry entry;
  WireReader reader(record, file, "a tensor's record");
  while (reader.next()) {
    switch (reader.field()) {
      case 1: name = std::string(as_text(reader.bytes())); break;
      case 2: entry.shape = parse_shape(reader.bytes(), file, limits); break;
      case 3:
        entry.tf_dtype = static_cast<int>(reader.varint() & 0x7fffffff);
        entry.dtype = dtype_from_tf(reader.varint());
        break;
      case 4: entry.slices.push_back(parse_slice(reader.bytes(), file)); break;
      default: break;
    }
  }
  check_size(entry.shape, file + ": tensor '" + printable(name) + "'");
  return {std::move(name), std::move(entry)};
}

std::string slice_key(const std::string& name, const BundleSlice& slice) {
  std::string key;
  write_unsigned(key, 0);
  write_string(key, name);
  write_unsigned(key, slice.extents.size());
  for (const BundleSlice::Extent& extent : slice.extents) {
    write_signed(key, extent.start);
    write_signed(key, extent.length);
  }
  return key;
}

}  // namespace thaw
