// A function of a SavedModel that stands inside a Keras model: how Keras's TFSMLayer reaches the
// importer of TensorFlow's graphs. loaders/tf implements this; loaders/keras knows no more of it
// than this header.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/ir/builder.h"
#include "thaw/options.h"

namespace thaw {

class SavedModelEndpoint {
 public:
  struct Variable {
    DType dtype = DType::invalid;
    Shape shape;
    bool trainable = true;
  };
  virtual ~SavedModelEndpoint() = default;

  /// What the function reads, in the order in which Keras keeps the weights of a layer around it:
  /// trainable ones first, each kind in the order in which the function captures them.
  virtual const std::vector<Variable>& variables() const = 0;
  /// Names of the graph's inputs in the order in which the function takes them; empty if the
  /// SavedModel does not tell and there are several.
  virtual const std::vector<std::string>& argument_order() const = 0;
  /// Whether a caller gets the results in the function's own structure rather than by name.
  virtual bool is_attribute() const = 0;
  /// The function with these values of its variables. Throws Error / UnsupportedError.
  virtual Graph graph(const std::vector<Tensor>& values) const = 0;
};

/// Opens the SavedModel in `folder`. The evaluator must outlive the result; of the options count
/// limits, custom ops, and whether recurrent loops are raised. Throws Error: not_found naming the
/// endpoints that are there.
std::shared_ptr<const SavedModelEndpoint> open_saved_model_endpoint(const std::string& folder,
                                                                    const std::string& endpoint,
                                                                    const LoadOptions& options,
                                                                    const Evaluator& evaluator);

}  // namespace thaw
