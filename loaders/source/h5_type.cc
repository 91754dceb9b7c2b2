#include "loaders/source/h5_type.h"

namespace thaw::h5 {
namespace {

enum Class {
  kFixed = 0,
  kFloat = 1,
  kTime = 2,
  kString = 3,
  kBitfield = 4,
  kOpaque = 5,
  kCompound = 6,
  kReference = 7,
  kEnum = 8,
  kVariable = 9,
  kArray = 10
};

const char* name_of_class(unsigned type_class) {
  constexpr const char* names[] = {
      "integer", "floating-point", "time",      "string",      "bit field",
      "opaque",  "compound",       "reference", "enumeration", "variable-length sequence",
      "array"};
  return type_class < std::size(names) ? names[type_class] : "unknown";
}

struct Header {
  unsigned type_class = 0, version = 0, bits = 0;
  std::size_t size = 0;
};

Header read_header(ByteReader& reader) {
  Header header;
  const unsigned first = reader.u8();
  header.type_class = first & 15;
  header.version = first >> 4;
  header.bits = static_cast<unsigned>(reader.uint(3));
  header.size = reader.u32();
  return header;
}

DType integer_type(std::size_t size, bool is_signed) {
  switch (size) {
    case 1: return is_signed ? DType::int8 : DType::uint8;
    case 2: return is_signed ? DType::int16 : DType::uint16;
    case 4: return is_signed ? DType::int32 : DType::uint32;
    case 8: return is_signed ? DType::int64 : DType::uint64;
    default: return DType::invalid;
  }
}

void set_number(Type& type, DType dtype) {
  type.dtype = dtype;
  type.kind = dtype == DType::invalid ? TypeKind::unsupported : TypeKind::number;
}

void parse_integer(ByteReader& reader, const Header& header, Type& type) {
  const bool is_signed = (header.bits & 8) != 0;
  const unsigned offset = reader.u16(), precision = reader.u16();
  type.big_endian = (header.bits & 1) != 0;
  type.description = fmt::format("{}-bit {} integer in {} bytes", precision,
                                 is_signed ? "signed" : "unsigned", header.size);
  if (offset == 0 && precision == 8 * header.size)
    set_number(type, integer_type(header.size, is_signed));
}

// IEEE 754 formats and bfloat16, described by where their fields stand.
void parse_float(ByteReader& reader, const Header& header, Type& type) {
  struct Format {
    DType dtype;
    std::size_t size;
    unsigned exponent_at, exponent_bits, mantissa_bits, bias;
  };
  constexpr Format formats[] = {{DType::float16, 2, 10, 5, 10, 15},
                                {DType::bfloat16, 2, 7, 8, 7, 127},
                                {DType::float32, 4, 23, 8, 23, 127},
                                {DType::float64, 8, 52, 11, 52, 1023}};
  const unsigned offset = reader.u16(), precision = reader.u16();
  const unsigned exponent_at = reader.u8(), exponent_bits = reader.u8();
  const unsigned mantissa_at = reader.u8(), mantissa_bits = reader.u8();
  const unsigned bias = reader.u32();
  const unsigned order = (header.bits & 1) | (header.bits >> 5 & 2);
  const unsigned normalization = header.bits >> 4 & 3, sign_at = header.bits >> 8 & 255;
  constexpr unsigned kImplied = 2;
  type.big_endian = order == 1;
  type.description = fmt::format("{}-bit floating-point in {} bytes", precision, header.size);
  if (order > 1 || offset != 0 || mantissa_at != 0 || normalization != kImplied) return;
  for (const Format& format : formats) {
    if (header.size == format.size && precision == 8 * format.size &&
        sign_at == 8 * format.size - 1 && exponent_at == format.exponent_at &&
        exponent_bits == format.exponent_bits && mantissa_bits == format.mantissa_bits &&
        bias == format.bias) {
      set_number(type, format.dtype);
    }
  }
}

// h5py writes numpy's bool as an enumeration {FALSE = 0, TRUE = 1} over int8.
void parse_enum(const Image& image, ByteReader& reader, const Header& header, Type& type) {
  const unsigned members = header.bits & 0xffff;
  const Header base = read_header(reader);
  reader.skip(4);  // the base integer's offset and precision
  if (base.type_class != kFixed || base.size != 1 || header.size != 1 || members != 2) return;
  std::string names[2];
  for (std::string& name : names) {
    const std::size_t begin = reader.position();
    for (char c; (c = static_cast<char>(reader.u8())) != '\0';) name += c;
    if (header.version < 3) reader.skip((8 - (reader.position() - begin) % 8) % 8);
  }
  const unsigned first = reader.u8(), second = reader.u8();
  const bool is_bool = (names[0] == "FALSE" && first == 0 && names[1] == "TRUE" && second == 1) ||
                       (names[1] == "FALSE" && second == 0 && names[0] == "TRUE" && first == 1);
  if (is_bool) set_number(type, DType::boolean);
  static_cast<void>(image);
}

void parse_variable(const Image& image, const Header& header, Type& type) {
  constexpr unsigned kStringSequence = 1;
  if ((header.bits & 15) != kStringSequence) return;
  if (header.size != 8 + image.offset_size()) {
    image.damaged("a variable-length string of {} bytes", header.size);
  }
  type.kind = TypeKind::variable_string;
  type.description = "variable-length string";
}

}  // namespace

Type parse_type(const Image& image, std::span<const std::byte> body) {
  ByteReader reader = image.reader(body, "a datatype");
  const Header header = read_header(reader);
  Type type;
  type.size = header.size;
  type.description = name_of_class(header.type_class);
  if (header.version < 1 || header.version > 4)
    image.damaged("a datatype of version {}", header.version);
  if (header.size == 0) image.damaged("a datatype of 0 bytes");
  switch (header.type_class) {
    case kFixed: parse_integer(reader, header, type); break;
    case kFloat: parse_float(reader, header, type); break;
    case kString:
      type.kind = TypeKind::fixed_string;
      type.space_padded = (header.bits & 15) == 2;
      break;
    case kOpaque: type.kind = TypeKind::opaque; break;
    case kEnum: parse_enum(image, reader, header, type); break;
    case kVariable: parse_variable(image, header, type); break;
    default: break;
  }
  return type;
}

Space parse_space(const Image& image, std::span<const std::byte> body) {
  ByteReader reader = image.reader(body, "a dataspace");
  const unsigned version = reader.u8();
  if (version < 1 || version > 2) image.damaged("a dataspace of version {}", version);
  const unsigned rank = reader.u8(), flags = reader.u8();
  Space space;
  if (version == 1) {
    reader.skip(5);
  } else {
    constexpr unsigned kNull = 2;
    const unsigned kind = reader.u8();
    if (kind > kNull || (kind == 1) != (rank > 0)) {
      image.damaged("a dataspace of kind {} and rank {}", kind, rank);
    }
    space.is_null = kind == kNull;
  }
  if (static_cast<int>(rank) > image.limits().max_rank) {
    image.error(ErrorCode::resource_exhausted, "rank {}, the limit is {}", rank,
                image.limits().max_rank);
  }
  const auto dim = [&] {
    const std::uint64_t value = image.length(reader);
    return value == kUndefined >> (64 - 8 * image.length_size()) ? kUndefined : value;
  };
  for (unsigned i = 0; i < rank; ++i) space.dims.push_back(dim());
  space.max_dims = space.dims;
  for (unsigned i = 0; i < rank && (flags & 1) != 0; ++i) space.max_dims[i] = dim();
  space.count = space.is_null ? 0 : 1;
  bool is_empty = false;
  for (unsigned i = 0; i < rank; ++i) {
    const std::uint64_t size = space.dims[i];
    if (size > INT64_MAX || size > space.max_dims[i]) image.damaged("a dimension of {}", size);
    is_empty = is_empty || size == 0;
    if (size != 0 &&
        (__builtin_mul_overflow(space.count, size, &space.count) || space.count > INT64_MAX)) {
      image.error(ErrorCode::resource_exhausted, "a dataspace of more than 2^63 elements");
    }
  }
  if (is_empty) space.count = 0;
  return space;
}

std::vector<std::string> decode_strings(const Image& image, GlobalHeap& heap, const Type& type,
                                        std::uint64_t count, std::span<const std::byte> data) {
  if (count > image.limits().max_entries) {
    image.error(ErrorCode::resource_exhausted, "{} strings, the limit is {}", count,
                image.limits().max_entries);
  }
  if (data.size() / type.size < count) image.damaged("{} strings in {} bytes", count, data.size());
  std::vector<std::string> strings;
  strings.reserve(static_cast<std::size_t>(count));
  std::uint64_t total = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto element = data.subspan(static_cast<std::size_t>(i) * type.size, type.size);
    if (type.kind == TypeKind::variable_string) {
      ByteReader reader = image.reader(element, "a variable-length string");
      const std::uint64_t length = reader.u32();
      const std::uint64_t collection = image.address(reader);
      const std::uint32_t index = reader.u32();
      element = {};
      if (length > 0) element = heap.object(collection, index);
      if (length > element.size())
        image.damaged("a string of {} bytes in {}", length, element.size());
      element = element.first(static_cast<std::size_t>(length));
    }
    // Every string has bytes of its own in a file that HDF5 wrote.
    total += element.size();
    if (total > image.size() + data.size()) image.damaged("strings larger than the file");
    std::string_view text = as_text(element);
    const char padding = type.space_padded ? ' ' : '\0';
    while (!text.empty() && text.back() == padding) text.remove_suffix(1);
    strings.emplace_back(text);
  }
  return strings;
}

}  // namespace thaw::h5
