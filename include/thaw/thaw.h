// Everything: #include <thaw/thaw.h>.
#pragma once

#include "thaw/custom.h"
#include "thaw/error.h"
#include "thaw/model.h"
#include "thaw/options.h"
#include "thaw/session.h"
#include "thaw/tensor.h"
#include "thaw/types.h"
#include "thaw/weights.h"

namespace thaw {

/// "0.1.0".
THAW_API const char* version();

/// What this build opens, each list sorted. Aliases and the names of Keras 1 are accepted beyond
/// these.
struct Supported {
  std::vector<std::string> keras_layers;      // classes
  std::vector<std::string> keras_operations;  // Keras 3 functional nodes that are no layers
  std::vector<std::string> tensorflow_ops;
};
THAW_API Supported supported();

}  // namespace thaw
