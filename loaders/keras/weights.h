// Stored weights, assigned to a model's variables with strict accounting: every variable gets one
// stored array, every stored array is used or named in the notes.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "loaders/keras/variables.h"
#include "loaders/source/h5.h"
#include "loaders/stored_arrays.h"
#include "thaw/tensor.h"

namespace thaw::keras {

/// What a variable is filled with.
struct StoredArray {
  std::string place;             // file and name, for messages
  std::string key;               // name in the file
  std::function<Tensor()> read;  // decodes and converts
  std::int64_t elements = 0;
  std::uint64_t bytes = 0;
};

class ModelWeights {
 public:
  /// A store without a file: every variable is missing.
  ModelWeights() = default;

  void assign(const Variable& variable, StoredArray array);
  const StoredArray* find(const std::string& path) const;
  const std::map<std::string, StoredArray>& arrays() const { return arrays_; }
  /// Where the file has the object at `path`, when that is another place than the path says.
  void place(const std::string& path, std::string place);
  /// The place of the object at `path`; by default the path itself.
  std::string place_of(const std::string& path) const;
  /// Arrays below `path` (a layer's own and its parts').
  std::int64_t elements_below(const std::string& path) const;

 private:
  std::map<std::string, StoredArray> arrays_;
  std::map<std::string, std::string> places_;
};

// In all of these the file must outlive the store. They throw Error(invalid_argument) when a
// variable's array is missing, or a layer's arrays are too few or too many; arrays that no layer
// uses are named in `notes`.

/// HDF5 of Keras 1, 2 and `.h5` of Keras 3: groups by layer name, arrays by position. `group` is
/// "model_weights" or "" (weights only). `by_name`: layers that the file does not name are an
/// error, never taken in order.
ModelWeights legacy_weights(const H5File& file, const std::string& group, const KerasModel& model,
                            std::vector<std::string>& notes, bool by_name = false);

/// `.weights.h5` of Keras 3 and of tf.keras from 2.12: paths through the object tree.
ModelWeights path_weights(const StoredArrays& file, const KerasModel& model,
                          std::vector<std::string>& notes);
/// True if the file has the groups of `.weights.h5` rather than those of the older form.
bool has_path_layout(const H5File& file);
/// True if any array is called ".../vars/N".
bool has_path_names(const StoredArrays& file);

class Checkpoint;
/// A TensorFlow checkpoint: by its objects, else by names.
ModelWeights checkpoint_weights(const Checkpoint& file, const KerasModel& model,
                                std::vector<std::string>& notes);

/// Arrays named as their variables are: "dense/kernel:0".
ModelWeights named_weights(const StoredArrays& file, const KerasModel& model,
                           std::vector<std::string>& notes);
/// numpy.savez(file, *model.get_weights()): "arr_0", "arr_1", ...
ModelWeights ordered_weights(const StoredArrays& file, const KerasModel& model,
                             std::vector<std::string>& notes);
bool has_numpy_names(const StoredArrays& file);

/// Whether an array's name says that it is an optimizer's.
bool is_optimizer_array(const std::string& name);
/// The first few names that are not, for messages.
std::string some_names(const std::vector<std::string>& names);
void note_unused(const StoredArrays& file, const ModelWeights& store,
                 std::vector<std::string>& notes);

// ---- conversions of old layouts ----

/// How many arrays a layer stores and what each of its variables is made of.
struct Conversion {
  std::vector<std::vector<std::size_t>>
      sources;  // per variable: positions of the arrays, joined on the last axis
};
/// For Keras 1's recurrent layers with one array per gate, else one to one.
Conversion gates_of(const LayerConfig& layer, std::size_t variables);
/// Brings one of the arrays of Keras 1's gates to today's order of axes, before they are joined.
Tensor modern_gate(const Variable& variable, Tensor array);
/// Brings array `index` of a layer to today's layout: kernels of Keras 1, of Theano and of cuDNN
/// layers.
Tensor modern_layout(const Variable& variable, Tensor array, const Writer& writer);

Tensor transposed(const Tensor& tensor, const std::vector<int>& permutation);
Tensor joined(const std::vector<Tensor>& parts);  // on the last axis
Tensor reversed(const Tensor& tensor, int axes);  // over the first `axes` axes

}  // namespace thaw::keras
