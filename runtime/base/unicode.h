// UTF-8 text and what Unicode says about its characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace thaw::unicode {

/// What stands for ill-formed bytes.
constexpr char32_t kReplacement = 0xFFFD;
constexpr char32_t kMaxCharacter = 0x10FFFF;

struct Decoded {
  char32_t character = kReplacement;
  std::size_t bytes = 0;
  bool valid = true;
};

/// The character that starts at `at`, which must be inside `text`. Ill-formed bytes are taken up to
/// where no well-formed sequence could go on ("maximal subpart"), as one invalid kReplacement.
Decoded decode(std::string_view text, std::size_t at);
/// Appends `character` as UTF-8; kReplacement for a surrogate and what is beyond kMaxCharacter.
void append(std::string& text, char32_t character);
/// The characters of `text`; ill-formed bytes as kReplacement.
std::u32string characters(std::string_view text);

/// Full case mapping without a language's own rules: "ß" becomes "SS", a final sigma is kept final.
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
/// White space as Python's str.split() and str.isspace() have it.
bool is_space(char32_t character);

/// Characters of ASCII that C's isspace() knows.
constexpr bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace thaw::unicode
