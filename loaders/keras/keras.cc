#include "loaders/keras/keras.h"

#include <algorithm>

#include "loaders/keras/import.h"
#include "loaders/source/h5.h"
#include "runtime/base/check.h"

namespace thaw {
namespace {

using keras::KerasModel;
using keras::WeightStore;
using keras::Writer;

void report(const LoadOptions& options, double fraction, const std::string& what) {
  if (options.progress) options.progress(fraction, what);
}

bool has_convolution(const keras::LayerConfig& layer) {
  if (layer.class_name.starts_with("Conv")) return true;
  if (!layer.model) return false;
  return std::any_of(layer.model->layers.begin(), layer.model->layers.end(), has_convolution);
}

// Configuration and weights -> graph. `info` has what the container said about itself.
LoadedModel build(const KerasModel& model, const WeightStore& store, ModelInfo info,
                  const LoadOptions& options, const Evaluator& evaluator,
                  keras::Assets assets = {}) {
  LoadedModel loaded;
  loaded.signatures.push_back({"serving_default", Graph{}});
  Graph& graph = loaded.signatures[0].graph;
  graph.name = model.root.name;
  GraphBuilder builder(graph, evaluator);
  keras::ImportContext context(model, store, options.limits, builder, std::move(assets));
  std::vector<Unsupported> unsupported;
  keras::collect_unknown(model.root, "", unsupported);
  const bool unknown = !unsupported.empty();
  try {
    context.import_root();
  } catch (const Error&) {
    // Behind an unknown layer other complaints may be consequences; the unknown layers are the
    // answer.
    if (!unknown) throw;
  }
  unsupported.insert(unsupported.end(), context.unsupported().begin(), context.unsupported().end());
  if (!unsupported.empty()) throw UnsupportedError(info.path, std::move(unsupported));
  verify(graph, "import of " + info.path);

  info.writer = model.writer.text();
  info.name = model.root.name;
  info.class_name = model.root.file_class;
  info.layers = context.layer_infos();
  for (const auto& [path, array] : store.arrays()) {
    info.parameters += array.elements;
    info.weight_bytes += array.bytes;
  }
  if (model.writer.major == 1 && model.writer.backend.empty() && has_convolution(model.root)) {
    info.notes.push_back(
        "Keras 1 does not say whether Theano or TensorFlow wrote the convolution kernels; they are "
        "taken as "
        "TensorFlow's (Theano's run the other way round)");
  }
  loaded.info = std::move(info);
  return loaded;
}

std::string text_of(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  return value != nullptr && value->is_string() ? value->string() : "";
}

std::string training_config(const Json& config) {
  const Json* compile = config.find("compile_config");
  return compile != nullptr && compile->is_object() && compile->size() != 0 ? compile->dump() : "";
}

Writer h5_writer(const H5File& file, int fallback_major) {
  for (const char* place : {"", "model_weights"}) {
    if (place[0] != '\0' && !file.has_group(place)) continue;
    const auto version = file.text_attribute(place, "keras_version");
    const auto backend = file.text_attribute(place, "backend");
    if (version || backend)
      return keras::writer_of(version.value_or(""), backend.value_or(""), fallback_major);
  }
  return keras::writer_of("", "", fallback_major);
}

}  // namespace

LoadedModel load_keras_v3(const FileTree& tree, const LoadOptions& options,
                          const Evaluator& evaluator) {
  ModelInfo info;
  info.path = tree.path();
  info.format = "Keras v3 (.keras)";
  for (const std::string& name : tree.names()) info.file_bytes += tree.size_of(name);
  report(options, 0, "configuration");
  const Bytes config_bytes = tree.read("config.json");
  const Json config = parse_json(config_bytes.text(), config_bytes.name, options.limits);
  std::string version;
  if (tree.contains("metadata.json")) {
    const Bytes bytes = tree.read("metadata.json");
    version = text_of(parse_json(bytes.text(), bytes.name, options.limits), "keras_version");
  }
  // Only TensorFlow's Keras wrote this format under a version of 2.
  Writer writer = keras::writer_of(version, "", 3);
  writer.tf_keras = writer.major == 2;
  const KerasModel model =
      keras::read_config(config, writer, config_bytes.name, options.limits, options.custom.get());
  info.training_config = training_config(config);
  if (!tree.contains("model.weights.h5")) {
    if (tree.contains("model.weights.npz")) {
      fail(ErrorCode::unimplemented, "{}: weights in model.weights.npz are pickled and not read",
           tree.path());
    }
    if (tree.contains("model.weights.json")) {
      fail(ErrorCode::unimplemented, "{}: weights sharded by model.weights.json are not supported",
           tree.path());
    }
    fail(ErrorCode::not_found, "{}: model.weights.h5 is missing", tree.path());
  }
  report(options, 0.2, "weights");
  const std::unique_ptr<H5File> file = H5File::open(tree.read("model.weights.h5"), options.limits);
  const WeightStore store = keras::path_weights(*file, model, info.notes);
  return build(model, store, std::move(info), options, evaluator, keras::Assets(tree));
}

LoadedModel load_keras_h5(Bytes bytes, const LoadOptions& options, const Evaluator& evaluator) {
  ModelInfo info;
  info.path = bytes.name;
  info.format = "Keras HDF5";
  info.file_bytes = bytes.size();
  report(options, 0, "configuration");
  const std::unique_ptr<H5File> file = H5File::open(std::move(bytes), options.limits);
  const auto text = file->text_attribute("", "model_config");
  if (!text) {
    fail(ErrorCode::failed_precondition,
         "{}: the file holds no model_config: weights only; load the architecture (model.json) "
         "with these weights",
         info.path);
  }
  const Json config = parse_json(*text, info.path + "!model_config", options.limits);
  const KerasModel model =
      keras::read_config(config, h5_writer(*file, 1), info.path + "!model_config", options.limits,
                         options.custom.get());
  info.training_config = file->text_attribute("", "training_config").value_or("");
  report(options, 0.2, "weights");
  const WeightStore store = keras::legacy_weights(*file, "model_weights", model, info.notes);
  return build(model, store, std::move(info), options, evaluator);
}

LoadedModel load_keras_json(Bytes json, const std::string& weights_path, const LoadOptions& options,
                            const Evaluator& evaluator) {
  ModelInfo info;
  info.path = json.name;
  info.format = "Keras JSON and weights";
  if (weights_path.empty()) {
    fail(ErrorCode::failed_precondition,
         "{} is an architecture without weights: name the weights file", json.name);
  }
  report(options, 0, "configuration");
  const Json config = parse_json(json.text(), json.name, options.limits);
  Bytes weights = read_file(weights_path, options.limits);
  info.file_bytes = json.size() + weights.size();
  info.training_config = training_config(config);
  const std::unique_ptr<H5File> file = H5File::open(std::move(weights), options.limits);
  const bool by_path = keras::has_path_layout(*file);

  // The architecture says who wrote it; Keras 3 does not, but every object of it names its module.
  Writer writer = keras::writer_of(text_of(config, "keras_version"), text_of(config, "backend"),
                                   config.find("module") != nullptr ? 3 : 2);
  if (writer.version.empty() && !by_path) writer = h5_writer(*file, writer.major);
  if (writer.backend.empty() && !by_path) writer.backend = h5_writer(*file, writer.major).backend;
  if (writer.major == 2 && by_path) writer.tf_keras = true;
  const KerasModel model =
      keras::read_config(config, writer, json.name, options.limits, options.custom.get());
  report(options, 0.2, "weights");
  const std::string group =
      file->has_group("model_weights") && !file->list_attribute("", "layer_names")
          ? std::string("model_weights")
          : std::string();
  const WeightStore store = by_path ? keras::path_weights(*file, model, info.notes)
                                    : keras::legacy_weights(*file, group, model, info.notes);
  return build(model, store, std::move(info), options, evaluator);
}

}  // namespace thaw
