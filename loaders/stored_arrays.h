// Stored arrays by name, whatever file holds them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "thaw/options.h"
#include "thaw/tensor.h"

namespace thaw {

/// An open weights file. One thread at a time.
class StoredArrays {
 public:
  virtual ~StoredArrays() = default;
  virtual const std::string& path() const = 0;  // for messages
  /// In the order of the file, each once.
  virtual const std::vector<std::string>& names() const = 0;
  virtual bool contains(const std::string& name) const = 0;
  /// Throws Error: not_found, unimplemented (an element type that Thaw does not have).
  virtual TensorType type(const std::string& name) const = 0;
  /// Throws Error: not_found, data_loss, unimplemented.
  virtual Tensor read(const std::string& name) const = 0;
};

struct WeightsFile {
  std::string format;
  std::unique_ptr<StoredArrays> arrays;
};

/// Opens any file of weights (see thaw/weights.h). Throws Error(invalid_argument) when it is none.
WeightsFile open_weights(const std::string& path, const Limits& limits);

}  // namespace thaw
