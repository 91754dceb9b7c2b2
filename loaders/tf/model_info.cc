#include "loaders/tf/model_info.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw::tf {
namespace {

bool is_table(std::string_view op) {
  return op == "HashTable" || op == "HashTableV2" || op == "MutableHashTable" ||
         op == "MutableHashTableV2" || op == "MutableDenseHashTable" ||
         op == "MutableDenseHashTableV2" || op == "MutableHashTableOfTensors" ||
         op == "MutableHashTableOfTensorsV2" || op == "AnonymousHashTable" ||
         op == "AnonymousMutableHashTable";
}

bool is_variable(std::string_view op) {
  return op == "VarHandleOp" || op == "VariableV2" || op == "Variable";
}

// Types that Thaw does not have are shown as invalid: nothing here decides whether a model runs.
DType type_or_none(const NodeView& node, std::string_view attr) {
  try {
    return node.type(attr);
  } catch (const Error&) {
    return DType::invalid;
  }
}

Shape shape_or_none(const NodeView& node) {
  try {
    return node.shape("shape");
  } catch (const Error&) {
    return Shape::unknown_rank();
  }
}

}  // namespace

std::vector<std::string> tags_of(const MetaGraphDef& meta) {
  std::vector<std::string> tags;
  for (const std::string& tag : meta.meta_info_def().tags()) tags.push_back(printable(tag));
  std::ranges::sort(tags);
  return tags;
}

void count_weights(const Graph& graph, ModelInfo& info) {
  for (const Node& node : graph.nodes) {
    const auto* constant = std::get_if<ops::Constant>(&node.op);
    if (constant == nullptr) continue;
    const Tensor& value = constant->value;
    const bool weights =
        is_floating(value.dtype()) || value.dtype() == DType::int8 || value.dtype() == DType::uint8;
    if (!weights || value.shape().rank() == 0) continue;
    info.parameters += value.num_elements();
    info.weight_bytes += static_cast<decltype(info.weight_bytes)>(value.size_bytes());
  }
  for (const Graph& sub : graph.subgraphs) count_weights(sub, info);
}

void describe_graph(const Session& session, ModelInfo& info) {
  info.tags = tags_of(session.meta);
  for (const GraphView::Entry& entry : session.top.nodes) {
    const NodeView& node = entry.node;
    if (is_variable(node.op())) {
      info.variables.push_back({node.name(),
                                {type_or_none(node, "dtype"), shape_or_none(node)},
                                session.variables.key_of(node.name())});
    } else if (is_table(node.op())) {
      info.tables.push_back(
          {node.name(), type_or_none(node, "key_dtype"), type_or_none(node, "value_dtype")});
    }
  }
  info.functions = session.functions.body_sizes();
  for (const AssetFileDef& asset : session.meta.asset_file_def()) {
    if (std::ranges::find(info.assets, asset.filename()) == info.assets.end()) {
      info.assets.push_back(asset.filename());
    }
  }
}

}  // namespace thaw::tf
