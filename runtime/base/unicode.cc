#include "runtime/base/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace thaw::unicode {
namespace {

constexpr char32_t kCapitalSigma = 0x03A3, kSmallSigma = 0x03C3, kFinalSigma = 0x03C2;
constexpr char32_t kCapitalDottedI = 0x0130;

// Characters whose capital form is several characters (Unicode's SpecialCasing, no conditions).
struct Capitals {
  char32_t character;
  std::array<char32_t, 3> capitals;
};
// clang-format off
constexpr Capitals kCapitals[] = {
    {0x00DF, {0x0053, 0x0053, 0}}, {0x0149, {0x02BC, 0x004E, 0}}, {0x01F0, {0x004A, 0x030C, 0}},
    {0x0390, {0x0399, 0x0308, 0x0301}}, {0x03B0, {0x03A5, 0x0308, 0x0301}},
    {0x0587, {0x0535, 0x0552, 0}}, {0x1E96, {0x0048, 0x0331, 0}}, {0x1E97, {0x0054, 0x0308, 0}},
    {0x1E98, {0x0057, 0x030A, 0}}, {0x1E99, {0x0059, 0x030A, 0}}, {0x1E9A, {0x0041, 0x02BE, 0}},
    {0x1F50, {0x03A5, 0x0313, 0}}, {0x1F52, {0x03A5, 0x0313, 0x0300}},
    {0x1F54, {0x03A5, 0x0313, 0x0301}}, {0x1F56, {0x03A5, 0x0313, 0x0342}},
    {0x1F80, {0x1F08, 0x0399, 0}}, {0x1F81, {0x1F09, 0x0399, 0}}, {0x1F82, {0x1F0A, 0x0399, 0}},
    {0x1F83, {0x1F0B, 0x0399, 0}}, {0x1F84, {0x1F0C, 0x0399, 0}}, {0x1F85, {0x1F0D, 0x0399, 0}},
    {0x1F86, {0x1F0E, 0x0399, 0}}, {0x1F87, {0x1F0F, 0x0399, 0}}, {0x1F88, {0x1F08, 0x0399, 0}},
    {0x1F89, {0x1F09, 0x0399, 0}}, {0x1F8A, {0x1F0A, 0x0399, 0}}, {0x1F8B, {0x1F0B, 0x0399, 0}},
    {0x1F8C, {0x1F0C, 0x0399, 0}}, {0x1F8D, {0x1F0D, 0x0399, 0}}, {0x1F8E, {0x1F0E, 0x0399, 0}},
    {0x1F8F, {0x1F0F, 0x0399, 0}}, {0x1F90, {0x1F28, 0x0399, 0}}, {0x1F91, {0x1F29, 0x0399, 0}},
    {0x1F92, {0x1F2A, 0x0399, 0}}, {0x1F93, {0x1F2B, 0x0399, 0}}, {0x1F94, {0x1F2C, 0x0399, 0}},
    {0x1F95, {0x1F2D, 0x0399, 0}}, {0x1F96, {0x1F2E, 0x0399, 0}}, {0x1F97, {0x1F2F, 0x0399, 0}},
    {0x1F98, {0x1F28, 0x0399, 0}}, {0x1F99, {0x1F29, 0x0399, 0}}, {0x1F9A, {0x1F2A, 0x0399, 0}},
    {0x1F9B, {0x1F2B, 0x0399, 0}}, {0x1F9C, {0x1F2C, 0x0399, 0}}, {0x1F9D, {0x1F2D, 0x0399, 0}},
    {0x1F9E, {0x1F2E, 0x0399, 0}}, {0x1F9F, {0x1F2F, 0x0399, 0}}, {0x1FA0, {0x1F68, 0x0399, 0}},
    {0x1FA1, {0x1F69, 0x0399, 0}}, {0x1FA2, {0x1F6A, 0x0399, 0}}, {0x1FA3, {0x1F6B, 0x0399, 0}},
    {0x1FA4, {0x1F6C, 0x0399, 0}}, {0x1FA5, {0x1F6D, 0x0399, 0}}, {0x1FA6, {0x1F6E, 0x0399, 0}},
    {0x1FA7, {0x1F6F, 0x0399, 0}}, {0x1FA8, {0x1F68, 0x0399, 0}}, {0x1FA9, {0x1F69, 0x0399, 0}},
    {0x1FAA, {0x1F6A, 0x0399, 0}}, {0x1FAB, {0x1F6B, 0x0399, 0}}, {0x1FAC, {0x1F6C, 0x0399, 0}},
    {0x1FAD, {0x1F6D, 0x0399, 0}}, {0x1FAE, {0x1F6E, 0x0399, 0}}, {0x1FAF, {0x1F6F, 0x0399, 0}},
    {0x1FB2, {0x1FBA, 0x0399, 0}}, {0x1FB3, {0x0391, 0x0399, 0}}, {0x1FB4, {0x0386, 0x0399, 0}},
    {0x1FB6, {0x0391, 0x0342, 0}}, {0x1FB7, {0x0391, 0x0342, 0x0399}},
    {0x1FBC, {0x0391, 0x0399, 0}}, {0x1FC2, {0x1FCA, 0x0399, 0}}, {0x1FC3, {0x0397, 0x0399, 0}},
    {0x1FC4, {0x0389, 0x0399, 0}}, {0x1FC6, {0x0397, 0x0342, 0}},
    {0x1FC7, {0x0397, 0x0342, 0x0399}}, {0x1FCC, {0x0397, 0x0399, 0}},
    {0x1FD2, {0x0399, 0x0308, 0x0300}}, {0x1FD3, {0x0399, 0x0308, 0x0301}},
    {0x1FD6, {0x0399, 0x0342, 0}}, {0x1FD7, {0x0399, 0x0308, 0x0342}},
    {0x1FE2, {0x03A5, 0x0308, 0x0300}}, {0x1FE3, {0x03A5, 0x0308, 0x0301}},
    {0x1FE4, {0x03A1, 0x0313, 0}}, {0x1FE6, {0x03A5, 0x0342, 0}},
    {0x1FE7, {0x03A5, 0x0308, 0x0342}}, {0x1FF2, {0x1FFA, 0x0399, 0}},
    {0x1FF3, {0x03A9, 0x0399, 0}}, {0x1FF4, {0x038F, 0x0399, 0}}, {0x1FF6, {0x03A9, 0x0342, 0}},
    {0x1FF7, {0x03A9, 0x0342, 0x0399}}, {0x1FFC, {0x03A9, 0x0399, 0}},
    {0xFB00, {0x0046, 0x0046, 0}}, {0xFB01, {0x0046, 0x0049, 0}}, {0xFB02, {0x0046, 0x004C, 0}},
    {0xFB03, {0x0046, 0x0046, 0x0049}}, {0xFB04, {0x0046, 0x0046, 0x004C}},
    {0xFB05, {0x0053, 0x0054, 0}}, {0xFB06, {0x0053, 0x0054, 0}}, {0xFB13, {0x0544, 0x0546, 0}},
    {0xFB14, {0x0544, 0x0535, 0}}, {0xFB15, {0x0544, 0x053B, 0}}, {0xFB16, {0x054E, 0x0546, 0}},
    {0xFB17, {0x0544, 0x053D, 0}},
};
// clang-format on

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool in_ranges(char32_t c, const std::pair<char32_t, char32_t>* begin,
               const std::pair<char32_t, char32_t>* end) {
  return std::any_of(begin, end,
                     [c](const auto& range) { return c >= range.first && c <= range.second; });
}

// Unicode's property Cased.
bool is_cased(char32_t c) {
  const utf8proc_category_t kind = category(c);
  if (kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LL || kind == UTF8PROC_CATEGORY_LT)
    return true;
  // Other_Lowercase and Other_Uppercase.
  static constexpr std::pair<char32_t, char32_t> kOther[] = {
      {0xAA, 0xAA},       {0xBA, 0xBA},       {0x2B0, 0x2B8},    {0x2C0, 0x2C1},   {0x2E0, 0x2E4},
      {0x345, 0x345},     {0x37A, 0x37A},     {0x1D2C, 0x1D6A},  {0x1D78, 0x1D78}, {0x1D9B, 0x1DBF},
      {0x2071, 0x2071},   {0x207F, 0x207F},   {0x2090, 0x209C},  {0x2160, 0x217F}, {0x24B6, 0x24E9},
      {0x2C7C, 0x2C7D},   {0xA69C, 0xA69D},   {0xA770, 0xA770},  {0xA7F8, 0xA7F9}, {0xAB5C, 0xAB5F},
      {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
  return in_ranges(c, std::begin(kOther), std::end(kOther));
}

// Unicode's property Case_Ignorable.
bool is_case_ignorable(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: break;
  }
  static constexpr std::pair<char32_t, char32_t> kBetweenLetters[] = {
      {0x27, 0x27},     {0x2E, 0x2E},     {0x3A, 0x3A},     {0xB7, 0xB7},
      {0x387, 0x387},   {0x55F, 0x55F},   {0x5F4, 0x5F4},   {0x2018, 0x2019},
      {0x2024, 0x2024}, {0x2027, 0x2027}, {0xFE13, 0xFE13}, {0xFE52, 0xFE52},
      {0xFE55, 0xFE55}, {0xFF07, 0xFF07}, {0xFF0E, 0xFF0E}, {0xFF1A, 0xFF1A}};
  return in_ranges(c, std::begin(kBetweenLetters), std::end(kBetweenLetters));
}

// A sigma ends a word when a letter stands before it and none behind.
bool ends_word(const std::u32string& text, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && is_case_ignorable(text[before - 1])) --before;
  if (before == 0 || !is_cased(text[before - 1])) return false;
  std::size_t behind = at + 1;
  while (behind < text.size() && is_case_ignorable(text[behind])) ++behind;
  return behind == text.size() || !is_cased(text[behind]);
}

}  // namespace

Decoded decode(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return {lead, 1, true};
  std::size_t length = 0;
  unsigned char least = 0x80, most = 0xBF;  // of the second byte
  char32_t c = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2, c = lead & 0x1FU;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3, c = lead & 0x0FU;
    if (lead == 0xE0) least = 0xA0;
    if (lead == 0xED) most = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4, c = lead & 0x07U;
    if (lead == 0xF0) least = 0x90;
    if (lead == 0xF4) most = 0x8F;
  } else {
    return {kReplacement, 1, false};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (at + i >= text.size() || byte(at + i) < least || byte(at + i) > most)
      return {kReplacement, i, false};
    c = (c << 6U) | (byte(at + i) & 0x3FU);
    least = 0x80, most = 0xBF;
  }
  return {c, length, true};
}

void append(std::string& text, char32_t c) {
  if (c > kMaxCharacter || (c >= 0xD800 && c <= 0xDFFF)) c = kReplacement;
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
    return;
  }
  const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;  // bytes behind the first
  static constexpr char32_t kLead[] = {0, 0xC0, 0xE0, 0xF0};
  put(kLead[more] | (c >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) put(0x80U | ((c >> (6 * i)) & 0x3FU));
}

std::u32string characters(std::string_view text) {
  std::u32string all;
  for (std::size_t at = 0; at < text.size();) {
    const Decoded next = decode(text, at);
    all += next.character;
    at += next.bytes;
  }
  return all;
}

std::string to_lower(std::string_view text) {
  const std::u32string all = characters(text);
  std::string lower;
  lower.reserve(text.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] == kCapitalSigma) {
      append(lower, ends_word(all, i) ? kFinalSigma : kSmallSigma);
    } else if (all[i] == kCapitalDottedI) {
      lower += "i\xCC\x87";  // i and a combining dot
    } else {
      append(lower, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(all[i]))));
    }
  }
  return lower;
}

std::string to_upper(std::string_view text) {
  std::string upper;
  upper.reserve(text.size());
  for (const char32_t c : characters(text)) {
    const auto* found = std::lower_bound(
        std::begin(kCapitals), std::end(kCapitals), c,
        [](const Capitals& row, char32_t wanted) { return row.character < wanted; });
    if (found == std::end(kCapitals) || found->character != c) {
      append(upper, static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))));
      continue;
    }
    for (const char32_t capital : found->capitals) {
      if (capital != 0) append(upper, capital);
    }
  }
  return upper;
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

}  // namespace thaw::unicode
