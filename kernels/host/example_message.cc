#include "kernels/host/example_message.h"

#include <bit>
#include <cstring>

#include "runtime/base/check.h"

namespace thaw::host {
namespace {

[[noreturn]] void damaged() {
  fail(ErrorCode::invalid_argument, "could not parse a serialized example");
}

std::string_view take_bytes(std::string_view& rest, std::uint64_t size) {
  if (size > rest.size()) damaged();
  const std::string_view bytes = rest.substr(0, size);
  rest.remove_prefix(size);
  return bytes;
}

float float_of(std::string_view bytes) {
  std::uint32_t bits = 0;
  for (int i = 3; i >= 0; --i) {
    bits = bits << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  }
  return std::bit_cast<float>(bits);
}

/// The two fields of a map's entry.
struct Entry {
  std::string_view key, value;
};

Entry read_entry(std::string_view message) {
  Entry entry;
  for (WireReader reader(message); reader.next();) {
    if (reader.field() == 1) entry.key = reader.message();
    if (reader.field() == 2) entry.value = reader.message();
  }
  return entry;
}

}  // namespace

std::uint64_t take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (bytes.empty()) damaged();
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  damaged();
}

bool WireReader::next() {
  if (rest_.empty()) return false;
  const std::uint64_t tag = take_varint(rest_);
  field_ = tag >> 3;
  type_ = static_cast<unsigned>(tag & 7);
  if (field_ == 0) damaged();
  switch (type_) {
    case 0: number_ = take_varint(rest_); break;
    case 1: bytes_ = take_bytes(rest_, 8); break;
    case 2: {
      const std::uint64_t size = take_varint(rest_);
      bytes_ = take_bytes(rest_, size);
      break;
    }
    case 5: bytes_ = take_bytes(rest_, 4); break;
    default: damaged();  // groups are not used
  }
  return true;
}

std::string_view WireReader::message() const {
  if (type_ != 2) damaged();
  return bytes_;
}

Feature::Feature(std::string_view message) {
  WireReader reader(message);
  if (!reader.next()) return;
  constexpr DType kTypes[] = {DType::string, DType::float32, DType::int64};
  if (reader.field() > 3) damaged();
  dtype_ = kTypes[reader.field() - 1];
  list_ = reader.message();
}

void Feature::read(std::vector<std::string>& values) const {
  for (WireReader reader(list_); reader.next();) {
    if (reader.field() == 1) values.emplace_back(reader.message());
  }
}

void Feature::read(std::vector<float>& values) const {
  for (WireReader reader(list_); reader.next();) {
    if (reader.field() != 1) continue;
    std::string_view bytes = reader.bytes();
    if ((reader.type() != 2 && reader.type() != 5) || bytes.size() % 4 != 0) damaged();
    for (; !bytes.empty(); bytes.remove_prefix(4)) values.push_back(float_of(bytes));
  }
}

void Feature::read(std::vector<std::int64_t>& values) const {
  for (WireReader reader(list_); reader.next();) {
    if (reader.field() != 1) continue;
    if (reader.type() == 0) {
      values.push_back(static_cast<std::int64_t>(reader.number()));
      continue;
    }
    for (std::string_view packed = reader.message(); !packed.empty();) {
      values.push_back(static_cast<std::int64_t>(take_varint(packed)));
    }
  }
}

Features read_features(std::string_view message) {
  Features features;
  for (WireReader reader(message); reader.next();) {
    if (reader.field() != 1) continue;
    const Entry entry = read_entry(reader.message());
    features[entry.key] = Feature(entry.value);
  }
  return features;
}

Features read_example(std::string_view message) {
  Features features;
  for (WireReader reader(message); reader.next();) {
    if (reader.field() != 1) continue;
    for (const auto& [key, feature] : read_features(reader.message())) features[key] = feature;
  }
  return features;
}

SequenceFeatures read_sequence_example(std::string_view message) {
  SequenceFeatures sequence;
  for (WireReader reader(message); reader.next();) {
    if (reader.field() == 1) {
      for (const auto& [key, feature] : read_features(reader.message())) {
        sequence.context[key] = feature;
      }
    } else if (reader.field() == 2) {
      for (WireReader lists(reader.message()); lists.next();) {
        if (lists.field() != 1) continue;
        const Entry entry = read_entry(lists.message());
        std::vector<Feature>& steps = sequence.lists[entry.key];
        steps.clear();
        for (WireReader list(entry.value); list.next();) {
          if (list.field() == 1) steps.emplace_back(list.message());
        }
      }
    }
  }
  return sequence;
}

}  // namespace thaw::host
