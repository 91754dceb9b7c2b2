// What TensorFlow's op registry says about the ops Thaw knows: their results and attribute
// defaults.
#pragma once

#include <optional>
#include <string_view>

namespace thaw::tf {

/// `outputs`: names in order, separated by blanks; "name:attr" is a list as long as attr says (a
/// number or a list of types). `attrs`: all attributes, with "=default" where there is one.
struct OpSchema {
  std::string_view name, outputs, attrs;
};

/// Null for an op that is not in the table.
const OpSchema* find_schema(std::string_view op);
/// Whether the op has this attribute at all.
bool has_attr(const OpSchema& schema, std::string_view attr);
/// The default of an attribute as text; nothing when there is none.
std::optional<std::string_view> default_of(const OpSchema& schema, std::string_view attr);

}  // namespace thaw::tf
