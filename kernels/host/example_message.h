// tf.train.Example messages: a bounded reader of protobuf's wire format.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "thaw/types.h"

namespace thaw::host {

/// Steps through the fields of one message. Damage throws Error(invalid_argument).
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}

  /// Goes to the next field; false at the end of the message.
  bool next();
  std::uint64_t field() const { return field_; }
  /// Wire types: 0 a number, 1 eight bytes, 2 bytes, 5 four bytes.
  unsigned type() const { return type_; }
  std::uint64_t number() const { return number_; }
  /// Of the wire types 1, 2 and 5.
  std::string_view bytes() const { return bytes_; }
  /// Bytes of a field that must be a message or a string.
  std::string_view message() const;

 private:
  std::string_view rest_, bytes_;
  std::uint64_t field_ = 0, number_ = 0;
  unsigned type_ = 0;
};

/// A varint of at most 10 bytes, taken off the front.
std::uint64_t take_varint(std::string_view& bytes);

/// One Feature: a list of byte strings, floats or integers.
class Feature {
 public:
  Feature() = default;
  explicit Feature(std::string_view message);

  /// string, float32 or int64; invalid for a feature without a list.
  DType dtype() const { return dtype_; }
  // The elements, appended. Only for the feature's own type.
  void read(std::vector<std::string>& values) const;
  void read(std::vector<float>& values) const;
  void read(std::vector<std::int64_t>& values) const;

 private:
  DType dtype_ = DType::invalid;
  std::string_view list_;
};

using Features = std::unordered_map<std::string_view, Feature>;
/// Features by name; of several with one name the last counts. The views point into `message`.
Features read_features(std::string_view message);

/// The Features of an Example.
Features read_example(std::string_view message);

/// A SequenceExample: features of the whole, and lists with a feature per step.
struct SequenceFeatures {
  Features context;
  std::unordered_map<std::string_view, std::vector<Feature>> lists;
};
SequenceFeatures read_sequence_example(std::string_view message);

}  // namespace thaw::host
