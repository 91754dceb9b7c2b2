#include "loaders/source/wire.h"

namespace thaw {
namespace {

enum WireType : unsigned { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

}  // namespace

std::uint64_t read_varint(ByteReader& reader, const std::string& name, const char* what) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    const std::uint64_t byte = reader.u8();
    if (shift == 63 && byte > 1) break;  // more than 64 bits
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  fail(ErrorCode::data_loss, "{}: {} has a number of more than 64 bits", printable(name, 1024),
       what);
}

bool WireReader::next() {
  if (reader_.remaining() == 0) return false;
  const std::uint64_t tag = read_varint(reader_, name_, what_);
  field_ = static_cast<std::uint32_t>(tag >> 3);
  type_ = static_cast<unsigned>(tag & 7);
  if (tag >> 3 == 0 || tag >> 3 >= (1u << 29)) {
    fail(ErrorCode::data_loss, "{}: {} has field number {}", printable(name_, 1024), what_,
         tag >> 3);
  }
  switch (type_) {
    case kVarint: number_ = read_varint(reader_, name_, what_); break;
    case kFixed64: number_ = reader_.u64(); break;
    case kFixed32: number_ = reader_.u32(); break;
    case kBytes: bytes_ = reader_.take(read_varint(reader_, name_, what_)); break;
    default:
      fail(ErrorCode::data_loss, "{}: {} has wire type {}", printable(name_, 1024), what_, type_);
  }
  return true;
}

void WireReader::expect(unsigned type) const {
  if (type_ != type) {
    fail(ErrorCode::data_loss, "{}: {}: field {} has wire type {}, expected {}",
         printable(name_, 1024), what_, field_, type_, type);
  }
}

std::uint64_t WireReader::varint() const {
  expect(kVarint);
  return number_;
}

std::uint32_t WireReader::fixed32() const {
  expect(kFixed32);
  return static_cast<std::uint32_t>(number_);
}

std::span<const std::byte> WireReader::bytes() const {
  expect(kBytes);
  return bytes_;
}

}  // namespace thaw
