#include "loaders/tf/model_info.h"

#include <algorithm>
#include <map>

#include "loaders/tf/refusals.h"
#include "runtime/base/check.h"
#include "tf/proto/thaw_tf.pb.h"

namespace thaw::tf {
namespace {

// Kinds of ops; a file can name any number.
constexpr std::size_t kMostFindings = 50;

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

// A result that needs such an op is refused, so that here they are what no result needs. A user may
// still want to know what a file came with.
void note_outside_effects(const Session& session, ModelInfo& info) {
  std::map<std::string, std::pair<std::string, std::int64_t>> found;  // op -> first place, count
  const auto see = [&](const std::string& function, const std::string& op,
                       const std::string& name) {
    if (outside_effect_of(op).empty()) return;
    if (found.size() == kMostFindings && !found.contains(op)) return;
    auto& [place, count] = found[op];
    if (++count > 1) return;
    place = fmt::format("'{}'", printable(name));
    if (!function.empty()) place += fmt::format(" in function '{}'", printable(function));
  };
  for (const auto& entry : session.top.nodes) see("", entry.node.op(), entry.node.name());
  session.functions.each_node([&](const std::string& function, const NodeDef& node) {
    see(function, node.op(), node.name());
  });
  for (const auto& [op, where] : found) {
    const auto& [place, count] = where;
    info.notes.push_back(fmt::format(
        "security: the file holds {} ({}{}), which {}; it is never run", printable(op), place,
        count > 1 ? fmt::format(" and {} more", count - 1) : "", outside_effect_of(op)));
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
  note_outside_effects(session, info);
}

}  // namespace thaw::tf
