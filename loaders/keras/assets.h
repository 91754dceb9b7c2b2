// The files that layers keep beside their weights in a `.keras` archive: vocabularies.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "loaders/source/file_tree.h"

namespace thaw::keras {

/// The members below `assets/`, named by the layer that owns them as in the weights file:
/// "layers/string_lookup" + "vocabulary.txt". None for forms that have no such members.
class Assets {
 public:
  Assets() = default;
  /// `tree` must outlive the object.
  explicit Assets(const FileTree& tree);

  /// The bytes of file `name` of the object at `place`, or nothing if there is none.
  std::optional<std::string> read(const std::string& place, const std::string& name) const;

 private:
  const FileTree* tree_ = nullptr;
  std::map<std::string, std::string> members_;  // name with forward slashes -> name in the tree
};

}  // namespace thaw::keras
