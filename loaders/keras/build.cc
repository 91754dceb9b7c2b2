#include "loaders/keras/build.h"

#include <algorithm>

#include "loaders/keras/import.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

bool has_convolution(const LayerConfig& layer) {
  if (layer.class_name.starts_with("Conv")) return true;
  if (!layer.model) return false;
  return std::any_of(layer.model->layers.begin(), layer.model->layers.end(), has_convolution);
}

}  // namespace

void report(const LoadOptions& options, double fraction, const std::string& what) {
  if (options.progress) options.progress(fraction, what);
}

LoadedModel build_model(const KerasModel& model, const ModelWeights& store, ModelInfo info,
                        const LoadOptions& options, const Evaluator& evaluator, Assets assets) {
  LoadedModel loaded;
  loaded.signatures.push_back({"serving_default", Graph{}});
  Graph& graph = loaded.signatures[0].graph;
  graph.name = model.root.name;
  GraphBuilder builder(graph, evaluator);
  ImportContext context(model, store, options.limits, builder, std::move(assets));
  std::vector<Unsupported> unsupported;
  collect_unknown(model.root, "", unsupported);
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
      return writer_of(version.value_or(""), backend.value_or(""), fallback_major);
  }
  return writer_of("", "", fallback_major);
}

}  // namespace thaw::keras
