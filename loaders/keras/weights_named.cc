// Arrays by variable names ("dense/kernel:0"), or without any names, in order ("arr_0").
#include <algorithm>
#include <charconv>
#include <set>

#include "loaders/keras/weights.h"
#include "loaders/keras/weights_names.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

constexpr std::string_view kValueSuffix = "/.ATTRIBUTES/VARIABLE_VALUE";
constexpr std::string_view kNumpyName = "arr_";

struct NamedArray {
  std::string key;
  std::vector<std::string> parts;  // of its name: {"lstm", "lstm_cell", "kernel"}
  bool used = false;
};

void collect(const LayerConfig& layer, const std::string& path, std::vector<std::string> names,
             bool trainable, const Writer& writer, std::vector<NamedVariable>& out) {
  if (!layer.name.empty()) names.push_back(layer.name);
  trainable = trainable && layer.trainable;
  if (layer.model) {
    const std::vector<std::string> paths = layer_paths(*layer.model);
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (paths[i].empty()) continue;
      collect(layer.model->layers[i], join(path, paths[i]), names, trainable, writer, out);
    }
    return;
  }
  std::vector<Variable> variables;
  collect_variables(layer, path, trainable, writer, variables);
  // Keras lists a layer's trainable variables in front of its others.
  std::stable_partition(variables.begin(), variables.end(),
                        [](const Variable& variable) { return variable.trainable; });
  for (Variable& variable : variables) {
    NamedVariable named{std::move(variable), names};
    if (named.variable.layer != &layer && !named.variable.layer->name.empty()) {
      named.layers.push_back(named.variable.layer->name);
    }
    out.push_back(std::move(named));
  }
}

// A layer's name may hold slashes itself.
bool has_part(const std::vector<std::string>& parts, const std::string& name) {
  if (name.find('/') == std::string::npos)
    return std::find(parts.begin(), parts.end(), name) != parts.end();
  const std::string all = fmt::format("/{}/", fmt::join(parts, "/"));
  return all.find("/" + name + "/") != std::string::npos;
}

StoredArray stored(const StoredArrays& file, const Variable& variable, const std::string& key,
                   const Writer& writer) {
  StoredArray array;
  const TensorType type = file.type(key);
  array.place = file.path() + "/" + key;
  array.key = key;
  array.elements = type.shape.num_elements();
  array.bytes = static_cast<std::uint64_t>(array.elements) * size_of(type.dtype);
  array.read = [&file, &writer, variable, key] {
    return modern_layout(variable, file.read(key), writer);
  };
  return array;
}

std::string expected_name(const NamedVariable& named) {
  return fmt::format("{}/{}", fmt::join(named.layers, "/"), named.variable.name);
}

// The best of the arrays: the one that names most of the layers around the variable, then the one
// with the fewest other parts (optimizers keep arrays of like names deeper).
NamedArray* best(const NamedVariable& named, std::vector<NamedArray*>& arrays,
                 const StoredArrays& file) {
  NamedArray* found = nullptr;
  int found_fit = 0;
  bool ambiguous = false;
  for (NamedArray* array : arrays) {
    const int own = name_fit(named, array->parts);
    if (own == 0 || own < found_fit) continue;
    if (own == found_fit && array->parts.size() > found->parts.size()) continue;
    ambiguous = own == found_fit && array->parts.size() == found->parts.size();
    found = array;
    found_fit = own;
  }
  if (ambiguous) {
    fail(ErrorCode::invalid_argument, "{}: several arrays could be {}, one of them '{}'",
         file.path(), printable(expected_name(named)), printable(found->key));
  }
  return found;
}

// N of "arr_N", or -1.
std::int64_t number_of(const std::string& name) {
  std::string_view digits = name;
  if (!digits.starts_with(kNumpyName)) return -1;
  digits.remove_prefix(kNumpyName.size());
  std::int64_t number = 0;
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc{} && rest == digits.data() + digits.size() ? number : -1;
}

}  // namespace

std::vector<NamedVariable> named_variables(const KerasModel& model) {
  std::vector<NamedVariable> variables;
  for (std::size_t i = 0; const std::string& path : layer_paths(*model.root.model)) {
    const LayerConfig& layer = model.root.model->layers[i++];
    if (!path.empty()) collect(layer, path, {}, model.root.trainable, model.writer, variables);
  }
  return variables;
}

std::vector<std::string> name_parts(const std::string& name) {
  std::string_view rest = name;
  if (rest.ends_with(kValueSuffix)) rest.remove_suffix(kValueSuffix.size());
  std::vector<std::string> parts;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    if (end != 0) parts.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (!parts.empty()) parts.back() = parts.back().substr(0, parts.back().find(':'));
  return parts;
}

int name_fit(const NamedVariable& named, const std::vector<std::string>& parts) {
  if (parts.empty() || parts.back() != named.variable.name) return 0;
  const bool forward = named.variable.owner.find("/forward_layer") != std::string::npos;
  const bool backward = named.variable.owner.find("/backward_layer") != std::string::npos;
  const std::string direction = forward ? "forward_" : backward ? "backward_" : "";
  if (!direction.empty() && std::none_of(parts.begin(), parts.end(), [&](const std::string& part) {
        return part.starts_with(direction);
      })) {
    return 0;
  }
  int layers = 0;
  for (const std::string& layer : named.layers) {
    layers += has_part(parts, layer) || (!direction.empty() && has_part(parts, direction + layer));
  }
  return layers;
}

bool is_optimizer_array(const std::string& name) {
  return name.starts_with("optimizer/") || name.starts_with("optimizer_weights/") ||
         name.find("/.OPTIMIZER_SLOT/") != std::string::npos;
}

std::string some_names(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 6;
  std::string text;
  std::size_t shown = 0, count = 0;
  for (const std::string& name : names) {
    if (is_optimizer_array(name)) continue;
    ++count;
    if (shown == kShown) continue;
    text += (shown++ == 0 ? "" : ", ") + printable(name);
  }
  if (count == 0) return "nothing";
  return count > shown ? fmt::format("{}, ... ({} in all)", text, count) : text;
}

void note_unused(const StoredArrays& file, const ModelWeights& store,
                 std::vector<std::string>& notes) {
  std::set<std::string> used;
  for (const auto& [path, array] : store.arrays()) used.insert(array.key);
  std::vector<std::string> unused;
  for (const std::string& name : file.names()) {
    const bool own = name.starts_with("save_counter/") || name == "global_step";
    if (!own && !used.contains(name) && !is_optimizer_array(name)) unused.push_back(name);
  }
  if (!unused.empty()) {
    notes.push_back(fmt::format("{}: not used by any layer: {}", file.path(), some_names(unused)));
  }
}

ModelWeights named_weights(const StoredArrays& file, const KerasModel& model,
                           std::vector<std::string>& notes) {
  std::vector<NamedArray> arrays;
  for (const std::string& name : file.names()) arrays.push_back({name, name_parts(name), false});
  std::map<std::string, std::vector<NamedArray*>> by_variable;
  for (NamedArray& array : arrays) {
    if (!array.parts.empty()) by_variable[array.parts.back()].push_back(&array);
  }
  const std::vector<NamedVariable> variables = named_variables(model);
  ModelWeights store;
  std::vector<std::string> missing;
  for (const NamedVariable& named : variables) {
    NamedArray* array = best(named, by_variable[named.variable.name], file);
    if (array == nullptr) {
      missing.push_back(expected_name(named));
      continue;
    }
    if (array->used) {
      fail(ErrorCode::invalid_argument, "{}: '{}' fits {} and another variable", file.path(),
           printable(array->key), printable(expected_name(named)));
    }
    array->used = true;
    store.assign(named.variable, stored(file, named.variable, array->key, model.writer));
  }
  if (!missing.empty()) {
    fail(ErrorCode::invalid_argument, "{}: {} of {} variables have no array: expected {}; found {}",
         file.path(), missing.size(), variables.size(), some_names(missing),
         some_names(file.names()));
  }
  note_unused(file, store, notes);
  return store;
}

bool has_numpy_names(const StoredArrays& file) {
  return !file.names().empty() &&
         std::all_of(file.names().begin(), file.names().end(),
                     [](const std::string& name) { return number_of(name) >= 0; });
}

ModelWeights ordered_weights(const StoredArrays& file, const KerasModel& model,
                             std::vector<std::string>& notes) {
  std::vector<std::string> names = file.names();
  std::sort(names.begin(), names.end(),
            [](const std::string& a, const std::string& b) { return number_of(a) < number_of(b); });
  const std::vector<NamedVariable> variables = named_variables(model);
  if (names.size() != variables.size()) {
    std::vector<std::string> expected;
    for (const NamedVariable& named : variables) expected.push_back(expected_name(named));
    fail(ErrorCode::invalid_argument, "{}: expected {} arrays in order ({}), found {}", file.path(),
         variables.size(), some_names(expected), names.size());
  }
  ModelWeights store;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Variable& variable = variables[i].variable;
    store.assign(variable, stored(file, variable, names[i], model.writer));
  }
  notes.push_back(fmt::format("{}: arrays without names were assigned in order", file.path()));
  return store;
}

}  // namespace thaw::keras
