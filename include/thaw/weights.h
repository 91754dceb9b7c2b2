// The stored arrays of a file, by name: for weights whose model is code (subclassed models), and
// for looking into any weights file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "thaw/options.h"
#include "thaw/tensor.h"

namespace thaw {

/// An open weights file: HDF5 of any Keras, `.weights.h5`, `.keras`, `.weights.json` with its
/// shards, `.npz`, a TensorFlow checkpoint (prefix, file or folder), or the variables of a
/// SavedModel. Copies share one open file; const members may be called from any thread.
class THAW_API WeightStore {
 public:
  /// The content decides what it is. Throws Error (see error.h).
  static WeightStore open(const std::string& path, const Limits& limits = {});

  /// "Keras HDF5", "TensorFlow checkpoint", ...
  const std::string& format() const;
  /// Names, types and shapes in the order of the file; optimizer state among them.
  const std::vector<TensorSpec>& arrays() const;
  bool contains(const std::string& name) const;
  /// The elements of one array. Throws Error: not_found naming it, data_loss.
  Tensor read(const std::string& name) const;

  struct Impl;
  explicit WeightStore(std::shared_ptr<const Impl> impl);

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace thaw
