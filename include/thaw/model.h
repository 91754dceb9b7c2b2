// A loaded model: immutable, shareable between threads.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "thaw/options.h"
#include "thaw/session.h"
#include "thaw/tensor.h"

namespace thaw {

/// One layer (Keras) as `thaw show` prints it.
struct LayerInfo {
  std::string name;
  std::string class_name;
  std::vector<Shape> output_shapes;
  std::int64_t parameters = 0;
  bool trainable = true;
  std::vector<std::string> inputs;  // names of the layers that feed it
};

struct SignatureInfo {
  std::string name;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  /// Inputs that may be left out (an empty Tensor by position), with the value they then take.
  std::map<std::string, Tensor> defaults;
};

/// One variable of a TensorFlow model, whether a signature uses it or not.
struct VariableInfo {
  std::string name;
  TensorType type;
  std::string key;  // in the checkpoint; empty if the checkpoint does not have it
};

/// One lookup table of a TensorFlow model.
struct TableInfo {
  std::string name;
  DType key = DType::invalid, value = DType::invalid;
};

/// What a file says about itself.
struct ModelInfo {
  std::string path;
  std::string format;  // "Keras v3 (.keras)", "Keras HDF5", "TensorFlow SavedModel", ...
  std::string writer;  // "Keras 2.15.0, tensorflow"
  std::string name;
  std::string class_name;  // Sequential, Functional, ...
  std::vector<LayerInfo> layers;
  std::vector<SignatureInfo> signatures;
  std::int64_t parameters = 0;
  std::uint64_t weight_bytes = 0;
  std::uint64_t file_bytes = 0;
  std::string training_config;        // JSON as stored, empty if none
  std::string saved;                  // when, as the file says it; empty if it does not
  std::int64_t optimizer_arrays = 0;  // stored with the weights, not loaded
  std::uint64_t optimizer_bytes = 0;
  std::vector<std::string> assets;  // files that the model keeps beside its graph or its layers
  // TensorFlow models only, from here to the notes.
  std::vector<std::string> tags;        // of the MetaGraph that was opened
  std::vector<std::string> other_tags;  // of each MetaGraph beside it, joined by commas
  std::vector<VariableInfo> variables;
  std::vector<TableInfo> tables;
  std::map<std::string, std::int64_t> functions;  // name -> nodes of the body
  std::map<std::string, std::int64_t>
      op_counts;                   // op type -> nodes that the default signature runs
  std::vector<std::string> notes;  // what was ignored or chosen at load, for people
};

/// A model in memory. Copies share one immutable state; all const members may be called from any
/// number of threads at once.
class THAW_API Model {
 public:
  /// Opens any saved form Thaw knows; the content decides, never the extension.
  /// Throws Error (see error.h): UnsupportedError lists every unsupported layer or op at once.
  static Model load(const std::string& path, const LoadOptions& options = {});

  const ModelInfo& info() const;
  /// Inputs and outputs of the default signature, in the model's own order.
  const std::vector<TensorSpec>& inputs() const;
  const std::vector<TensorSpec>& outputs() const;

  /// A session for the default signature (or a named one). Sessions share the model's weights and
  /// plans; each belongs to one thread at a time.
  Session session(const SessionOptions& options = {}) const;
  Session session(const std::string& signature, const SessionOptions& options = {}) const;

  /// One prediction on the CPU, by position: creates a session, runs it once. A service keeps a
  /// Session.
  std::vector<Tensor> predict(const std::vector<Tensor>& inputs) const;
  /// The same by name.
  std::map<std::string, Tensor> predict(const std::map<std::string, Tensor>& inputs) const;

  /// The graph as text, after the shape-free passes; the format of docs/graph-text.md.
  std::string graph_text() const;

  struct Impl;
  explicit Model(std::shared_ptr<const Impl> impl);
  const std::shared_ptr<const Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace thaw
