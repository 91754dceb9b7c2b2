// Which script a character belongs to.
#pragma once

#include <cstdint>

namespace thaw::host {

/// ICU's number (UScriptCode) of the character's script; -1 if it is no character of Unicode.
std::int32_t script_of(std::int32_t character);

}  // namespace thaw::host
