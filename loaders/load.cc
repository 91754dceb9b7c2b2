#include "loaders/load.h"

#include <algorithm>
#include <array>

#include "loaders/keras/keras.h"
#include "loaders/locate.h"
#include "loaders/meta_graph.h"
#include "loaders/refuse.h"
#include "loaders/source/archive.h"
#include "loaders/source/file_tree.h"
#include "loaders/source/json.h"
#include "loaders/tf/tf.h"
#include "runtime/base/check.h"

namespace thaw {
namespace {

std::uint64_t total_bytes(const FileTree& tree) {
  std::uint64_t bytes = 0;
  for (const std::string& name : tree.names()) bytes += tree.size_of(name);
  return bytes;
}

// ---- folders and archives
// -----------------------------------------------------------------------------

using LoadTree = LoadedModel (*)(const FileTree&, const LoadOptions&, const Evaluator&);

// What a member tells about the rest.
struct TreeForm {
  const char* member;
  LoadTree load;        // null: known, but not opened
  const char* problem;  // then: what it is and the way out
};

// An architecture and its weights side by side; TensorFlow.js uses the same name.
LoadedModel load_model_json(const FileTree& tree, const LoadOptions& options,
                            const Evaluator& evaluator) {
  const Bytes file = tree.read("model.json");
  const Json json = parse_json(file.text(), file.name, options.limits);
  if (json.find("modelTopology") != nullptr || json.find("weightsManifest") != nullptr) {
    fail(ErrorCode::unimplemented,
         "{}: a model of TensorFlow.js, which is not read: convert it to a SavedModel or to Keras",
         printable(file.name));
  }
  return load_keras_json(tree, "model.json", options, evaluator);
}

constexpr std::array kTreeForms = {
    TreeForm{"config.json", load_keras_v3, nullptr},
    TreeForm{"model.json", load_model_json, nullptr},
    TreeForm{"tfhub_module.pb", nullptr,
             "a TensorFlow Hub module of version 1 without saved_model.pb"},
};

LoadedModel load_tree(const FileTree& tree, const LoadOptions& options,
                      const Evaluator& evaluator) {
  const auto folder = find_model_folder(tree, options.version);
  if (folder) {
    const auto model = open_folder(tree, *folder);
    // A Keras archive may carry a SavedModel among its assets: its own members decide first.
    const bool keras = model->contains("config.json") && model->contains("metadata.json");
    if (!keras) refuse_other_weights(options.weights, tree.path());
    return keras ? load_keras_v3(*model, options, evaluator)
                 : load_saved_model(*model, options, evaluator);
  }
  for (const TreeForm& form : kTreeForms) {
    if (!tree.contains(form.member)) continue;
    if (form.load == nullptr) {
      fail(ErrorCode::unimplemented, "{}: {}", printable(tree.path()), form.problem);
    }
    return form.load(tree, options, evaluator);
  }
  if (const auto place = find_meta_graph(tree)) {
    return load_meta_graph(tree.read(place->meta), &tree, place->prefix, options, evaluator);
  }
  refuse_weights_tree(tree);
  fail(ErrorCode::invalid_argument,
       "{}: no saved model in here: expected saved_model.pb (SavedModel) or config.json (Keras)",
       printable(tree.path()));
}

// ---- single files
// -------------------------------------------------------------------------------------

// A binary GraphDef has no magic, but begins with one of its fields: node, library, version,
// versions.
bool may_be_graph(const Bytes& file) {
  const auto first = static_cast<unsigned>(file.data[0]);
  return first == 0x0a || first == 0x12 || first == 0x18 || first == 0x22;
}

LoadedModel load_single_file(const Bytes& file, FileKind kind, const LoadOptions& options,
                             const Evaluator& evaluator) {
  const std::string& path = file.name;
  if (!options.version.empty()) {
    fail(ErrorCode::failed_precondition,
         "{}: version '{}' was asked for, but a single file has no versions", printable(path),
         printable(options.version));
  }
  switch (kind) {
    case FileKind::hdf5: return load_keras_h5(file, options, evaluator);
    case FileKind::json:
    case FileKind::yaml: return load_keras_json(file, options.weights, options, evaluator);
    case FileKind::empty: fail(ErrorCode::data_loss, "{}: the file is empty", printable(path));
    case FileKind::sstable:
      fail(ErrorCode::failed_precondition,
           "{}: the index of a checkpoint: weights without an architecture; give the architecture "
           "and this as its weights, or read the arrays with thaw::WeightStore (thaw show lists "
           "them)",
           printable(path));
    case FileKind::html:
      fail(ErrorCode::invalid_argument, "{}: an HTML page, not a model (a failed download?)",
           printable(path));
    case FileKind::other:
      if (!may_be_graph(file)) break;
      [[fallthrough]];
    case FileKind::protobuf_text:
      if (is_meta_graph(file, options.limits)) {
        return load_meta_graph(file, nullptr, "", options, evaluator);
      }
      refuse_other_weights(options.weights, path);
      return load_frozen_graph(file, options, evaluator);
    case FileKind::zip:
    case FileKind::tar:
    case FileKind::gzip:
    case FileKind::git_lfs_pointer:
    case FileKind::directory: break;
  }
  fail(ErrorCode::invalid_argument, "{}: {}, not a model", printable(path), name_of(kind));
}

// ---- archives: a model's folder, or one file that may be an archive again
// -----------------------------------------------------------------------------

constexpr int kMaxNestedArchives = 4;  // a zip with a tar.gz with a .keras

// What all levels together may become.
Limits archive_limits(const Bytes& file, Limits limits) {
  const std::uint64_t ratio = std::max<std::uint64_t>(limits.max_inflate_ratio, 1);
  if (file.size() < limits.max_file_bytes / ratio) limits.max_file_bytes = file.size() * ratio;
  return limits;
}

LoadedModel load_file(const Bytes& file, const LoadOptions& options, const Evaluator& evaluator,
                      const Limits& limits, int nested = 0) {
  const FileKind kind = sniff(file.data, file.data);
  if (kind != FileKind::zip && kind != FileKind::tar && kind != FileKind::gzip) {
    refuse_other_file(file);
    return load_single_file(file, kind, options, evaluator);
  }
  if (nested == kMaxNestedArchives) {
    fail(ErrorCode::resource_exhausted, "{}: archives within more than {} archives",
         printable(file.name), kMaxNestedArchives);
  }
  if (kind == FileKind::gzip)
    return load_file(gunzip(file, limits), options, evaluator, limits, nested + 1);
  const auto tree =
      kind == FileKind::zip ? open_zip(file, file.name, limits) : open_tar(file, file.name, limits);
  const auto only = find_only_file(*tree);
  if (only && !find_model_folder(*tree, ""))
    return load_file(tree->read(*only), options, evaluator, limits, nested + 1);
  return load_tree(*tree, options, evaluator);
}

// The checkpoint is `options.weights`, else the one beside the graph.
LoadedModel load_meta_graph(const MetaGraphPlace& place, const LoadOptions& options,
                            const Evaluator& evaluator) {
  const Bytes file = read_file(place.folder + "/" + place.meta, options.limits);
  const MetaGraphPlace weights =
      options.weights.empty() ? place : split_checkpoint(options.weights);
  const auto tree = open_directory(weights.folder, options.limits);
  return load_meta_graph(file, tree.get(), weights.prefix, options, evaluator);
}

SignatureInfo describe(const LoadedSignature& signature) {
  SignatureInfo info;
  info.name = signature.name;
  info.defaults = signature.defaults;
  const Graph& graph = signature.graph;
  const auto spec = [&](const std::string& name, ValueId value) {
    return TensorSpec{name, graph.values[static_cast<std::size_t>(value)].type};
  };
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    info.inputs.push_back(spec(graph.input_names[i], graph.inputs[i]));
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    info.outputs.push_back(spec(graph.output_names[i], graph.outputs[i]));
  }
  return info;
}

}  // namespace

LoadedModel load_model(const std::string& path, const LoadOptions& options,
                       const Evaluator& evaluator) {
  LoadedModel model;
  if (const auto place = find_meta_graph(path, options.limits)) {
    model = load_meta_graph(*place, options, evaluator);
  } else if (refuse_checkpoint_prefix(path); is_directory(path)) {
    const auto tree = open_directory(path, options.limits);
    model = load_tree(*tree, options, evaluator);
    model.info.file_bytes = total_bytes(*tree);
  } else {
    const Bytes file = read_file(path, options.limits);
    model = load_file(file, options, evaluator, archive_limits(file, options.limits));
    model.info.file_bytes = file.size();
  }
  model.info.path = path;
  for (const LoadedSignature& signature : model.signatures) {
    verify(signature.graph, "import");
    model.info.signatures.push_back(describe(signature));
  }
  THAW_CHECK(model.default_signature < model.signatures.size(), "a loader gave no signature");
  return model;
}

}  // namespace thaw
