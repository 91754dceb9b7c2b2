// What a YAML scalar stands for.
#pragma once

#include <string>
#include <string_view>

#include "loaders/source/json.h"

namespace thaw::yaml {

/// The kinds of scalars that a tag can ask for; `plain` leaves it to the text.
enum class ScalarKind { plain, string, integer, number, boolean, null };

/// Throws Error(invalid_argument) when the text is none of `kind`, or a number out of range;
/// unimplemented for base-60 numbers and dates. `place` begins the message.
Json read_scalar(const std::string& text, ScalarKind kind, const std::string& place);

}  // namespace thaw::yaml
