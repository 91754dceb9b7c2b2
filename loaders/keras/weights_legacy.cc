// HDF5 weights of Keras 1 and 2 (and Keras 3's `.h5`): one group per top-level layer, arrays by
// position.
#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "loaders/keras/weights.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

struct Group {
  std::string name;
  std::vector<std::string> weight_names, datasets;  // as stored, and as full paths
};

struct LayerVariables {
  const LayerConfig* layer;
  std::string path;
  std::vector<Variable> variables;
};

std::string last_part(const std::string& name) {
  const auto slash = name.rfind('/');
  std::string part = slash == std::string::npos ? name : name.substr(slash + 1);
  return part.substr(0, part.find(':'));
}

// Keras keeps a layer's trainable variables in front of its others, also across the layers of a
// nested model.
std::vector<Variable> trainable_first(const std::vector<Variable>& variables) {
  std::vector<Variable> sorted = variables;
  std::stable_partition(sorted.begin(), sorted.end(),
                        [](const Variable& v) { return v.trainable; });
  return sorted;
}

// Whether an array's name says that it is this variable: "both/forward_lstm/lstm_cell/kernel:0".
bool is_named(const Variable& variable, const std::string& dataset) {
  if (last_part(dataset) != variable.name) return false;
  const bool forward = variable.owner.find("/forward_layer") != std::string::npos;
  const bool backward = variable.owner.find("/backward_layer") != std::string::npos;
  const std::string direction = forward ? "forward_" : backward ? "backward_" : "";
  const std::string& layer = variable.layer->name;
  bool scope = false, directed = direction.empty();
  for (std::size_t begin = 0; begin < dataset.size();) {
    const std::size_t end = std::min(dataset.find('/', begin), dataset.size());
    const std::string part = dataset.substr(begin, end - begin);
    scope = scope || part == layer || part == direction + layer;
    directed = directed || part.starts_with(direction);
    begin = end + 1;
  }
  return scope && directed;
}

// The variables in the order of the arrays, if every name fits exactly one variable. A layer that
// was frozen after saving its configuration, or inside a wrapper, is in another order than the
// configuration tells.
std::vector<Variable> order_by_name(const std::vector<Variable>& variables,
                                    const std::vector<std::string>& datasets) {
  std::vector<Variable> ordered;
  if (variables.size() != datasets.size() || variables.size() > 1024) return ordered;
  std::vector<bool> taken(variables.size(), false);
  for (const std::string& dataset : datasets) {
    std::size_t found = variables.size();
    for (std::size_t i = 0; i < variables.size(); ++i) {
      if (!is_named(variables[i], dataset)) continue;
      if (found != variables.size() || taken[i]) return {};
      found = i;
    }
    if (found == variables.size()) return {};
    taken[found] = true;
    ordered.push_back(variables[found]);
  }
  return ordered;
}

class LegacyReader {
 public:
  LegacyReader(const H5File& file, std::string group, const KerasModel& model, bool by_name,
               std::vector<std::string>& notes)
      : file_(file), root_(std::move(group)), model_(model), by_name_(by_name), notes_(notes) {}

  ModelWeights read() {
    read_groups();
    std::vector<LayerVariables> layers = weighted_layers();
    std::map<std::string, const Group*> by_name;
    for (const Group& group : groups_) {
      if (!by_name.emplace(group.name, &group).second) {
        fail(ErrorCode::invalid_argument, "{}: layer_names holds '{}' twice", file_.name(),
             printable(group.name));
      }
    }
    const bool named = std::all_of(layers.begin(), layers.end(), [&](const LayerVariables& layer) {
      const auto found = by_name.find(layer.layer->name);
      return found != by_name.end() && !found->second->datasets.empty();
    });
    if (named) {
      for (const LayerVariables& layer : layers) assign(layer, *by_name.at(layer.layer->name));
    } else if (by_name_) {
      fail(ErrorCode::invalid_argument,
           "{}: by name, {} of {} layers with weights have none in the file{}; the file has {}",
           file_.name(), count_missing(layers), layers.size(), first_missing(layers),
           some_names(group_names()));
    } else {
      assign_by_order(layers);
    }
    note_unused();
    return std::move(store_);
  }

 private:
  void read_groups() {
    const auto names = file_.list_attribute(root_, "layer_names");
    if (!names) {
      fail(ErrorCode::invalid_argument,
           "{}: no attribute layer_names{}: these are no Keras weights", file_.name(),
           root_.empty() ? "" : " in group " + root_);
    }
    for (const std::string& name : *names) {
      Group group{name, {}, {}};
      const std::string path = join(root_, name);
      if (!file_.has_group(path)) {
        fail(ErrorCode::data_loss, "{}: layer_names lists '{}', but there is no such group",
             file_.name(), printable(name));
      }
      const auto weights = file_.list_attribute(path, "weight_names");
      if (!weights) {
        fail(ErrorCode::data_loss, "{}: group {} has no attribute weight_names", file_.name(),
             printable(path));
      }
      group.weight_names = *weights;
      for (const std::string& weight : *weights) group.datasets.push_back(join(path, weight));
      groups_.push_back(std::move(group));
    }
  }

  std::vector<LayerVariables> weighted_layers() const {
    std::vector<LayerVariables> layers;
    const ModelConfig& model = *model_.root.model;
    const std::vector<std::string> paths = layer_paths(model);
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
      if (paths[i].empty()) continue;
      LayerVariables layer{&model.layers[i], paths[i], {}};
      collect_variables(model.layers[i], paths[i], true, model_.writer, layer.variables);
      if (!layer.variables.empty()) layers.push_back(std::move(layer));
    }
    return layers;
  }

  // Weights saved under other layer names (an architecture built again counts its layers anew):
  // Keras takes the layers that have weights in order.
  void assign_by_order(const std::vector<LayerVariables>& layers) {
    std::vector<const Group*> filled;
    for (const Group& group : groups_) {
      if (!group.datasets.empty()) filled.push_back(&group);
    }
    if (filled.size() != layers.size()) {
      fail(ErrorCode::invalid_argument,
           "{}: the model has {} layers with weights, the file has weights for {}{}; the file has "
           "{}",
           file_.name(), layers.size(), filled.size(), first_missing(layers),
           some_names(group_names()));
    }
    for (std::size_t i = 0; i < layers.size(); ++i) assign(layers[i], *filled[i]);
    notes_.push_back(fmt::format(
        "{}: layer names differ from the model's; weights were assigned in order", file_.name()));
  }

  bool is_present(const LayerVariables& layer) const {
    return std::any_of(groups_.begin(), groups_.end(), [&](const Group& group) {
      return group.name == layer.layer->name && !group.datasets.empty();
    });
  }

  std::size_t count_missing(const std::vector<LayerVariables>& layers) const {
    return static_cast<std::size_t>(
        std::count_if(layers.begin(), layers.end(),
                      [&](const LayerVariables& layer) { return !is_present(layer); }));
  }

  std::vector<std::string> group_names() const {
    std::vector<std::string> names;
    for (const Group& group : groups_) {
      if (!group.datasets.empty()) names.push_back(group.name);
    }
    return names;
  }

  std::string first_missing(const std::vector<LayerVariables>& layers) const {
    for (const LayerVariables& layer : layers) {
      if (!is_present(layer)) {
        return fmt::format(" (none for layer '{}' ({}))", printable(layer.layer->name),
                           printable(layer.layer->file_class));
      }
    }
    return "";
  }

  [[noreturn]] void wrong_count(const LayerVariables& layer, const Group& group) const {
    std::string names;
    for (const Variable& variable : layer.variables) {
      if (names.size() > 200) break;
      names += (names.empty() ? "" : ", ") + variable.name;
    }
    fail(ErrorCode::invalid_argument, "{}: layer '{}' ({}): expected {} arrays ({}), found {}",
         file_.name(), printable(layer.layer->name), printable(layer.layer->file_class),
         layer.variables.size(), names, group.datasets.size());
  }

  void assign(const LayerVariables& layer, const Group& group) {
    used_.insert(group.name);
    std::vector<Variable> variables = order_by_name(layer.variables, group.weight_names);
    if (variables.empty()) variables = trainable_first(layer.variables);
    if (variables.size() == group.datasets.size()) {
      for (std::size_t i = 0; i < variables.size(); ++i) assign(variables[i], {group.datasets[i]});
      return;
    }
    assign_gates(layer, group, variables);
  }

  // Keras 1 kept one array per gate. Layers of a nested model follow each other.
  void assign_gates(const LayerVariables& layer, const Group& group,
                    const std::vector<Variable>& variables) {
    std::size_t expected = 0;
    std::vector<std::pair<const LayerConfig*, std::vector<const Variable*>>> leaves;
    for (const Variable& variable : variables) {
      if (leaves.empty() || leaves.back().first != variable.layer ||
          leaves.back().second.back()->owner != variable.owner) {
        leaves.push_back({variable.layer, {}});
      }
      leaves.back().second.push_back(&variable);
    }
    std::vector<Conversion> conversions;
    for (const auto& [leaf, own] : leaves) {
      conversions.push_back(gates_of(*leaf, own.size()));
      for (const auto& sources : conversions.back().sources) expected += sources.size();
    }
    if (model_.writer.major != 1 || expected != group.datasets.size()) wrong_count(layer, group);
    std::size_t offset = 0;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      std::size_t taken = 0;
      for (std::size_t k = 0; k < leaves[i].second.size(); ++k) {
        std::vector<std::string> datasets;
        for (std::size_t source : conversions[i].sources[k])
          datasets.push_back(group.datasets[offset + source]);
        taken += datasets.size();
        assign(*leaves[i].second[k], datasets);
      }
      offset += taken;
    }
  }

  void assign(const Variable& variable, std::vector<std::string> datasets) {
    StoredArray array;
    array.place = file_.name() + "/" + datasets[0];
    array.key = datasets[0];
    for (const std::string& dataset : datasets) {
      if (!file_.has_dataset(dataset)) {
        fail(ErrorCode::data_loss,
             "{}: weight_names of layer '{}' lists {}, but there is no such array", file_.name(),
             printable(variable.layer->name), printable(dataset));
      }
      const TensorType type = file_.dataset_type(dataset);
      array.elements += type.shape.num_elements();
      array.bytes += static_cast<std::uint64_t>(type.shape.num_elements()) * size_of(type.dtype);
    }
    array.read = [&file = file_, &writer = model_.writer, variable,
                  datasets = std::move(datasets)] {
      std::vector<Tensor> parts;
      for (const std::string& dataset : datasets) {
        Tensor part = file.dataset(dataset);
        parts.push_back(datasets.size() == 1 ? part : modern_gate(variable, std::move(part)));
      }
      return modern_layout(variable, parts.size() == 1 ? parts[0] : joined(parts), writer);
    };
    store_.assign(variable, std::move(array));
  }

  void note_unused() {
    for (const Group& group : groups_) {
      if (!group.datasets.empty() && !used_.contains(group.name)) {
        notes_.push_back(fmt::format("weights of layer '{}' in {} are not used by the model",
                                     printable(group.name), file_.name()));
      }
    }
    const std::string top_level = join(root_, "top_level_model_weights");
    if (!file_.has_group(top_level)) return;
    const auto own = file_.list_attribute(top_level, "weight_names");
    if (own && !own->empty()) {
      notes_.push_back(fmt::format("{} holds {} weights of the model itself, which no layer uses",
                                   file_.name(), own->size()));
    }
  }

  const H5File& file_;
  std::string root_;
  const KerasModel& model_;
  bool by_name_;
  std::vector<std::string>& notes_;
  std::vector<Group> groups_;
  std::set<std::string> used_;
  ModelWeights store_;
};

}  // namespace

ModelWeights legacy_weights(const H5File& file, const std::string& group, const KerasModel& model,
                            std::vector<std::string>& notes, bool by_name) {
  return LegacyReader(file, group, model, by_name, notes).read();
}

}  // namespace thaw::keras
