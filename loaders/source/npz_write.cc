#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "loaders/source/file_handle.h"
#include "loaders/source/npz.h"
#include "runtime/base/check.h"

namespace thaw {
namespace {

std::string descr_of(DType dtype, std::size_t string_width) {
  switch (dtype) {
    case DType::float16: return "<f2";
    case DType::bfloat16:
    case DType::float32: return "<f4";
    case DType::float64: return "<f8";
    case DType::int8: return "|i1";
    case DType::int16: return "<i2";
    case DType::int32: return "<i4";
    case DType::int64: return "<i8";
    case DType::uint8: return "|u1";
    case DType::uint16: return "<u2";
    case DType::uint32: return "<u4";
    case DType::uint64: return "<u8";
    case DType::boolean: return "|b1";
    case DType::complex64: return "<c8";
    case DType::complex128: return "<c16";
    case DType::string: return fmt::format("|S{}", string_width);
    default: fail(ErrorCode::invalid_argument, "a tensor of {} has no .npy form", name_of(dtype));
  }
}

std::string header_of(const std::string& descr, const Shape& shape) {
  constexpr std::size_t kAlign = 64, kPrefix = 10, kLongPrefix = 12, kMaxShort = 65535;
  std::string text = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t dim : shape.dims()) text += std::to_string(dim) + ", ";
  if (shape.rank() > 1) text.resize(text.size() - 2);
  if (shape.rank() == 1) text.resize(text.size() - 1);
  text += "), }";
  const bool is_long = text.size() + kAlign > kMaxShort;
  const std::size_t prefix = is_long ? kLongPrefix : kPrefix;
  text.append((kAlign - (prefix + text.size() + 1) % kAlign) % kAlign, ' ');
  text += '\n';
  std::string header =
      is_long ? std::string("\x93NUMPY\x02\x00", 8) : std::string("\x93NUMPY\x01\x00", 8);
  for (std::size_t i = 0; i < prefix - 8; ++i)
    header += static_cast<char>(text.size() >> (8 * i) & 255);
  return header + text;
}

// Appends little-endian fields, the form of all zip records.
class Record {
 public:
  Record& u16(std::uint64_t value) { return uint(value, 2); }
  Record& u32(std::uint64_t value) { return uint(value, 4); }
  Record& u64(std::uint64_t value) { return uint(value, 8); }
  Record& text(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  Record& uint(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes_ += static_cast<char>(value >> (8 * i) & 255);
    return *this;
  }
  std::string bytes_;
};

class OutputFile {
 public:
  explicit OutputFile(const std::string& path) : path_(path) {
    file_ = FileHandle(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!file_) failed();
  }
  std::uint64_t position() const { return position_; }
  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) failed();
      bytes.remove_prefix(static_cast<std::size_t>(count));
      position_ += static_cast<std::uint64_t>(count);
    }
  }

 private:
  [[noreturn]] void failed() const {
    fail(ErrorCode::permission_denied, "{}: cannot be written: {}", printable(path_, 1024),
         std::generic_category().message(errno));
  }
  std::string path_;
  FileHandle file_;
  std::uint64_t position_ = 0;
};

struct Member {
  std::string name;
  std::uint64_t crc, size, offset;
};

constexpr std::uint64_t kMax32 = 0xffffffff;
constexpr std::uint16_t kVersion = 45;        // zip64
constexpr std::uint16_t kUtf8 = 0x800;        // the name is UTF-8
constexpr std::uint32_t kEpoch = 0x00210000;  // 1 January 1980: files do not differ by their time

void write_member(OutputFile& out, std::vector<Member>& members, const std::string& name,
                  const std::string& bytes) {
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  const Member member{name + ".npy", crc, bytes.size(), out.position()};
  if (member.name.size() > 0xffff)
    fail(ErrorCode::invalid_argument, "an array name of {} bytes", name.size());
  Record header;
  header.text("PK\x03\x04")
      .u16(kVersion)
      .u16(kUtf8)
      .u16(0)
      .u32(kEpoch)
      .u32(crc)
      .u32(kMax32)
      .u32(kMax32);
  header.u16(member.name.size()).u16(20).text(member.name);
  header.u16(1).u16(16).u64(member.size).u64(member.size);
  out.write(header.bytes());
  out.write(bytes);
  members.push_back(member);
}

void write_directory(OutputFile& out, const std::vector<Member>& members) {
  const std::uint64_t begin = out.position();
  for (const Member& member : members) {
    Record entry;
    entry.text("PK\x01\x02")
        .u16(kVersion)
        .u16(kVersion)
        .u16(kUtf8)
        .u16(0)
        .u32(kEpoch)
        .u32(member.crc);
    entry.u32(kMax32)
        .u32(kMax32)
        .u16(member.name.size())
        .u16(28)
        .u16(0)
        .u16(0)
        .u16(0)
        .u32(0)
        .u32(kMax32);
    entry.text(member.name).u16(1).u16(24).u64(member.size).u64(member.size).u64(member.offset);
    out.write(entry.bytes());
  }
  const std::uint64_t end = out.position(), count = members.size();
  const bool is_large = count >= 0xffff || end >= kMax32;
  Record tail;
  if (is_large) {
    tail.text("PK\x06\x06").u64(44).u16(kVersion).u16(kVersion).u32(0).u32(0).u64(count).u64(count);
    tail.u64(end - begin).u64(begin);
    tail.text("PK\x06\x07").u32(0).u64(end).u32(1);
  }
  const std::uint64_t short_count = is_large ? 0xffff : count;
  tail.text("PK\x05\x06").u16(0).u16(0).u16(short_count).u16(short_count);
  tail.u32(is_large ? kMax32 : end - begin).u32(is_large ? kMax32 : begin).u16(0);
  out.write(tail.bytes());
}

std::string string_data(const Tensor& tensor, std::size_t width) {
  std::string data;
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i) {
    const std::string& value = tensor.data<std::string>()[i];
    data += value;
    data.append(width - value.size(), '\0');
  }
  return data;
}

}  // namespace

std::string to_npy(const Tensor& tensor) {
  std::size_t width = 1;  // numpy has no strings of width 0 in files
  if (tensor.dtype() == DType::string) {
    for (std::int64_t i = 0; i < tensor.num_elements(); ++i) {
      width = std::max(width, tensor.data<std::string>()[i].size());
    }
  }
  std::string out = header_of(descr_of(tensor.dtype(), width), tensor.shape());
  if (tensor.dtype() == DType::string) return out + string_data(tensor, width);
  if (tensor.dtype() == DType::bfloat16) {
    Tensor wide(DType::float32, tensor.shape());
    for (std::int64_t i = 0; i < tensor.num_elements(); ++i) {
      wide.mutable_data<float>()[i] = to_float(tensor.data<bfloat16>()[i]);
    }
    out.append(static_cast<const char*>(wide.data()), wide.size_bytes());
    return out;
  }
  if (tensor.size_bytes() > 0)
    out.append(static_cast<const char*>(tensor.data()), tensor.size_bytes());
  return out;
}

void write_npz(const std::string& path, const std::vector<std::pair<std::string, Tensor>>& arrays) {
  OutputFile out(path);
  std::vector<Member> members;
  for (const auto& [name, tensor] : arrays) write_member(out, members, name, to_npy(tensor));
  write_directory(out, members);
}

}  // namespace thaw
