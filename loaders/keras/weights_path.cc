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

std::size_t bytes_of(const StoredArrays& file, const std::string& dataset, std::int64_t& elements) {
  const TensorType type = file.type(dataset);
  elements = type.shape.num_elements();
  return static_cast<std::size_t>(elements) * size_of(type.dtype);
}

// Group path -> its own variables by number.
using Groups = std::map<std::string, std::map<int, std::string>>;

Groups read_groups(const StoredArrays& file) {
  Groups groups;
  for (const std::string& dataset : file.names()) {
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

// Repeated objects carry a shared_object_id that their first occurrence does not have.
Json without_object_ids(const Json& json) {
  if (json.is_array()) {
    Json::Array items;
    for (const Json& item : json.array()) items.push_back(without_object_ids(item));
    return Json(std::move(items));
  }
  if (!json.is_object()) return json;
  Json::Object members;
  for (const auto& [key, value] : json.object()) {
    if (key != "shared_object_id") members.emplace_back(key, without_object_ids(value));
  }
  return Json(std::move(members));
}

class PathReader {
 public:
  PathReader(const StoredArrays& file, const KerasModel& model, std::vector<std::string>& notes)
      : file_(file), model_(model), notes_(notes), groups_(read_groups(file)) {}

  ModelWeights read() {
    walk(model_.root, "", "", true);
    if (!missing_.empty()) {
      fail(ErrorCode::invalid_argument, "{}: no weights for {}{}", file_.path(), missing_[0],
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
      const LayerConfig& child = layer.model->layers[i];
      if (child.whole_model) assign(child, path, place, trainable && layer.trainable);
      if (paths[i].empty()) continue;
      const std::string child_path = join(path, paths[i]);
      if (places[i].empty()) {
        const std::string& first = met_before().at(identity(child));
        store_.place(child_path, store_.place_of(first));
        share(child, child_path, first);
      } else {
        store_.place(child_path, places[i]);
        walk(child, child_path, places[i], trainable && layer.trainable);
        met_.emplace_back(&child, child_path);
      }
    }
  }

  // A layer that stands in several models is stored where the writer met it first. The
  // configuration repeats it word for word.
  static std::string identity(const LayerConfig& layer) {
    return layer.file_class + " " + layer.name + " " + without_object_ids(layer.config).dump();
  }

  // Where each layer so far was met first, by its identity; few files ask.
  const std::map<std::string, std::string>& met_before() {
    for (const auto& [layer, path] : met_) first_.emplace(identity(*layer), path);
    met_.clear();
    return first_;
  }

  static void collect_identities(const LayerConfig& layer, std::set<std::string>& identities) {
    identities.insert(identity(layer));
    if (!layer.model) return;
    for (const LayerConfig& child : layer.model->layers) collect_identities(child, identities);
  }

  void share(const LayerConfig& layer, const std::string& path, const std::string& first) {
    std::vector<Variable> variables;
    collect_variables(layer, path, true, model_.writer, variables);
    for (const Variable& variable : variables) {
      const StoredArray* array = store_.find(first + variable.path().substr(path.size()));
      if (array == nullptr) {
        missing_.push_back(fmt::format("variable '{}' of shared layer '{}' ({})", variable.name,
                                       printable(layer.name), printable(layer.file_class)));
      } else {
        store_.assign(variable, *array);
      }
    }
  }

  // The groups of a model's layers; empty for a layer that is stored in another model.
  std::vector<std::string> find_places(const ModelConfig& model,
                                       const std::vector<std::string>& paths,
                                       const std::string& place) {
    const std::string old = join(place, "_layer_checkpoint_dependencies");
    const bool is_old = !has_below(groups_, join(place, "layers")) && has_below(groups_, old);
    const std::string base = is_old ? old : join(place, "layers");
    std::vector<std::size_t> weighted;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      std::vector<Variable> variables;
      if (!paths[i].empty()) collect_variables(model.layers[i], "", true, model_.writer, variables);
      if (!variables.empty()) weighted.push_back(i);
    }
    std::vector<std::string> places(paths.size());
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (!paths[i].empty()) places[i] = join(base, paths[i].substr(std::string("layers/").size()));
    }
    if (!is_old && complete(places, weighted)) return places;
    std::vector<std::string> shared = without_shared(model, base, places, weighted);
    if (!is_old && complete(shared, weighted)) return shared;
    place_by_class(model, base, weighted, places);
    return places;
  }

  bool complete(const std::vector<std::string>& places,
                const std::vector<std::size_t>& weighted) const {
    return std::all_of(weighted.begin(), weighted.end(), [&](std::size_t i) {
      return places[i].empty() || has_below(groups_, places[i]);
    });
  }

  // Keras 3 counts a layer that it met before and then leaves it out; tf.keras leaves it out first.
  std::vector<std::string> without_shared(const ModelConfig& model, const std::string& base,
                                          std::vector<std::string> places,
                                          const std::vector<std::size_t>& weighted) {
    const std::map<std::string, std::string>& first = met_before();
    std::set<std::string> met;
    std::set<std::size_t> known;
    for (std::size_t i : weighted) {
      const std::string own = identity(model.layers[i]);
      if (first.contains(own) || met.contains(own)) known.insert(i);
      collect_identities(model.layers[i], met);
    }
    std::map<std::string, int> counts;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (known.contains(i)) {
        places[i].clear();
      } else if (model_.writer.major < 3 && !places[i].empty()) {
        const std::string stem = to_snake_case(class_part(model.layers[i]));
        const int count = counts[stem]++;
        places[i] = join(base, stem + (count == 0 ? "" : "_" + std::to_string(count)));
      }
    }
    return places;
  }

  // tf.keras 2.13 counts weighted layers twice, 2.14 once: the layers of a class in order.
  void place_by_class(const ModelConfig& model, const std::string& base,
                      const std::vector<std::size_t>& weighted,
                      std::vector<std::string>& places) const {
    std::map<std::string, std::vector<std::size_t>> classes;
    for (std::size_t i : weighted) classes[to_snake_case(class_part(model.layers[i]))].push_back(i);
    for (const auto& [stem, layers] : classes) {
      const std::vector<std::string> found = repetitions(base, stem);
      if (found.size() != layers.size()) continue;
      for (std::size_t k = 0; k < layers.size(); ++k) places[layers[k]] = join(base, found[k]);
    }
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

  // Some layers name what they store instead of numbering it.
  bool assign_by_name(const Variable& variable, const std::string& group) {
    const std::string wanted = join(group, "vars/" + variable.name);
    for (const std::string& dataset : file_.names()) {
      if (forward_slashes(dataset) != wanted) continue;
      StoredArray array;
      array.place = file_.path() + "/" + dataset;
      array.key = dataset;
      array.bytes = bytes_of(file_, dataset, array.elements);
      array.read = [&file = file_, dataset] { return file.read(dataset); };
      store_.assign(variable, std::move(array));
      used_.insert(dataset);
      return true;
    }
    return false;
  }

  void assign(const LayerConfig& layer, const std::string& path, const std::string& place,
              bool trainable) {
    std::vector<Variable> variables;
    collect_variables(layer, path, trainable, model_.writer, variables);
    std::erase_if(variables, [](const Variable& variable) { return variable.merged; });
    std::map<std::string, std::size_t> expected;
    for (const Variable& variable : variables) {
      std::size_t& count = expected[variable.owner];
      count = std::max(count, static_cast<std::size_t>(variable.slot) + 1);
    }
    for (const Variable& variable : variables) {
      const std::string group = place + variable.owner.substr(path.size());
      const auto found = groups_.find(group);
      if (found != groups_.end() && found->second.size() != expected[variable.owner])
        refuse_quantised(layer, group, found->second, expected[variable.owner]);
      const std::string title = fmt::format("variable '{}' of layer '{}' ({})", variable.name,
                                            printable(layer.name), printable(layer.file_class));
      if (found == groups_.end() || !found->second.contains(variable.slot)) {
        if (assign_by_name(variable, group)) continue;
        missing_.push_back(
            fmt::format("{} (expected at {}/vars/{})", title, printable(group), variable.slot));
        continue;
      }
      if (found->second.size() > expected[variable.owner]) {
        fail(ErrorCode::invalid_argument,
             "{}: layer '{}' ({}): expected {} arrays in {}/vars, found {}", file_.path(),
             printable(layer.name), printable(layer.file_class), expected[variable.owner],
             printable(group), found->second.size());
      }
      const std::string dataset = found->second.at(variable.slot);
      StoredArray array;
      array.place = file_.path() + "/" + dataset;
      array.key = dataset;
      array.bytes = bytes_of(file_, dataset, array.elements);
      array.read = [&file = file_, dataset] { return file.read(dataset); };
      store_.assign(variable, std::move(array));
      for (const auto& [number, other] : found->second) used_.insert(other);
    }
  }

  // Integers in another number than the configuration tells: Keras forgets to say that the inner
  // layers of attention were quantised, and Keras 3.15 leaves out the zero points of GPTQ and AWQ.
  void refuse_quantised(const LayerConfig& layer, const std::string& group,
                        const std::map<int, std::string>& datasets, std::size_t expected) const {
    for (const auto& [number, dataset] : datasets) {
      const DType dtype = file_.type(dataset).dtype;
      if (dtype != DType::int8 && dtype != DType::uint8) continue;
      fail(ErrorCode::unimplemented,
           "{}: layer '{}' ({}): {} quantised arrays in {}/vars, expected {}: {}", file_.path(),
           printable(layer.name), printable(layer.file_class), datasets.size(), printable(group),
           expected,
           datasets.size() < expected ? "Keras wrote the layer without its zero points"
                                      : "its configuration does not say how it was quantised");
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
      notes_.push_back(fmt::format("weights in {}/{} are not used by any layer", file_.path(),
                                   printable(group)));
    }
  }

  const StoredArrays& file_;
  const KerasModel& model_;
  std::vector<std::string>& notes_;
  Groups groups_;
  ModelWeights store_;
  std::map<std::string, std::string> first_;  // identity of a layer -> path where it was met first
  std::vector<std::pair<const LayerConfig*, std::string>> met_;  // not yet in first_, in order
  std::set<std::string> used_;
  std::vector<std::string> missing_;
};

}  // namespace

// A layer may be called "layers": the older form is told by its attribute.
bool has_path_layout(const H5File& file) {
  return !file.list_attribute("", "layer_names") && !file.has_group("model_weights");
}

bool has_path_names(const StoredArrays& file) { return !read_groups(file).empty(); }

ModelWeights path_weights(const StoredArrays& file, const KerasModel& model,
                          std::vector<std::string>& notes) {
  return PathReader(file, model, notes).read();
}

}  // namespace thaw::keras
