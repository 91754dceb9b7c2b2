// Tensors as nested JSON lists; shapes and strings.
#pragma once

#include <string>
#include <vector>

#include "loaders/source/json.h"
#include "tools/arrays.h"

namespace thaw::tools {

/// {"name": lists, ...} or, for a single input, the bare lists. Numbers become the spec's type
/// (float32 for unknown names), strings stay strings. Throws Error(invalid_argument) for ragged
/// lists.
NamedArrays arrays_from_json(const Json& json, const std::vector<TensorSpec>& specs,
                             const std::string& file);
Json arrays_to_json(const NamedArrays& arrays);
/// Null for an unknown rank and for unknown sizes.
Json shape_json(const Shape& shape);
Json strings_json(const std::vector<std::string>& strings);

}  // namespace thaw::tools
