// Protocol buffer wire format, for the few small messages inside a tensor bundle.
#pragma once

#include "loaders/source/byte_reader.h"

namespace thaw {

/// Steps through the fields of one message. Damage throws Error(data_loss).
///
///   WireReader reader(bytes, file_name, "a bundle entry");
///   while (reader.next()) {
///     if (reader.field() == 1) dtype = reader.varint();
///   }
class WireReader {
 public:
  /// `name` and `what` are for messages and must outlive the reader.
  WireReader(std::span<const std::byte> message, const std::string& name, const char* what)
      : reader_(message, name, what), name_(name), what_(what) {}

  /// Goes to the next field; false at the end of the message.
  bool next();
  std::uint32_t field() const { return field_; }
  /// The field's value; throws when it has another wire type.
  std::uint64_t varint() const;
  std::uint32_t fixed32() const;
  std::span<const std::byte> bytes() const;

 private:
  void expect(unsigned type) const;

  ByteReader reader_;
  const std::string& name_;
  const char* what_;
  std::uint32_t field_ = 0;
  unsigned type_ = 0;
  std::uint64_t number_ = 0;
  std::span<const std::byte> bytes_;
};

/// A base-128 varint of at most 10 bytes. Throws Error(data_loss).
std::uint64_t read_varint(ByteReader& reader, const std::string& name, const char* what);

}  // namespace thaw
