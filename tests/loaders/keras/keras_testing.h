// Models written as JSON text with weights in memory, for the unit tests of the Keras door.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loaders/keras/config.h"
#include "loaders/source/h5.h"
#include "runtime/ir/graph.h"

namespace thaw::testing {

/// An HDF5 file in memory.
class MemoryH5 final : public H5File {
 public:
  std::map<std::string, Tensor> arrays;
  std::map<std::string, std::map<std::string, std::vector<std::string>>>
      lists;  // group -> attribute -> strings
  std::vector<std::string> groups;

  /// Adds a group of the older layout: an entry of layer_names, and arrays filled with 0.5, 1, 1.5,
  /// ...
  void add_layer(const std::string& layer,
                 const std::vector<std::pair<std::string, Shape>>& weights);
  void add_array(const std::string& path, const Shape& shape);

  const std::string& name() const override { return name_; }
  bool has_group(const std::string& path) const override;
  bool has_dataset(const std::string& path) const override { return arrays.contains(path); }
  std::vector<std::string> children(const std::string& path) const override;
  std::vector<std::string> datasets(const std::string& path) const override;
  std::optional<std::string> text_attribute(const std::string&, const std::string&) const override {
    return {};
  }
  std::optional<std::vector<std::string>> list_attribute(
      const std::string& path, const std::string& attribute) const override;
  TensorType dataset_type(const std::string& path) const override { return arrays.at(path).type(); }
  Tensor dataset(const std::string& path) const override { return arrays.at(path); }

 private:
  std::string name_ = "memory.h5";
};

/// The configuration in `json`, where ' stands for ".
keras::KerasModel config_of(std::string json, const std::string& version);
/// The graph of a model; weights by layer groups, or by paths if `by_path`.
/// Throws UnsupportedError like the entries of the door.
Graph import_of(const keras::KerasModel& model, const MemoryH5& file, bool by_path = false,
                std::vector<std::string>* notes = nullptr);
/// An input of a model: its shape as JSON.
struct Source {
  std::string shape;
  std::string dtype = "float32";
};
/// The InputLayer of `source`, as text.
std::string input_layer(const std::string& name, const Source& source);
/// What importing the model throws, from a file without weights; empty if nothing.
std::string import_message(const std::string& json, const std::string& version = "2.15.0");
/// A functional model around these layers (text) with `inputs` and `outputs` as JSON.
std::string functional(const std::string& layers, const std::string& inputs,
                       const std::string& outputs);

}  // namespace thaw::testing
