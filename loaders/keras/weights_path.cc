// `.weights.h5`: every object is a group, its own variables are <group>/vars/0, 1, ...
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "loaders/keras/weights.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// Files written on Windows have backslashes in group names.
std::string forward_slashes(std::string path) {
  std::replace(path.begin(), path.end(), '\\', '/');
  return path;
}

std::size_t bytes_of(const H5File& file, const std::string& dataset, std::int64_t& elements) {
  const TensorType type = file.dataset_type(dataset);
  elements = type.shape.num_elements();
  return static_cast<std::size_t>(elements) * size_of(type.dtype);
}

// Group path -> its own variables by number.
using Groups = std::map<std::string, std::map<int, std::string>>;

Groups read_groups(const H5File& file) {
  Groups groups;
  for (const std::string& dataset : file.datasets("")) {
    const std::string path = forward_slashes(dataset);
    const auto number_at = path.rfind('/');
    if (number_at == std::string::npos) continue;
    const auto vars_at = path.rfind('/', number_at - 1);
    const std::size_t name_at = vars_at == std::string::npos ? 0 : vars_at + 1;
    if (path.compare(name_at, number_at - name_at, "vars") != 0) continue;
    int number = 0;
    const char* end = path.data() + path.size();
    if (auto [rest, error] = std::from_chars(path.data() + number_at + 1, end, number);
        error != std::errc{} || rest != end || number < 0) {
      continue;
    }
    groups[name_at == 0 ? "" : path.substr(0, name_at - 1)][number] = dataset;
  }
  return groups;
}

bool has_below(const Groups& groups, const std::string& path) {
  if (groups.contains(path)) return true;
  const auto next = groups.lower_bound(path + "/");
  return next != groups.end() && next->first.starts_with(path + "/");
}

// Number behind "dense_", 0 for "dense" itself, -1 if `part` is no repetition of `stem`.
int repetition(const std::string& part, const std::string& stem) {
  if (part == stem) return 0;
  if (!part.starts_with(stem + "_")) return -1;
  int number = 0;
  const char* end = part.data() + part.size();
  const auto [rest, error] = std::from_chars(part.data() + stem.size() + 1, end, number);
  return error == std::errc{} && rest == end && number > 0 ? number : -1;
}

class PathReader {
 public:
  PathReader(const H5File& file, const KerasModel& model, std::vector<std::string>& notes)
      : file_(file), model_(model), notes_(notes), groups_(read_groups(file)) {}

  WeightStore read() {
    walk(model_.root, "", "", true);
    if (!missing_.empty()) {
      fail(ErrorCode::invalid_argument, "{}: no weights for {}{}", file_.name(), missing_[0],
           missing_.size() == 1 ? "" : fmt::format(" and {} more variables", missing_.size() - 1));
    }
    note_unused();
    return std::move(store_);
  }

 private:
  // `path` is the layer's canonical path, `place` where the file has it.
  void walk(const LayerConfig& layer, const std::string& path, const std::string& place,
            bool trainable) {
    if (!layer.model) {
      assign(layer, path, place, trainable);
      return;
    }
    const std::vector<std::string> paths = layer_paths(*layer.model);
    const std::vector<std::string> places = find_places(*layer.model, paths, place);
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (paths[i].empty()) continue;
      walk(layer.model->layers[i], join(path, paths[i]), places[i], trainable && layer.trainable);
    }
  }

  // The groups of a model's layers. Writers count repeated classes alike in nearly all versions;
  // tf.keras 2.13 counts weighted layers twice and some skip what they met before, so what is
  // missing is found by class and order.
  std::vector<std::string> find_places(const ModelConfig& model,
                                       const std::vector<std::string>& paths,
                                       const std::string& place) const {
    std::string container = "layers";
    const std::string old = join(place, "_layer_checkpoint_dependencies");
    if (!has_below(groups_, join(place, container)) && has_below(groups_, old)) {
      container = "_layer_checkpoint_dependencies";
    }
    const std::string base = join(place, container);
    std::vector<std::string> places(paths.size());
    std::map<std::string, std::vector<std::size_t>> weighted;  // class -> layers with variables
    bool complete = container == "layers";
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (paths[i].empty()) continue;
      const std::string part = paths[i].substr(std::string("layers/").size());
      places[i] = join(base, part);
      std::vector<Variable> variables;
      collect_variables(model.layers[i], "", true, model_.writer, variables);
      if (variables.empty()) continue;
      weighted[to_snake_case(class_part(model.layers[i]))].push_back(i);
      complete = complete && has_below(groups_, places[i]);
    }
    if (complete) return places;
    for (const auto& [stem, layers] : weighted) {
      const std::vector<std::string> found = repetitions(base, stem);
      if (found.size() != layers.size()) continue;
      for (std::size_t k = 0; k < layers.size(); ++k) places[layers[k]] = join(base, found[k]);
    }
    return places;
  }

  static std::string class_part(const LayerConfig& layer) {
    const std::string& name = layer.model ? layer.class_name : layer.file_class;
    const auto package = name.rfind('>');
    return package == std::string::npos ? name : name.substr(package + 1);
  }

  // Children of `base` called stem, stem_1, ... that hold variables, by number.
  std::vector<std::string> repetitions(const std::string& base, const std::string& stem) const {
    std::map<int, std::string> found;
    const std::string prefix = base + "/";
    for (auto it = groups_.lower_bound(prefix);
         it != groups_.end() && it->first.starts_with(prefix); ++it) {
      if (it->second.empty()) continue;
      const std::string part =
          it->first.substr(prefix.size(), it->first.find('/', prefix.size()) - prefix.size());
      if (const int number = repetition(part, stem); number >= 0) found[number] = part;
    }
    std::vector<std::string> names;
    for (const auto& [number, name] : found) names.push_back(name);
    return names;
  }

  void assign(const LayerConfig& layer, const std::string& path, const std::string& place,
              bool trainable) {
    std::vector<Variable> variables;
    collect_variables(layer, path, trainable, model_.writer, variables);
    std::map<std::string, std::size_t> expected;
    for (const Variable& variable : variables) ++expected[variable.owner];
    for (const Variable& variable : variables) {
      const std::string group = place + variable.owner.substr(path.size());
      const auto found = groups_.find(group);
      const std::string title = fmt::format("variable '{}' of layer '{}' ({})", variable.name,
                                            printable(layer.name), printable(layer.file_class));
      if (found == groups_.end() || !found->second.contains(variable.slot)) {
        missing_.push_back(
            fmt::format("{} (expected at {}/vars/{})", title, printable(group), variable.slot));
        continue;
      }
      if (found->second.size() > expected[variable.owner]) {
        fail(ErrorCode::invalid_argument,
             "{}: layer '{}' ({}): expected {} arrays in {}/vars, found {}", file_.name(),
             printable(layer.name), printable(layer.file_class), expected[variable.owner],
             printable(group), found->second.size());
      }
      const std::string dataset = found->second.at(variable.slot);
      StoredArray array;
      array.place = file_.name() + "/" + dataset;
      array.bytes = bytes_of(file_, dataset, array.elements);
      array.read = [&file = file_, dataset] { return file.dataset(dataset); };
      store_.assign(variable, std::move(array));
      used_.insert(dataset);
    }
  }

  void note_unused() {
    std::set<std::string> groups;
    for (const auto& [group, datasets] : groups_) {
      // The optimizer's and metrics' variables stand beside the layers'.
      if (group == "optimizer" || group.starts_with("optimizer/") || group.starts_with("metrics/"))
        continue;
      if (group == "seed_generator" || group.ends_with("/seed_generator")) continue;
      for (const auto& [number, dataset] : datasets) {
        if (!used_.contains(dataset)) groups.insert(group);
      }
    }
    for (const std::string& group : groups) {
      notes_.push_back(fmt::format("weights in {}/{} are not used by any layer", file_.name(),
                                   printable(group)));
    }
  }

  const H5File& file_;
  const KerasModel& model_;
  std::vector<std::string>& notes_;
  Groups groups_;
  WeightStore store_;
  std::set<std::string> used_;
  std::vector<std::string> missing_;
};

}  // namespace

// A layer may be called "layers": the older form is told by its attribute.
bool has_path_layout(const H5File& file) {
  return !file.list_attribute("", "layer_names") && !file.has_group("model_weights");
}

WeightStore path_weights(const H5File& file, const KerasModel& model,
                         std::vector<std::string>& notes) {
  return PathReader(file, model, notes).read();
}

}  // namespace thaw::keras
