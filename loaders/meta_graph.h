// TensorFlow 1 models as a Saver leaves them: a graph (`.meta`) and a checkpoint beside it.
#pragma once

#include <optional>
#include <string>

#include "loaders/source/file_tree.h"
#include "thaw/options.h"

namespace thaw {

struct MetaGraphPlace {
  std::string folder;
  std::string meta;    // the graph's file in the folder
  std::string prefix;  // the checkpoint's
};

/// What a user means who names the graph's file, the checkpoint's prefix, one of its files, the
/// state file `checkpoint` or its folder. Nothing if no `.meta` belongs to `path`. Throws Error for
/// a damaged state file.
std::optional<MetaGraphPlace> find_meta_graph(const std::string& path, const Limits& limits);
/// The same for an archive that holds a state file at its root. `folder` stays empty.
std::optional<MetaGraphPlace> find_meta_graph(const FileTree& tree);
/// Folder and prefix of a checkpoint that is named by its prefix or one of its files.
MetaGraphPlace split_checkpoint(const std::string& path);

}  // namespace thaw
