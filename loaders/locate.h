// Where in a folder or archive the model stands.
#pragma once

#include <optional>
#include <string>

#include "loaders/source/file_tree.h"

namespace thaw {

/// The folder that holds a SavedModel or the members of a Keras archive: "" for the tree itself,
/// else with a slash at its end ("model/2/"); nothing if there is none. Of folders that are
/// numbered versions of one model the highest counts, or `version` if that is not empty. Throws
/// Error: invalid_argument for several models, not_found for a version that is not there,
/// failed_precondition for a version of a model that does not stand in numbered folders.
std::optional<std::string> find_model_folder(const FileTree& tree, const std::string& version);

/// The one file of an archive, apart from what file managers leave behind; nothing if there are
/// several.
std::optional<std::string> find_only_file(const FileTree& tree);

}  // namespace thaw
