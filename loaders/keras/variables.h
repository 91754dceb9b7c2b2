// The variables a model has according to its configuration, before any weight is read.
#pragma once

#include <string>
#include <vector>

#include "loaders/keras/config.h"

namespace thaw::keras {

/// One variable of one layer.
struct Variable {
  std::string
      owner;         // path of the object that holds it, as Keras 3 names paths: "layers/lstm/cell"
  std::string name;  // "recurrent_kernel"
  int slot = 0;      // index among the owner's variables
  bool trainable = true;
  bool merged = false;  // Keras adds it to another variable before it writes `.weights.h5`
  const LayerConfig* layer = nullptr;  // the layer that declared it

  std::string path() const { return owner.empty() ? name : owner + "/" + name; }
};

/// Where a layer's declare function puts its variables, in the order in which Keras creates them.
class VariableList {
 public:
  VariableList(const LayerConfig& layer, std::string path, bool trainable, const Writer& writer,
               std::vector<Variable>& out)
      : layer_(layer), path_(std::move(path)), trainable_(trainable), writer_(writer), out_(out) {}

  const LayerConfig& layer() const { return layer_; }
  const Writer& writer() const { return writer_; }
  /// `name` may have a part in front: "cell/kernel".
  void add(const std::string& name, bool trainable = true);
  /// A variable that only forms without paths have.
  void add_merged(const std::string& name);
  /// The same with its index among the owner's variables, where the owner also holds variables of
  /// an inner layer, which `.weights.h5` then stores twice.
  void add_at(int slot, const std::string& name, bool trainable = true);
  /// The variables of a layer that this one holds under `attribute`.
  void inner(const std::string& attribute, const LayerConfig& layer);
  /// A flag of the layer's configuration.
  bool flag(const char* key, bool otherwise) const;

 private:
  const LayerConfig& layer_;
  std::string path_;
  bool trainable_;
  const Writer& writer_;
  std::vector<Variable>& out_;
};

/// "BatchNormalization" -> "batch_normalization", as Keras 3 names the groups of a weights file.
std::string to_snake_case(const std::string& class_name);
/// Paths of the layers of a model inside the model's own group: "layers/dense", "layers/dense_1",
/// ...; empty for synthetic input layers and operations.
std::vector<std::string> layer_paths(const ModelConfig& model);
/// "" + "layers/dense" -> "layers/dense"; "layers/model" + "layers/dense" ->
/// "layers/model/layers/dense".
std::string join(const std::string& path, const std::string& part);

/// All variables of a layer or nested model that stands at `path`, in creation order. Unknown
/// classes have none.
void collect_variables(const LayerConfig& layer, const std::string& path, bool trainable,
                       const Writer& writer, std::vector<Variable>& out);

}  // namespace thaw::keras
