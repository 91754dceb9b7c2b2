#include "loaders/keras/variables.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "loaders/keras/table.h"

namespace thaw::keras {

std::string join(const std::string& path, const std::string& part) {
  return path.empty() ? part : path + "/" + part;
}

std::string to_snake_case(const std::string& class_name) {
  std::string name;
  for (char c : class_name) {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') name += c;
  }
  // Keras: insert '_' in (any)(Upper lower+), then in (lower or digit)(Upper).
  std::string first;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool starts_word = i > 0 && std::isupper(static_cast<unsigned char>(name[i])) &&
                             i + 1 < name.size() &&
                             std::islower(static_cast<unsigned char>(name[i + 1]));
    if (starts_word) first += '_';
    first += name[i];
  }
  std::string result;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const bool boundary = i > 0 && std::isupper(static_cast<unsigned char>(first[i])) &&
                          std::islower(static_cast<unsigned char>(first[i - 1]));
    if (boundary) result += '_';
    result += static_cast<char>(std::tolower(static_cast<unsigned char>(first[i])));
  }
  return result;
}

std::vector<std::string> layer_paths(const ModelConfig& model) {
  std::map<std::string, int> counts;
  std::vector<std::string> paths;
  for (const LayerConfig& layer : model.layers) {
    if (layer.synthetic || layer.operation || layer.whole_model) {
      paths.emplace_back();
      continue;
    }
    std::string name = layer.model ? layer.class_name : layer.file_class;
    if (const auto package = name.rfind('>'); package != std::string::npos)
      name.erase(0, package + 1);
    name = to_snake_case(name);
    const int count = counts[name]++;
    paths.push_back("layers/" + name + (count == 0 ? "" : "_" + std::to_string(count)));
  }
  return paths;
}

void VariableList::add(const std::string& name, bool trainable) {
  Variable variable;
  const auto slash = name.rfind('/');
  variable.owner = slash == std::string::npos ? path_ : join(path_, name.substr(0, slash));
  variable.name = slash == std::string::npos ? name : name.substr(slash + 1);
  variable.trainable = trainable && trainable_;
  variable.layer = &layer_;
  variable.slot =
      static_cast<int>(std::count_if(out_.begin(), out_.end(), [&](const Variable& other) {
        return other.owner == variable.owner;
      }));
  out_.push_back(std::move(variable));
}

void VariableList::add_merged(const std::string& name) {
  add(name);
  out_.back().merged = true;
}

void VariableList::add_at(int slot, const std::string& name, bool trainable) {
  add(name, trainable);
  out_.back().slot = slot;
}

void VariableList::inner(const std::string& attribute, const LayerConfig& layer) {
  collect_variables(layer, join(path_, attribute), trainable_, writer_, out_);
}

bool VariableList::flag(const char* key, bool otherwise) const {
  const Json* value = layer_.config.find(key);
  return value != nullptr && value->is_bool() ? value->boolean() : otherwise;
}

void collect_variables(const LayerConfig& layer, const std::string& path, bool trainable,
                       const Writer& writer, std::vector<Variable>& out) {
  trainable = trainable && layer.trainable;
  if (layer.model) {
    const std::vector<std::string> paths = layer_paths(*layer.model);
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (paths[i].empty() && !layer.model->layers[i].whole_model) continue;
      collect_variables(layer.model->layers[i], join(path, paths[i]), trainable, writer, out);
    }
    return;
  }
  const TableRow* row = find_row(layer);
  if (row == nullptr || row->declare == nullptr) return;
  // Slots count within this layer only, so that the list stays linear in the number of variables.
  std::vector<Variable> own;
  VariableList list(layer, path, trainable, writer, own);
  row->declare(list);
  out.insert(out.end(), std::make_move_iterator(own.begin()), std::make_move_iterator(own.end()));
}

}  // namespace thaw::keras
