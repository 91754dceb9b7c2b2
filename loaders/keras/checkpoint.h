// TensorFlow checkpoints: where they are, their arrays, and the objects that own them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loaders/source/bundle.h"
#include "loaders/stored_arrays.h"

namespace thaw::keras {

/// One object of a checkpoint's object graph.
struct CheckpointObject {
  std::map<std::string, std::size_t> children;  // attribute -> object
  std::string key;                              // of a variable's value, else empty
  std::string variable;                         // its own name: "dense/kernel"
};

class Checkpoint final : public StoredArrays {
 public:
  /// `prefix` inside `tree`, without ".index".
  Checkpoint(std::unique_ptr<FileTree> tree, const std::string& prefix, const Limits& limits);

  const std::string& path() const override { return path_; }
  /// The keys, without the object graph's own entry.
  const std::vector<std::string>& names() const override { return names_; }
  bool contains(const std::string& name) const override { return bundle_->contains(name); }
  TensorType type(const std::string& name) const override { return bundle_->type(name); }
  Tensor read(const std::string& name) const override { return bundle_->read(name); }
  /// Empty: a checkpoint by names, as TensorFlow 1 wrote them. The first one is the root.
  const std::vector<CheckpointObject>& objects() const { return objects_; }

 private:
  std::string path_;
  std::unique_ptr<FileTree> tree_;
  std::unique_ptr<TensorBundle> bundle_;
  std::vector<std::string> names_;
  std::vector<CheckpointObject> objects_;
};

/// The folder and the prefix in it that a user means who names a prefix ("ckpt-7"), one of a
/// checkpoint's files, its state file, its folder, or a SavedModel's folder. Nothing if `path` is
/// no such thing. Throws Error(failed_precondition) for a folder with several checkpoints and no
/// state file.
struct CheckpointPlace {
  std::string folder, prefix;
};
std::optional<CheckpointPlace> find_checkpoint(const std::string& path, const Limits& limits);

/// The objects in a serialised TrackableObjectGraph. Throws Error(data_loss), resource_exhausted.
std::vector<CheckpointObject> parse_object_graph(std::string_view message, const std::string& name,
                                                 const Limits& limits);

}  // namespace thaw::keras
