// Any file of weights, opened.
#pragma once

#include <memory>
#include <string>

#include "loaders/keras/checkpoint.h"
#include "loaders/keras/weights.h"
#include "thaw/model.h"

namespace thaw::keras {

/// One of the forms is set.
struct OpenWeights {
  std::string format;
  std::uint64_t file_bytes = 0;
  std::unique_ptr<H5File> legacy;  // HDF5 with groups by layer name
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<StoredArrays> arrays;  // everything else; for `legacy` null

  const H5File* h5 = nullptr;  // whichever HDF5 file it is, for what it says of its writer
};

/// Opens HDF5 of either layout, `.keras`, `.weights.json`, `.npz`, a checkpoint. Throws Error:
/// invalid_argument when `path` is no weights file, not_found.
OpenWeights open_weights_file(const std::string& path, const Limits& limits);

/// The same of a `.keras` archive or folder. Throws unimplemented for pickled weights.
OpenWeights open_weights_tree(const FileTree& tree, const Limits& limits);
/// The same of an HDF5 file.
OpenWeights open_weights_h5(Bytes file, const Limits& limits);

/// Gives the model's variables their arrays. `file` must outlive the store.
/// Throws Error(invalid_argument) also when `by_name` is asked of a form that has no layer names.
ModelWeights assign_weights(const OpenWeights& file, const KerasModel& model, bool by_name,
                            std::vector<std::string>& notes);

/// Says in `info` what the file holds of an optimizer.
void count_optimizer(const OpenWeights& file, const ModelWeights& store, ModelInfo& info);

/// One member of a folder or archive: HDF5 of either layout. Throws unimplemented for other forms.
OpenWeights open_weights_member(const FileTree& tree, const std::string& name,
                                const Limits& limits);

/// The weights file beside an architecture ("model.json" -> "model.weights.h5"); empty if there is
/// none. Throws Error(failed_precondition) naming them when several could be meant.
std::string weights_beside(const std::string& architecture);
/// The same among the members of a folder or archive.
std::string weights_beside(const FileTree& tree, const std::string& architecture);

}  // namespace thaw::keras
