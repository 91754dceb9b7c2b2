// The architecture of a Keras model, read from the configuration JSON of any generation of Keras.
//
// Which dialect an object is written in is decided object by object: Keras 2.12 to 2.15 and files
// converted by hand mix them. Everything behind this header sees one form.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "loaders/source/json.h"
#include "thaw/options.h"
#include "thaw/types.h"

namespace thaw {
struct CustomLayer;
struct CustomObjects;
class SavedModelEndpoint;
}  // namespace thaw

namespace thaw::keras {

/// Who wrote the file: decides semantics that the configuration does not state.
struct Writer {
  int major = 2;  // 1, 2, 3
  int minor = 0;
  bool tf_keras =
      false;  // the Keras inside TensorFlow ("2.2.4-tf", 2.4 and later), not the stand-alone one
  std::string version;  // as stored; empty if the file does not say
  std::string backend;  // "tensorflow", "theano", ...; empty if the file does not say

  bool at_least(int want_major, int want_minor) const {
    return major > want_major || (major == want_major && minor >= want_minor);
  }
  /// "Keras 2.3.1, tensorflow".
  std::string text() const;
};
/// Parses a version like "2.2.4-tf"; an empty one means `fallback_major`.
Writer writer_of(const std::string& version, const std::string& backend, int fallback_major);

/// Tensor `tensor` of call `call` of layer `layer` (an index into ModelConfig::layers).
struct TensorRef {
  std::size_t layer = 0, call = 0, tensor = 0;
};

/// One argument of a call: a tensor, a plain value, or a list or dictionary of arguments.
struct Argument {
  enum class Kind { value, tensor, list, dict };
  Kind kind = Kind::value;
  Json value;
  TensorRef tensor;
  std::vector<Argument> items;
  std::vector<std::string> keys;  // of a dict, parallel to items
};
/// Appends the tensors in `argument`, in order (dictionaries by key).
void flatten(const Argument& argument, std::vector<TensorRef>& tensors);

/// One call of a layer.
struct Call {
  std::vector<Argument> args;
  std::vector<std::pair<std::string, Argument>> kwargs;

  const Argument* find(std::string_view name) const;
};

struct ModelConfig;

/// A layer, an operation or a nested model.
struct LayerConfig {
  std::string class_name;  // today's name: Keras 1 classes and aliases are translated
  std::string file_class;  // as it stands in the file
  std::string module;      // "keras.layers", "keras.src.ops.numpy", ... ; empty in old dialects
  std::string name;
  Json config;  // arguments under today's names
  Json build_config;
  bool trainable = true;
  bool synthetic = false;  // an input layer that the file leaves implicit
  bool operation =
      false;  // a function node of Keras 3: no layer, no variables, no place in `model.layers`
  std::vector<Call> calls;
  const CustomLayer* custom = nullptr;  // the user's own, which goes before the table
  bool whole_model = false;             // its variables stand where the model's own do
  std::shared_ptr<const SavedModelEndpoint> saved_model;  // of TFSMLayer, once it is opened
  std::unique_ptr<ModelConfig> model;                     // of Sequential, Functional, Model
  std::vector<std::pair<std::string, LayerConfig>>
      inner;  // "layer", "backward_layer", "cell", "cells"

  const LayerConfig* inner_layer(std::string_view key) const;
};

/// A Sequential or functional model with every call's arguments resolved.
struct ModelConfig {
  std::string name, class_name;
  std::vector<LayerConfig> layers;
  std::vector<TensorRef> inputs, outputs;  // flattened in the model's own order
};

struct KerasModel {
  LayerConfig root;  // its `model` is set
  Writer writer;
};

/// Reads the configuration of a model: {"class_name", "config", ...}. `name` is used in messages.
/// Throws Error(invalid_argument) for a configuration that contradicts itself (unknown layers in
/// references, cycles are left to the importer), resource_exhausted beyond the limits,
/// unimplemented for what is no graph of layers. `custom` (may be null) outlives the model.
KerasModel read_config(const Json& json, const Writer& writer, const std::string& name,
                       const Limits& limits, const CustomObjects* custom = nullptr);

/// A shape as stored: null is unknown. Accepts tuples in any dialect.
Shape shape_from_json(const Json& json);
/// The elements of a list or of a tuple object of any dialect; null if it is none.
const Json::Array* list_of(const Json& json);

// ---- parts, one per dialect file ----

struct ParseContext {
  const Writer& writer;
  const Limits& limits;
  std::string file;
  int depth = 0;
  std::uint64_t* layers_left;
  const CustomObjects* custom = nullptr;
};
LayerConfig parse_layer(const Json& json, ParseContext context);
std::unique_ptr<ModelConfig> parse_sequential(const Json& config, const Json& model_json,
                                              const ParseContext& context);
std::unique_ptr<ModelConfig> parse_functional(const Json& config, const ParseContext& context);
/// Renames the class and the arguments of Keras 1 and of aliases to today's.
void modernise(LayerConfig& layer, const Writer& writer);

}  // namespace thaw::keras
