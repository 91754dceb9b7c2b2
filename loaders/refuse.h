// What people give by mistake and Thaw knows: refused with the way out.
#pragma once

#include <string>

#include "loaders/source/file_tree.h"

namespace thaw {

/// Throws Error(failed_precondition) if the tree holds weights without an architecture: a
/// checkpoint, a numpy archive, a `.keras` archive without its configuration.
void refuse_weights_tree(const FileTree& tree);
/// Throws Error(unimplemented) if the file is a Python pickle, which is never run, or a model of
/// TensorFlow Lite or ONNX;
/// failed_precondition if it is the state file of a checkpoint.
void refuse_other_file(const Bytes& file);
/// Throws Error(failed_precondition) if weights were asked for with a model of TensorFlow, which
/// has its own.
void refuse_other_weights(const std::string& weights, const std::string& path);
/// Throws Error(failed_precondition) if `path` is no file but the prefix of a checkpoint.
void refuse_checkpoint_prefix(const std::string& path);

}  // namespace thaw
