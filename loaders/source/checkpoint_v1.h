// Checkpoints as TensorFlow wrote them before version 1.0, and later when asked to.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "loaders/source/bundle.h"

namespace thaw {

/// The files of a V1 checkpoint: `prefix` itself, or its shards "prefix-00000-of-00002". Empty if
/// there are none. That they hold tables shows when they are opened.
std::vector<std::string> checkpoint_v1_files(const FileTree& tree, const std::string& prefix);
/// All values are in memory afterwards: the format has no index. Throws Error(data_loss).
std::unique_ptr<TensorBundle> open_checkpoint_v1(const FileTree& tree, const std::string& prefix,
                                                 const Limits& limits);

}  // namespace thaw
