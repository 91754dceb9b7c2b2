// TensorFlow checkpoints: a variable's key stands with the object that the model's attributes lead
// to.
#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "loaders/keras/checkpoint.h"
#include "loaders/keras/weights.h"
#include "loaders/keras/weights_names.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using Objects = std::vector<CheckpointObject>;
using Object = const CheckpointObject*;  // null: not there

std::string own_name(const std::string& variable) {
  const std::vector<std::string> parts = name_parts(variable);
  return parts.empty() ? "" : parts.back();
}

class ObjectReader {
 public:
  ObjectReader(const Checkpoint& file, const KerasModel& model, std::vector<std::string>& notes)
      : file_(file), objects_(file.objects()), model_(model), notes_(notes) {
    collect_variables(model.root, "", true, model.writer, variables_);
    named_ = named_variables(model);
    for (const Variable& variable : variables_) {
      const std::string head = variable.owner.substr(0, variable.owner.find_last_of('/'));
      const std::string tail = variable.owner.substr(variable.owner.find_last_of('/') + 1);
      std::vector<std::string>& members = members_[head];
      if (std::find(members.begin(), members.end(), tail) == members.end()) members.push_back(tail);
    }
  }

  /// Nothing if no object of the checkpoint looks like a Keras model.
  std::optional<ModelWeights> read() {
    // What model.export() writes is a list of variables, which know their names.
    const Object root = find_root();
    if (root == nullptr && missing(root)) return std::nullopt;
    if (std::optional<std::string> problem = missing(root)) {
      fail(ErrorCode::invalid_argument, "{}", *problem);
    }
    ModelWeights store;
    for (const Variable& variable : variables_) {
      StoredArray array;
      const std::string key = resolve(root, variable)->key;
      const TensorType type = file_.type(key);
      array.place = file_.path() + "/" + key;
      array.key = key;
      array.elements = type.shape.num_elements();
      array.bytes = static_cast<std::uint64_t>(array.elements) * size_of(type.dtype);
      array.read = [&file = file_, &writer = model_.writer, variable, key] {
        return modern_layout(variable, file.read(key), writer);
      };
      store.assign(variable, std::move(array));
    }
    note_unused(file_, store, notes_);
    return store;
  }

 private:
  Object child(Object object, const std::string& name) const {
    const auto found = object->children.find(name);
    return found == object->children.end() ? nullptr : &objects_[found->second];
  }

  // An attribute of this name, also a private one; for variables, whichever attribute holds the
  // variable of this name.
  Object attribute(Object object, const std::string& name) const {
    if (Object found = child(object, name)) return found;
    if (Object found = child(object, "_" + name)) return found;
    for (const auto& [key, id] : object->children) {
      if (!objects_[id].key.empty() && own_name(objects_[id].variable) == name)
        return &objects_[id];
    }
    return nullptr;
  }

  static bool looks_like_model(Object object) {
    return std::any_of(object->children.begin(), object->children.end(), [](const auto& child_of) {
      return child_of.first == "layer-0" || child_of.first == "layer_with_weights-0" ||
             child_of.first == "_operations" || child_of.first == "_functional";
    });
  }

  // The model may be the checkpoint itself, or one of the objects that were given names in it.
  Object find_root() {
    if (objects_.empty()) return nullptr;
    if (looks_like_model(&objects_[0])) return &objects_[0];
    std::vector<std::pair<std::string, Object>> fitting, others;
    for (const auto& [name, id] : objects_[0].children) {
      const Object object = &objects_[id];
      if (!looks_like_model(object)) continue;
      (missing(object) ? others : fitting).emplace_back(name, object);
    }
    if (fitting.empty()) return others.empty() ? nullptr : others[0].second;
    const auto chosen = std::find_if(fitting.begin(), fitting.end(),
                                     [](const auto& named) { return named.first == "model"; });
    const auto& [name, object] = chosen == fitting.end() ? fitting[0] : *chosen;
    if (fitting.size() > 1) {
      std::string names;
      for (const auto& other : fitting) names += (names.empty() ? "" : ", ") + other.first;
      if (chosen == fitting.end()) {
        fail(ErrorCode::failed_precondition, "{}: several of its models fit: {}", file_.path(),
             printable(names));
      }
      notes_.push_back(fmt::format("{}: of the models {} the one called '{}' was taken",
                                   file_.path(), printable(names), printable(name)));
    }
    return object;
  }

  // What the model lacks in this object.
  std::optional<std::string> missing(Object root) const {
    std::size_t count = 0;
    const Variable* first = nullptr;
    for (const Variable& variable : variables_) {
      const Object object = resolve(root, variable);
      if (object != nullptr && !object->key.empty() && file_.contains(object->key)) continue;
      if (first == nullptr) first = &variable;
      ++count;
    }
    if (first == nullptr) return std::nullopt;
    return fmt::format("{}: no weights for variable '{}' of layer '{}' ({}){}; the file has {}",
                       file_.path(), first->name, printable(first->layer->name),
                       printable(first->layer->file_class),
                       count == 1 ? "" : fmt::format(" and {} more variables", count - 1),
                       some_names(file_.names()));
  }

  // From the model's object along the variable's path: "layers/lstm/cell" + "kernel".
  Object resolve(Object root, const Variable& variable) const {
    const std::vector<std::string> parts = name_parts(variable.path());
    const Object found = root == nullptr ? nullptr : resolve(root, &model_.root, parts, 0, "");
    return found != nullptr && !found->key.empty() ? found : by_name(variable);
  }

  // Keras 3 hides the cells of StackedRNNCells from TensorFlow; an optimizer may still lead to
  // their variables, which know their names. Slots of the optimizer have longer ones.
  Object by_name(const Variable& variable) const {
    const auto named =
        std::find_if(named_.begin(), named_.end(), [&](const NamedVariable& candidate) {
          return candidate.variable.path() == variable.path();
        });
    if (named == named_.end()) return nullptr;
    Object found = nullptr;
    const std::vector<std::string>* name = nullptr;
    int fit = 0;
    bool ambiguous = false;
    for (const auto& [id, parts] : object_names()) {
      const int own = name_fit(*named, parts);
      const bool equal = own == fit && name != nullptr && parts.size() == name->size();
      if (own == 0 || own < fit) continue;
      // model.export() of Keras 3 lists every variable twice.
      if (equal && parts == *name && same_values(*found, objects_[id])) continue;
      if (own == fit && name != nullptr && parts.size() > name->size()) continue;
      ambiguous = equal;
      found = &objects_[id];
      fit = own;
      name = &parts;
    }
    return ambiguous ? nullptr : found;
  }

  bool same_values(const CheckpointObject& a, const CheckpointObject& b) const {
    if (file_.type(a.key) != file_.type(b.key) || file_.type(a.key).dtype == DType::string)
      return false;
    const Tensor x = file_.read(a.key), y = file_.read(b.key);
    return x.size_bytes() == 0 || std::memcmp(x.data(), y.data(), x.size_bytes()) == 0;
  }

  const std::vector<std::pair<std::size_t, std::vector<std::string>>>& object_names() const {
    if (object_names_.empty()) {
      for (std::size_t id = 0; id < objects_.size(); ++id) {
        if (!objects_[id].key.empty())
          object_names_.emplace_back(id, name_parts(objects_[id].variable));
      }
    }
    return object_names_;
  }

  Object resolve(Object object, const LayerConfig* layer, const std::vector<std::string>& parts,
                 std::size_t at, std::string done) const {
    for (; object != nullptr && at < parts.size(); ++at) {
      const std::string& part = parts[at];
      if (part == "layers" && layer != nullptr && layer->model && at + 1 < parts.size()) {
        return in_model(object, *layer->model, parts, at, done);
      }
      Object next = attribute(object, part);
      // Members of a list are numbered in the checkpoint and named by class in the path.
      if (next == nullptr) next = child(object, member_number(done, part));
      object = next;
      done = join(done, part);
      if (layer != nullptr) {
        layer = layer->inner_layer(part == "forward_layer" ? "layer" : part);
      }
    }
    return object;
  }

  std::string member_number(const std::string& owner, const std::string& part) const {
    const auto found = members_.find(owner);
    if (found == members_.end()) return "";
    const auto position = std::find(found->second.begin(), found->second.end(), part);
    return std::to_string(position - found->second.begin());
  }

  // The numbers that the writers give a layer.
  struct LayerNumbers {
    std::size_t index = 0;      // in the configuration
    std::size_t number = 0;     // "layer-N"
    std::size_t weighted = 0;   // "layer_with_weights-N"
    std::size_t operation = 0;  // "_operations/N"
  };
  // By path in the model: "layers/dense".
  const std::map<std::string, LayerNumbers>& numbers_of(const ModelConfig& model) const {
    const auto [position, fresh] = numbers_.try_emplace(&model);
    if (!fresh) return position->second;
    const bool sequential = model.class_name == "Sequential";
    const std::vector<std::string> paths = layer_paths(model);
    std::size_t number = 0, weighted = 0;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (sequential && model.layers[i].class_name == "InputLayer") continue;
      if (!paths[i].empty()) {
        position->second[paths[i]] = {i, number, weighted, number + (sequential ? 1 : 0)};
        std::vector<Variable> variables;
        collect_variables(model.layers[i], "", true, model_.writer, variables);
        if (!variables.empty()) ++weighted;
      }
      ++number;
    }
    return position->second;
  }

  // The layer of a model under each of the names by which the writers have it; the first that leads
  // to the variable. Keras 3 keeps a list of operations; a Sequential model's stands in its
  // functional twin, behind the input.
  Object in_model(Object object, const ModelConfig& model, const std::vector<std::string>& parts,
                  std::size_t at, const std::string& done) const {
    const std::string wanted = "layers/" + parts[at + 1];
    const auto& numbers = numbers_of(model);
    const auto own = numbers.find(wanted);
    if (own == numbers.end()) return nullptr;
    const LayerNumbers& layer = own->second;
    std::vector<Object> candidates{
        child(object, "layer-" + std::to_string(layer.number)),
        child(object, "layer_with_weights-" + std::to_string(layer.weighted))};
    Object holder = child(object, "_functional");
    if (const Object list = child(holder == nullptr ? object : holder, "_operations")) {
      candidates.push_back(child(list, std::to_string(layer.operation)));
    }
    for (const Object candidate : candidates) {
      if (candidate == nullptr) continue;
      const Object found =
          resolve(candidate, &model.layers[layer.index], parts, at + 2, join(done, wanted));
      if (found != nullptr && !found->key.empty()) return found;
    }
    return nullptr;
  }

  const Checkpoint& file_;
  const Objects& objects_;
  const KerasModel& model_;
  std::vector<std::string>& notes_;
  std::vector<Variable> variables_;
  std::vector<NamedVariable> named_;
  std::map<std::string, std::vector<std::string>> members_;  // owner -> its parts, in order
  // Parts of the variables' own names, by object.
  mutable std::vector<std::pair<std::size_t, std::vector<std::string>>> object_names_;
  mutable std::map<const ModelConfig*, std::map<std::string, LayerNumbers>> numbers_;
};

}  // namespace

ModelWeights checkpoint_weights(const Checkpoint& file, const KerasModel& model,
                                std::vector<std::string>& notes) {
  if (auto store = ObjectReader(file, model, notes).read()) return std::move(*store);
  return named_weights(file, model, notes);
}

}  // namespace thaw::keras
