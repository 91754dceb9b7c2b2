// Read-only HDF5: the subset that Keras files use, by a reader of our own on memory we own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loaders/source/file_tree.h"
#include "thaw/tensor.h"

namespace thaw {

/// An open HDF5 file. External links, external storage, virtual datasets and soft links are
/// permission_denied; unknown filters are unimplemented; damage is data_loss. Paths look like
/// "model_weights/dense/kernel:0" without a leading slash. One thread at a time.
class H5File {
 public:
  /// `bytes` is the whole file (a user block before it is allowed).
  static std::unique_ptr<H5File> open(Bytes bytes, const Limits& limits);
  virtual ~H5File() = default;

  virtual const std::string& name() const = 0;  // for messages
  virtual bool has_group(const std::string& path) const = 0;
  virtual bool has_dataset(const std::string& path) const = 0;
  /// Names of the children of a group ("" is the root), sorted; datasets and groups.
  virtual std::vector<std::string> children(const std::string& path) const = 0;
  /// Paths of all datasets below `path`, sorted.
  virtual std::vector<std::string> datasets(const std::string& path) const = 0;

  /// A scalar string attribute (variable or fixed length, bytes as they are, trailing NULs
  /// dropped), or nothing if absent.
  virtual std::optional<std::string> text_attribute(const std::string& path,
                                                    const std::string& name) const = 0;
  /// A string-list attribute, joined from name0, name1, ... when it was split; an empty array of
  /// any type is an empty list. Nothing if absent.
  virtual std::optional<std::vector<std::string>> list_attribute(const std::string& path,
                                                                 const std::string& name) const = 0;
  virtual TensorType dataset_type(const std::string& path) const = 0;
  /// The elements in host byte order. Float16/32/64, integers, bool (h5py enum) and opaque/uint16
  /// bfloat16 (attribute dtype="bfloat16"); strings. The tensor may borrow the file's memory.
  virtual Tensor dataset(const std::string& path) const = 0;
};

}  // namespace thaw
