#include "tests/loaders/keras/keras_testing.h"

#include <algorithm>

#include "loaders/keras/array_files.h"
#include "loaders/keras/import.h"
#include "loaders/keras/weights.h"
#include "tests/support/evaluate_graph.h"

namespace thaw::testing {

void MemoryH5::add_array(const std::string& path, const Shape& shape) {
  Tensor tensor(DType::float32, shape);
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i) {
    tensor.mutable_data<float>()[i] = 0.5f * static_cast<float>(i + 1);
  }
  arrays.emplace(path, tensor);
}

void MemoryH5::add_layer(const std::string& layer,
                         const std::vector<std::pair<std::string, Shape>>& weights) {
  lists[""]["layer_names"].push_back(layer);
  groups.push_back(layer);
  std::vector<std::string>& names = lists[layer]["weight_names"];
  for (const auto& [weight, shape] : weights) {
    names.push_back(weight);
    add_array(layer + "/" + weight, shape);
  }
}

bool MemoryH5::has_group(const std::string& path) const {
  if (path.empty() || std::find(groups.begin(), groups.end(), path) != groups.end()) return true;
  return std::any_of(arrays.begin(), arrays.end(),
                     [&](const auto& entry) { return entry.first.starts_with(path + "/"); });
}

std::vector<std::string> MemoryH5::children(const std::string&) const { return {}; }

std::vector<std::string> MemoryH5::datasets(const std::string& path) const {
  std::vector<std::string> names;
  for (const auto& [dataset, tensor] : arrays) {
    if (path.empty() || dataset.starts_with(path + "/")) names.push_back(dataset);
  }
  return names;
}

std::optional<std::vector<std::string>> MemoryH5::list_attribute(
    const std::string& path, const std::string& attribute) const {
  const auto group = lists.find(path);
  if (group == lists.end() || !group->second.contains(attribute)) return {};
  return group->second.at(attribute);
}

keras::KerasModel config_of(std::string json, const std::string& version) {
  std::replace(json.begin(), json.end(), '\'', '"');
  const Limits limits;
  return keras::read_config(parse_json(json, "test", limits),
                            keras::writer_of(version, "tensorflow", 2), "test", limits);
}

Graph import_of(const keras::KerasModel& model, const MemoryH5& file, bool by_path,
                std::vector<std::string>* notes) {
  std::vector<std::string> unread;
  std::vector<std::string>& said = notes != nullptr ? *notes : unread;
  const std::unique_ptr<StoredArrays> arrays = keras::h5_arrays(file);
  const keras::ModelWeights store = by_path ? keras::path_weights(*arrays, model, said)
                                            : keras::legacy_weights(file, "", model, said);
  Graph graph;
  GraphBuilder builder(graph, reference_folding());
  Limits limits;
  limits.max_nodes = 10000;
  keras::ImportContext context(model, store, limits, builder);
  context.import_root();
  std::vector<Unsupported> items;
  keras::collect_unknown(model.root, "", items);
  items.insert(items.end(), context.unsupported().begin(), context.unsupported().end());
  if (!items.empty()) throw UnsupportedError("test", items);
  verify(graph, "import");
  return graph;
}

std::string input_layer(const std::string& name, const Source& source) {
  return "{'class_name': 'InputLayer', 'name': '" + name +
         "', 'inbound_nodes': [], 'config': {'name': '" + name +
         "', 'batch_input_shape': " + source.shape + ", 'dtype': '" + source.dtype + "'}}";
}

std::string import_message(const std::string& json, const std::string& version) {
  MemoryH5 file;
  file.lists[""]["layer_names"] = {};
  try {
    import_of(config_of(json, version), file);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string functional(const std::string& layers, const std::string& inputs,
                       const std::string& outputs) {
  return "{'class_name': 'Functional', 'config': {'name': 'm', 'layers': [" + layers +
         "], 'input_layers': " + inputs + ", 'output_layers': " + outputs + "}}";
}

}  // namespace thaw::testing
