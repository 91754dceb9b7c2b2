// YAML as Keras's to_yaml() writes it, read into JSON values.
#pragma once

#include <string>
#include <string_view>

#include "loaders/source/json.h"

namespace thaw {

/// One YAML document. Sequences and tuples become arrays, mappings become objects in file order,
/// plain scalars null, booleans and numbers as PyYAML reads them (and 1e-05, which YAML 1.2 takes
/// for a number), quoted ones strings. Aliases become copies.
///
/// Throws Error(invalid_argument) naming `name`, the line and what is wrong: syntax, duplicate
/// keys, keys that are no strings, invalid UTF-8, several documents; unimplemented for tags that
/// are no plain data (naming the tag), merge keys, base-60 numbers and dates; resource_exhausted
/// for nesting beyond limits.max_depth, size, or aliases that multiply the document.
Json parse_yaml(std::string_view text, const std::string& name, const Limits& limits);

}  // namespace thaw
