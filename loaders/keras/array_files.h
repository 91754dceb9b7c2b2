// HDF5 files, shards and .npz archives as stored arrays.
#pragma once

#include <memory>
#include <string>

#include "loaders/source/file_tree.h"
#include "loaders/source/h5.h"
#include "loaders/stored_arrays.h"

namespace thaw::keras {

/// All datasets of a file, sorted by path. `file` must outlive the object.
std::unique_ptr<StoredArrays> h5_arrays(const H5File& file);
/// The same, owning the file.
std::unique_ptr<StoredArrays> h5_arrays(std::unique_ptr<H5File> file);

/// Keras 3's `.weights.json` and the HDF5 shards that it names, which stand beside it in `tree`.
/// `map` is its name there. Throws Error: not_found naming a missing shard, invalid_argument.
std::unique_ptr<StoredArrays> sharded_arrays(const FileTree& tree, const std::string& map,
                                             const Limits& limits);
/// Whether a JSON document is such a map and no model.
bool is_weight_map(const Bytes& json, const Limits& limits);

/// A numpy archive.
std::unique_ptr<StoredArrays> npz_arrays(const std::string& path, const Limits& limits);

}  // namespace thaw::keras
