#include "loaders/keras/keras.h"

#include <algorithm>
#include <functional>

#include "loaders/keras/build.h"
#include "loaders/keras/saved_model.h"
#include "loaders/keras/weights_file.h"
#include "loaders/source/byte_reader.h"
#include "loaders/source/h5.h"
#include "loaders/source/yaml.h"
#include "runtime/base/check.h"

namespace thaw {
namespace {

using keras::KerasModel;
using keras::ModelWeights;
using keras::Writer;

// What an archive holds besides configuration and weights.
void describe_members(const FileTree& tree, ModelInfo& info) {
  std::vector<std::string> others;
  for (const std::string& name : tree.names()) {
    info.file_bytes += tree.size_of(name);
    if (name.starts_with("assets/") || name.starts_with("assets\\")) {
      info.assets.push_back(name);
    } else if (name != "config.json" && name != "metadata.json" && !name.ends_with(".weights.h5") &&
               !name.starts_with("model.weights.")) {
      others.push_back(name);
    }
  }
  if (!others.empty()) info.notes.push_back("not read: " + keras::some_names(others));
}

// The architecture says who wrote it; Keras 3 does not, but every object of it names its module.
Writer json_writer(const Json& config, const keras::OpenWeights& weights) {
  Writer writer =
      keras::writer_of(keras::text_of(config, "keras_version"), keras::text_of(config, "backend"),
                       config.find("module") != nullptr ? 3 : 2);
  if (weights.legacy) {
    const Writer of_weights = keras::h5_writer(*weights.legacy, writer.major);
    if (writer.version.empty()) writer = of_weights;
    if (writer.backend.empty()) writer.backend = of_weights.backend;
  } else if (writer.major == 2 && weights.h5 != nullptr) {
    writer.tf_keras = true;  // only TensorFlow's Keras wrote `.weights.h5` under a version of 2
  }
  return writer;
}

// JSON or YAML; or either of them as one JSON string, which json.dump(model.to_json()) leaves.
struct Architecture {
  Json config;
  bool is_yaml;
};
Architecture read_architecture(std::string_view text, const std::string& name,
                               const Limits& limits) {
  const auto is_yaml = [](std::string_view t) { return sniff(as_bytes(t)) == FileKind::yaml; };
  if (is_yaml(text)) return {parse_yaml(text, name, limits), true};
  Json json = parse_json(text, name, limits);
  if (!json.is_string()) return {std::move(json), false};
  const std::string& inner = json.string();
  if (is_yaml(inner)) return {parse_yaml(inner, name, limits), true};
  return {parse_json(inner, name, limits), false};
}

// As Keras' load_weights() on a loaded model.
keras::OpenWeights other_weights(const LoadOptions& options, ModelInfo& info) {
  info.notes.push_back("weights of " + options.weights + " instead of the file's own");
  return keras::open_weights_file(options.weights, options.limits);
}

// JSON files that stand beside models and are none.
void refuse_other_json(const Json& json, const std::string& name) {
  if (json.find("weight_map") != nullptr && json.find("class_name") == nullptr) {
    fail(ErrorCode::failed_precondition,
         "{}: a map of sharded weights: weights without an architecture; give the architecture and "
         "this as its weights, or read the arrays with thaw::WeightStore (thaw show lists them)",
         name);
  }
  if (keras::text_of(json, "class_name") == "Tokenizer") {
    fail(ErrorCode::invalid_argument,
         "{}: a text tokenizer (tokenizer.to_json()), which turns texts into the inputs of a model "
         "and is no model itself",
         name);
  }
}

}  // namespace

LoadedModel load_keras_v3(const FileTree& tree, const LoadOptions& options,
                          const Evaluator& evaluator) {
  ModelInfo info;
  info.path = tree.path();
  info.format = "Keras v3 (.keras)";
  keras::report(options, 0, "configuration");
  const Bytes config_bytes = tree.read("config.json");
  const Json config = parse_json(config_bytes.text(), config_bytes.name, options.limits);
  std::string version;
  if (tree.contains("metadata.json")) {
    const Bytes bytes = tree.read("metadata.json");
    const Json metadata = parse_json(bytes.text(), bytes.name, options.limits);
    version = keras::text_of(metadata, "keras_version");
    info.saved = keras::text_of(metadata, "date_saved");
  }
  describe_members(tree, info);
  // Only TensorFlow's Keras wrote this format under a version of 2.
  Writer writer = keras::writer_of(version, "", 3);
  writer.tf_keras = writer.major == 2;
  KerasModel model =
      keras::read_config(config, writer, config_bytes.name, options.limits, options.custom.get());
  keras::open_saved_models(model.root, tree.path(), options, evaluator);
  info.training_config = keras::training_config(config);
  keras::report(options, 0.2, "weights");
  const keras::OpenWeights weights = options.weights.empty()
                                         ? keras::open_weights_tree(tree, options.limits)
                                         : other_weights(options, info);
  const ModelWeights store = keras::assign_weights(weights, model, options.by_name, info.notes);
  keras::count_optimizer(weights, store, info);
  return keras::build_model(model, store, std::move(info), options, evaluator, keras::Assets(tree));
}

LoadedModel load_keras_h5(Bytes bytes, const LoadOptions& options, const Evaluator& evaluator) {
  ModelInfo info;
  info.path = bytes.name;
  info.format = "Keras HDF5";
  info.file_bytes = bytes.size();
  keras::report(options, 0, "configuration");
  keras::OpenWeights weights = keras::open_weights_h5(std::move(bytes), options.limits);
  const H5File* file = weights.h5;
  const auto text = file->text_attribute("", "model_config");
  if (!text) {
    fail(ErrorCode::failed_precondition,
         "{}: the file holds no model_config: weights without an architecture; give the "
         "architecture (JSON of model.to_json()) and this as its weights, or read the arrays with "
         "thaw::WeightStore (thaw show lists them)",
         info.path);
  }
  const Json config = parse_json(*text, info.path + "!model_config", options.limits);
  KerasModel model =
      keras::read_config(config, keras::h5_writer(*file, 1), info.path + "!model_config",
                         options.limits, options.custom.get());
  keras::open_saved_models(model.root, info.path, options, evaluator);
  info.training_config = file->text_attribute("", "training_config").value_or("");
  keras::report(options, 0.2, "weights");
  if (!options.weights.empty()) weights = other_weights(options, info);
  const ModelWeights store = keras::assign_weights(weights, model, options.by_name, info.notes);
  keras::count_optimizer(weights, store, info);
  return keras::build_model(model, store, std::move(info), options, evaluator);
}

namespace {

// The weights of an architecture; `path` says in messages where they stand.
using OpenBeside = std::function<keras::OpenWeights(std::string& path)>;

LoadedModel load_architecture(const Bytes& json, bool weights_named, const OpenBeside& open,
                              const LoadOptions& options, const Evaluator& evaluator) {
  ModelInfo info;
  info.path = json.name;
  keras::report(options, 0, "configuration");
  const Architecture architecture = read_architecture(json.text(), json.name, options.limits);
  const Json& config = architecture.config;
  info.format = architecture.is_yaml ? "Keras YAML and weights" : "Keras JSON and weights";
  refuse_other_json(config, json.name);
  std::string path;
  const keras::OpenWeights weights = open(path);
  if (!weights_named) info.notes.push_back("the weights were taken from " + path);
  info.file_bytes = json.size() + weights.file_bytes;
  info.training_config = keras::training_config(config);
  KerasModel model = keras::read_config(config, json_writer(config, weights), json.name,
                                        options.limits, options.custom.get());
  keras::open_saved_models(model.root, info.path, options, evaluator);
  keras::report(options, 0.2, "weights");
  const ModelWeights store = keras::assign_weights(weights, model, options.by_name, info.notes);
  keras::count_optimizer(weights, store, info);
  return keras::build_model(model, store, std::move(info), options, evaluator);
}

[[noreturn]] void no_weights(const std::string& name) {
  fail(ErrorCode::failed_precondition,
       "{} is an architecture without weights, and none stand beside it: name the weights file",
       name);
}

}  // namespace

LoadedModel load_keras_json(Bytes json, const std::string& weights_path, const LoadOptions& options,
                            const Evaluator& evaluator) {
  const auto open = [&](std::string& path) {
    path = weights_path.empty() ? keras::weights_beside(json.name) : weights_path;
    if (path.empty()) no_weights(json.name);
    return keras::open_weights_file(path, options.limits);
  };
  return load_architecture(json, !weights_path.empty(), open, options, evaluator);
}

LoadedModel load_keras_json(const FileTree& tree, const std::string& member,
                            const LoadOptions& options, const Evaluator& evaluator) {
  const Bytes json = tree.read(member);
  const auto open = [&](std::string& path) {
    path = options.weights;
    if (!path.empty()) return keras::open_weights_file(path, options.limits);
    path = keras::weights_beside(tree, member);
    if (path.empty()) no_weights(json.name);
    return keras::open_weights_member(tree, path, options.limits);
  };
  return load_architecture(json, !options.weights.empty(), open, options, evaluator);
}

}  // namespace thaw
