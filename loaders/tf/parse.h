// Protobuf messages from bytes, within the limits.
#pragma once

#include <memory>

#include "loaders/source/file_tree.h"

namespace thaw::tf {

class GraphDef;
class MetaGraphDef;
class SavedModel;

/// A parsed message; shared because constants borrow from it.
template <class Message>
struct Parsed {
  Message* message = nullptr;
  std::shared_ptr<const void> owner;
};

/// Text if `file` is text. Throws Error naming the file: data_loss, invalid_argument
/// for what is no damage but was never a message (nesting, numbers), resource_exhausted if it is
/// too large.
Parsed<SavedModel> parse_saved_model(const Bytes& file, bool text, const Limits& limits);
Parsed<GraphDef> parse_graph_def(const Bytes& file, bool text, const Limits& limits);
Parsed<MetaGraphDef> parse_meta_graph(const Bytes& file, bool text, const Limits& limits);
/// True for the MetaGraphDef of TensorFlow 1 (`.meta`), which is no GraphDef but holds one.
bool is_meta_graph(const Bytes& file, bool text, const Limits& limits);

}  // namespace thaw::tf
