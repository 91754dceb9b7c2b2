#include "loaders/keras/weights_file.h"

#include <filesystem>
#include <set>

#include "loaders/keras/array_files.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

void take_h5(std::unique_ptr<H5File> file, OpenWeights& weights) {
  weights.h5 = file.get();
  if (has_path_layout(*file)) {
    weights.format = "Keras weights (.weights.h5)";
    weights.arrays = h5_arrays(std::move(file));
  } else {
    weights.format = "Keras HDF5";
    weights.legacy = std::move(file);
  }
}

// A `.keras` archive or folder.
void take_tree(const FileTree& tree, const Limits& limits, OpenWeights& weights) {
  if (tree.contains("model.weights.h5")) {
    take_h5(H5File::open(tree.read("model.weights.h5"), limits), weights);
  } else if (tree.contains("model.weights.json")) {
    weights.arrays = sharded_arrays(tree, "model.weights.json", limits);
  } else if (tree.contains("model.weights.npz")) {
    fail(ErrorCode::unimplemented, "{}: weights in model.weights.npz are pickled and not read",
         tree.path());
  } else {
    fail(ErrorCode::not_found, "{}: model.weights.h5 is missing", tree.path());
  }
  weights.format = "Keras v3 (.keras)";
}

bool is_keras_tree(const FileTree& tree) {
  return tree.contains("model.weights.h5") || tree.contains("model.weights.json");
}

bool has_arrays(const FileTree& tree) {
  for (const std::string& name : tree.names()) {
    if (name.ends_with(".npy")) return true;
  }
  return false;
}

void take_zip(const Bytes& file, const std::string& path, const Limits& limits,
              OpenWeights& weights) {
  auto tree = open_zip(file, path, limits);
  if (is_keras_tree(*tree)) return take_tree(*tree, limits, weights);
  if (tree->contains("variables/variables.index")) {  // a SavedModel
    weights.format = "TensorFlow checkpoint";
    weights.checkpoint =
        std::make_unique<Checkpoint>(std::move(tree), "variables/variables", limits);
    return;
  }
  if (!has_arrays(*tree)) {
    fail(ErrorCode::invalid_argument, "{}: an archive without weights: no .npy members, no {}",
         printable(path, 1024), "model.weights.h5");
  }
  weights.format = "numpy archive (.npz)";
  weights.arrays = npz_arrays(path, limits);
}

void take_weight_map(const Bytes& file, const std::string& path, const Limits& limits,
                     OpenWeights& weights) {
  if (!is_weight_map(file, limits)) {
    fail(ErrorCode::invalid_argument, "{}: a JSON file, but no map of sharded weights",
         printable(path, 1024));
  }
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  weights.format = "Keras weights in shards (.weights.json)";
  weights.arrays = sharded_arrays(*open_directory(folder, limits), name, limits);
}

void take_file(const Bytes& file, const std::string& path, const Limits& limits,
               OpenWeights& weights) {
  const FileKind kind = sniff(file.data, file.data);
  switch (kind) {
    case FileKind::hdf5: return take_h5(H5File::open(file, limits), weights);
    case FileKind::zip: return take_zip(file, path, limits, weights);
    case FileKind::json: return take_weight_map(file, path, limits, weights);
    default: break;
  }
  fail(ErrorCode::invalid_argument,
       "{}: {}, not weights: expected HDF5, .keras, .weights.json, .npz or a TensorFlow checkpoint",
       printable(path, 1024), name_of(kind));
}

}  // namespace

OpenWeights open_weights_file(const std::string& path, const Limits& limits) {
  OpenWeights weights;
  if (const auto place = find_checkpoint(path, limits)) {
    weights.format = "TensorFlow checkpoint";
    weights.checkpoint =
        std::make_unique<Checkpoint>(open_directory(place->folder, limits), place->prefix, limits);
    return weights;
  }
  if (is_directory(path)) {
    const auto tree = open_directory(path, limits);
    if (!is_keras_tree(*tree)) {
      fail(ErrorCode::invalid_argument,
           "{}: a folder without weights: no checkpoint, no model.weights.h5",
           printable(path, 1024));
    }
    take_tree(*tree, limits, weights);
    return weights;
  }
  const Bytes file = read_file(path, limits);
  weights.file_bytes = file.size();
  take_file(file, path, limits, weights);
  return weights;
}

OpenWeights open_weights_tree(const FileTree& tree, const Limits& limits) {
  OpenWeights weights;
  take_tree(tree, limits, weights);
  return weights;
}

OpenWeights open_weights_h5(Bytes file, const Limits& limits) {
  OpenWeights weights;
  weights.file_bytes = file.size();
  take_h5(H5File::open(std::move(file), limits), weights);
  return weights;
}

void count_optimizer(const OpenWeights& file, const ModelWeights& store, ModelInfo& info) {
  std::set<std::string> used;
  for (const auto& [path, array] : store.arrays()) used.insert(array.key);
  const std::unique_ptr<StoredArrays> legacy = file.legacy ? h5_arrays(*file.legacy) : nullptr;
  const StoredArrays& arrays = legacy ? *legacy : file.checkpoint ? *file.checkpoint : *file.arrays;
  for (const std::string& name : arrays.names()) {
    if (!is_optimizer_array(name) || used.contains(name)) continue;
    ++info.optimizer_arrays;
    try {
      const TensorType type = arrays.type(name);
      info.optimizer_bytes +=
          static_cast<std::uint64_t>(type.shape.num_elements()) * size_of(type.dtype);
    } catch (const Error&) {
      // Nobody reads it: what is wrong with it is no reason to refuse the model.
    }
  }
}

ModelWeights assign_weights(const OpenWeights& file, const KerasModel& model, bool by_name,
                            std::vector<std::string>& notes) {
  if (file.legacy) {
    const bool inside =
        file.legacy->has_group("model_weights") && !file.legacy->list_attribute("", "layer_names");
    return legacy_weights(*file.legacy, inside ? "model_weights" : "", model, notes, by_name);
  }
  if (by_name) {
    fail(ErrorCode::invalid_argument,
         "{}: weights by name are asked of {}, which has no layer names: only the older HDF5 does",
         (file.checkpoint ? file.checkpoint->path() : file.arrays->path()), file.format);
  }
  if (file.checkpoint) return checkpoint_weights(*file.checkpoint, model, notes);
  if (has_numpy_names(*file.arrays)) return ordered_weights(*file.arrays, model, notes);
  if (file.h5 != nullptr || has_path_names(*file.arrays)) {
    return path_weights(*file.arrays, model, notes);
  }
  return named_weights(*file.arrays, model, notes);
}

OpenWeights open_weights_member(const FileTree& tree, const std::string& name,
                                const Limits& limits) {
  Bytes file = tree.read(name);
  if (sniff(file.data) != FileKind::hdf5) {
    fail(ErrorCode::unimplemented,
         "{}: weights that stand in one archive with their architecture are read from HDF5 only: "
         "unpack the archive",
         printable(file.name, 1024));
  }
  return open_weights_h5(std::move(file), limits);
}

namespace {

template <class IsThere>
std::string find_beside(const std::string& architecture, IsThere is_there) {
  const std::filesystem::path path(architecture);
  const std::filesystem::path folder = path.parent_path();
  const std::string stem = path.stem().string();
  const std::vector<std::string> own{
      stem + ".weights.h5",   stem + ".weights.json", stem + "_weights.h5",
      stem + "_weights.hdf5", stem + ".h5",           stem + ".hdf5",
      stem + ".npz",          stem + ".index",        stem + ".ckpt.index"};
  const std::vector<std::string> common{"weights.h5",       "weights.hdf5",     "weights.npz",
                                        "model_weights.h5", "model.weights.h5", "checkpoint"};
  for (const auto& names : {own, common}) {
    std::vector<std::string> found;
    for (const std::string& name : names) {
      if (is_there((folder / name).string())) found.push_back(name);
    }
    if (found.size() > 1) {
      fail(ErrorCode::failed_precondition,
           "{}: an architecture without weights, and several files beside it could be its weights "
           "({}): name one of them",
           printable(architecture, 1024), fmt::join(found, ", "));
    }
    if (found.size() == 1) return (folder / found[0]).string();
  }
  return "";
}

}  // namespace

std::string weights_beside(const std::string& architecture) {
  return find_beside(architecture, [](const std::string& path) {
    std::error_code error;
    return std::filesystem::exists(path, error);
  });
}

std::string weights_beside(const FileTree& tree, const std::string& architecture) {
  return find_beside(architecture, [&](const std::string& path) { return tree.contains(path); });
}

}  // namespace thaw::keras

namespace thaw {

WeightsFile open_weights(const std::string& path, const Limits& limits) {
  keras::OpenWeights file = keras::open_weights_file(path, limits);
  WeightsFile result;
  result.format = file.format;
  if (file.legacy) {
    result.arrays = keras::h5_arrays(std::move(file.legacy));
  } else if (file.checkpoint) {
    result.arrays = std::move(file.checkpoint);
  } else {
    result.arrays = std::move(file.arrays);
  }
  return result;
}

}  // namespace thaw
