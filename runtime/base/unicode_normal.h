// Normal forms of Unicode text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace thaw::unicode {

/// The four forms of Unicode's Annex 15, and the one that tells no letter's case.
enum class NormalForm : std::uint8_t { nfc, nfd, nfkc, nfkd, nfkc_case_folded };

/// Ill-formed bytes become the replacement character.
std::string normalize(std::string_view text, NormalForm form);

}  // namespace thaw::unicode
