// What `thaw show` tells of TensorFlow models alone.
#pragma once

#include "loaders/source/json.h"
#include "thaw/model.h"

namespace thaw::tools {

/// Tags, variables, tables and functions; nothing for other models.
void print_tensorflow(const ModelInfo& info);
/// The same as members of the JSON object that describes the model.
void add_tensorflow(const ModelInfo& info, Json::Object& object);

}  // namespace thaw::tools
