#include "runtime/base/unicode.h"

#include <gtest/gtest.h>

#include "runtime/base/text_encoding.h"

namespace thaw::unicode {
namespace {

// The table of maximal subparts in the Unicode Standard, section 3.9.
TEST(Unicode, IllFormedBytesAreReplacedByMaximalSubparts) {
  const auto replaced = [](std::string_view text) {
    std::string out;
    for (const char32_t c : characters(text)) out += c == kReplacement ? '?' : static_cast<char>(c);
    return out;
  };
  EXPECT_EQ(replaced("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), "????????A");
  EXPECT_EQ(replaced("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), "????????A");
  EXPECT_EQ(replaced("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), "?????A??B");
  EXPECT_EQ(replaced("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), "????A");
}

TEST(Unicode, AppendIsTheInverseOfDecode) {
  for (const char32_t c : {U'\0', U'a', U'\x7F', U'\x80', U'\x7FF', U'\x800', U'\xFFFD', U'\xFFFF',
                           U'\x10000', U'\x1F4A9', U'\x10FFFF'}) {
    std::string text;
    append(text, c);
    const Decoded decoded = decode(text, 0);
    EXPECT_TRUE(decoded.valid);
    EXPECT_EQ(decoded.character, c);
    EXPECT_EQ(decoded.bytes, text.size());
  }
  std::string text;
  append(text, char32_t{0xD800});
  append(text, char32_t{0x110000});
  EXPECT_EQ(text, "\xEF\xBF\xBD\xEF\xBF\xBD");
}

// As Python's str.lower() and str.upper() say.
TEST(Unicode, CaseIsMappedInFull) {
  EXPECT_EQ(to_upper("stra\u00dfe \ufb01 \u01c6 \u0390"), "STRASSE FI \u01c4 \u0399\u0308\u0301");
  EXPECT_EQ(to_lower("\u0130I\u00c4\u212a"), "i\u0307i\u00e4k");
  EXPECT_EQ(to_lower("\u039f\u0394\u039f\u03a3 \u03a3 A\u03a3B \u0391\u03a3."),
            "\u03bf\u03b4\u03bf\u03c2 \u03c3 a\u03c3b \u03b1\u03c2.");
  EXPECT_EQ(to_lower("\u0391'\u03a3'"), "\u03b1'\u03c2'");
  EXPECT_EQ(to_lower("A\xFFZ"), "a\xEF\xBF\xBDz");
}

TEST(Unicode, EncodingsByTheirNames) {
  EXPECT_EQ(encoding_from_name("utf-8"), Encoding::utf8);
  EXPECT_EQ(encoding_from_name("UTF-16-BE"), Encoding::utf16_be);
  EXPECT_EQ(encoding_from_name("utf_16le"), Encoding::utf16_le);
  EXPECT_EQ(encoding_from_name("Latin1"), Encoding::latin1);
  EXPECT_EQ(encoding_from_name("Shift_JIS"), std::nullopt);
}

TEST(Unicode, AByteOrderMarkDecides) {
  using namespace std::string_view_literals;
  Reader reader(Encoding::utf16,
                "\xFF\xFE"
                "a\0\x3D\xD8\xA9\xDC"sv);
  EXPECT_EQ(reader.encoding(), Encoding::utf16_le);
  EXPECT_EQ(reader.next().character, U'a');
  const Decoded pair = reader.next();
  EXPECT_EQ(pair.character, char32_t{0x1F4A9});
  EXPECT_EQ(pair.bytes, 4U);
  EXPECT_TRUE(reader.done());
  EXPECT_TRUE(Reader(Encoding::utf16, "\xFE\xFF").done());
  Reader cut(Encoding::utf32_be, "\0\0\0"sv);
  EXPECT_FALSE(cut.next().valid);
  EXPECT_TRUE(cut.done());
}

}  // namespace
}  // namespace thaw::unicode
