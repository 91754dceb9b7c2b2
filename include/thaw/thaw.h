// Everything: #include <thaw/thaw.h>.
#pragma once

#include "thaw/custom.h"
#include "thaw/device.h"
#include "thaw/device_tensor.h"
#include "thaw/error.h"
#include "thaw/model.h"
#include "thaw/options.h"
#include "thaw/session.h"
#include "thaw/tensor.h"
#include "thaw/tokenizer.h"
#include "thaw/types.h"
#include "thaw/weights.h"

namespace thaw {

/// "0.1.0".
THAW_API const char* version();

/// A layer class of any generation of Keras.
struct SupportedLayer {
  enum class Status : std::uint8_t { supported, inert, refused };
  std::string name;
  bool keras1, keras2, keras3;  // which have it
  Status status;
  std::string note;  // why it is refused; the class that it is read as
};

/// A TensorFlow op.
struct SupportedOp {
  std::string name;
  std::string types;   // by type attribute, those that stored answers of TensorFlow check
  std::string limits;  // uses that are refused by name
};

/// What this build opens, each list sorted by name.
struct Supported {
  std::vector<SupportedLayer> keras_layers;
  std::vector<std::string> keras_operations;  // Keras 3 functional nodes that are no layers
  std::vector<SupportedOp> tensorflow_ops;
};
THAW_API Supported supported();

}  // namespace thaw
