#include "runtime/base/unicode_normal.h"

#include <gtest/gtest.h>

namespace thaw::unicode {
namespace {

// Of Unicode's Annex 15, and of TensorFlow Text's manual.
TEST(UnicodeNormal, FormsOfTheAnnex) {
  const std::string composed = "\xE1\xB8\x8B\xCC\xA3",
                    letters = "d\xCC\xA3\xCC\x87";  // d with dots
  EXPECT_EQ(normalize(composed, NormalForm::nfd), letters);
  EXPECT_EQ(normalize(composed, NormalForm::nfc), "\xE1\xB8\x8D\xCC\x87");
  const std::string ligature =
      "\xEF\xAC\x81"
      "2\xE2\x81\xB5";  // fi, 2 to the fifth
  EXPECT_EQ(normalize(ligature, NormalForm::nfc), ligature);
  EXPECT_EQ(normalize(ligature, NormalForm::nfd), ligature);
  EXPECT_EQ(normalize(ligature, NormalForm::nfkc), "fi25");
  EXPECT_EQ(normalize(ligature, NormalForm::nfkd), "fi25");
  // Hangul is composed by rule.
  EXPECT_EQ(normalize("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", NormalForm::nfc), "\xED\x95\x9C");
  EXPECT_EQ(normalize("\xED\x95\x9C", NormalForm::nfd), "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB");
  EXPECT_EQ(normalize("\xEF\xBC\xAB\xEF\xBC\xA1\xEF\xBC\xA4", NormalForm::nfkc), "KAD");
}

TEST(UnicodeNormal, CaseFolding) {
  EXPECT_EQ(normalize("The   Quick-Brown CAT", NormalForm::nfkc_case_folded),
            "the   quick-brown cat");
  EXPECT_EQ(normalize("\xC3\x84"
                      "ffin",
                      NormalForm::nfkc_case_folded),
            "\xC3\xA4"
            "ffin");
  EXPECT_EQ(normalize("Stra\xC3\x9F"
                      "e \xE1\xBA\x9E",
                      NormalForm::nfkc_case_folded),
            "strasse ss");
  EXPECT_EQ(normalize("a\xC2\xAD"
                      "b",
                      NormalForm::nfkc_case_folded),
            "ab");  // a soft hyphen
  EXPECT_EQ(normalize("\xE2\x85\xA7", NormalForm::nfkc_case_folded), "viii");
}

TEST(UnicodeNormal, IllFormedAndEmptyText) {
  EXPECT_EQ(normalize("", NormalForm::nfc), "");
  EXPECT_EQ(normalize("a\xFF"
                      "b\xE1\x84",
                      NormalForm::nfkc),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
  const std::string with_nul("a\0b", 3);
  EXPECT_EQ(normalize(with_nul, NormalForm::nfkc_case_folded), with_nul);
}

}  // namespace
}  // namespace thaw::unicode
