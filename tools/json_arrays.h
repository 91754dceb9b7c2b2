// Tensors as nested JSON lists.
#pragma once

#include <string>

#include "loaders/source/json.h"
#include "tools/arrays.h"

namespace thaw::tools {

/// {"name": lists, ...} or, for a single input, the bare lists. Numbers become the spec's type
/// (float32 for unknown names), strings stay strings. Throws Error(invalid_argument) for ragged
/// lists.
NamedArrays arrays_from_json(const Json& json, const std::vector<TensorSpec>& specs,
                             const std::string& file);
Json arrays_to_json(const NamedArrays& arrays);

}  // namespace thaw::tools
