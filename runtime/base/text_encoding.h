// Texts in other encodings than UTF-8.
#pragma once

#include <optional>
#include <string_view>

#include "runtime/base/unicode.h"

namespace thaw::unicode {

enum class Encoding {
  utf8,
  utf16,  // by its byte order mark; without one big-endian
  utf16_be,
  utf16_le,
  utf32,
  utf32_be,
  utf32_le,
  ascii,
  latin1,
  windows_1252,
};

/// By any of its usual names ("UTF-16BE", "utf16-be", "latin1"); nothing for an unknown one.
std::optional<Encoding> encoding_from_name(std::string_view name);

/// Walks over a text. Ill-formed bytes come as one invalid kReplacement each.
class Reader {
 public:
  Reader(Encoding encoding, std::string_view text);
  bool done() const { return at_ >= text_.size(); }
  /// The encoding without doubt about its byte order.
  Encoding encoding() const { return encoding_; }
  /// Whether ICU's converter, which may read text after text, forgets the byte order at the end of
  /// this one: it broke off, or the order was open and it had but one character.
  bool forgets_order() const { return broke_off_ || (characters_ < 2 && declared_ != encoding_); }
  /// The next character; `bytes` counts a byte order mark in front of the first.
  Decoded next();

 private:
  bool cut_short(std::size_t at) const;

  Encoding declared_, encoding_;
  std::string_view text_;
  std::size_t at_ = 0, mark_ = 0;
  std::size_t characters_ = 0;
  bool broke_off_ = false;
};

}  // namespace thaw::unicode
