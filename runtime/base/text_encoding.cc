#include "runtime/base/text_encoding.h"

#include <algorithm>
#include <string>

namespace thaw::unicode {
namespace {

// What Windows-1252 has at 0x80 to 0x9F; the bytes it leaves out are control characters.
constexpr char16_t kWindows1252[] = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

unsigned byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

Decoded decode_utf16(std::string_view text, std::size_t at, bool little) {
  const auto unit = [&](std::size_t i) -> char32_t {
    const unsigned first = byte_at(text, i), second = byte_at(text, i + 1);
    return little ? second << 8U | first : first << 8U | second;
  };
  const std::size_t left = text.size() - at;
  if (left < 2) return {kReplacement, left, false};
  const char32_t lead = unit(at);
  if (lead < 0xD800 || lead > 0xDFFF) return {lead, 2, true};
  if (lead > 0xDBFF || left < 4) return {kReplacement, lead > 0xDBFF ? 2 : left, false};
  const char32_t trail = unit(at + 2);
  if (trail < 0xDC00 || trail > 0xDFFF) return {kReplacement, 2, false};
  return {0x10000 + ((lead - 0xD800) << 10U) + (trail - 0xDC00), 4, true};
}

Decoded decode_utf32(std::string_view text, std::size_t at, bool little) {
  const std::size_t left = text.size() - at;
  if (left < 4) return {kReplacement, left, false};
  char32_t c = 0;
  for (std::size_t i = 0; i < 4; ++i) c = c << 8U | byte_at(text, at + (little ? 3 - i : i));
  if (c > kMaxCharacter || (c >= 0xD800 && c <= 0xDFFF)) return {kReplacement, 4, false};
  return {c, 4, true};
}

}  // namespace

std::optional<Encoding> encoding_from_name(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == ' ') continue;
    plain += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  struct Row {
    std::string_view name;
    Encoding encoding;
  };
  static constexpr Row kNames[] = {
      {"utf8", Encoding::utf8},          {"utf16", Encoding::utf16},
      {"utf16be", Encoding::utf16_be},   {"utf16le", Encoding::utf16_le},
      {"utf32", Encoding::utf32},        {"utf32be", Encoding::utf32_be},
      {"utf32le", Encoding::utf32_le},   {"ascii", Encoding::ascii},
      {"usascii", Encoding::ascii},      {"latin1", Encoding::latin1},
      {"iso88591", Encoding::latin1},    {"windows1252", Encoding::windows_1252},
      {"cp1252", Encoding::windows_1252}};
  const auto* row = std::ranges::find(kNames, std::string_view(plain), &Row::name);
  if (row == std::end(kNames)) return std::nullopt;
  return row->encoding;
}

Reader::Reader(Encoding encoding, std::string_view text)
    : declared_(encoding), encoding_(encoding), text_(text) {
  using std::string_view_literals::operator""sv;
  if (encoding == Encoding::utf16) {
    const bool little = text.starts_with("\xFF\xFE"sv);
    mark_ = little || text.starts_with("\xFE\xFF"sv) ? 2 : 0;
    encoding_ = little ? Encoding::utf16_le : Encoding::utf16_be;
  } else if (encoding == Encoding::utf32) {
    const bool little = text.starts_with("\xFF\xFE\0\0"sv);
    mark_ = little || text.starts_with("\0\0\xFE\xFF"sv) ? 4 : 0;
    encoding_ = little ? Encoding::utf32_le : Encoding::utf32_be;
  }
  if (mark_ == text.size()) at_ = mark_;  // nothing but a mark
}

// Whether the text ends inside the character at `at`.
bool Reader::cut_short(std::size_t at) const {
  const std::size_t left = text_.size() - at;
  if (encoding_ == Encoding::utf32_be || encoding_ == Encoding::utf32_le) return left < 4;
  if (encoding_ != Encoding::utf16_be && encoding_ != Encoding::utf16_le) return false;
  const unsigned lead =
      left < 2 ? 0 : byte_at(text_, at + (encoding_ == Encoding::utf16_le ? 1 : 0));
  return left < 2 || (left < 4 && lead >= 0xD8 && lead <= 0xDB);
}

Decoded Reader::next() {
  const std::size_t at = at_ == 0 ? mark_ : at_;
  Decoded found;
  const unsigned byte = byte_at(text_, at);
  switch (encoding_) {
    case Encoding::utf8: found = decode(text_, at); break;
    case Encoding::utf16:
    case Encoding::utf16_be: found = decode_utf16(text_, at, false); break;
    case Encoding::utf16_le: found = decode_utf16(text_, at, true); break;
    case Encoding::utf32:
    case Encoding::utf32_be: found = decode_utf32(text_, at, false); break;
    case Encoding::utf32_le: found = decode_utf32(text_, at, true); break;
    case Encoding::ascii:
      found = byte < 0x80 ? Decoded{byte, 1, true} : Decoded{kReplacement, 1, false};
      break;
    case Encoding::latin1: found = {byte, 1, true}; break;
    case Encoding::windows_1252:
      found = {byte >= 0x80 && byte <= 0x9F ? kWindows1252[byte - 0x80] : byte, 1, true};
      break;
  }
  ++characters_;
  broke_off_ = !found.valid && at + found.bytes == text_.size() && cut_short(at);
  found.bytes += at - at_;
  at_ += found.bytes;
  return found;
}

}  // namespace thaw::unicode
