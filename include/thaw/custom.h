// Layers and ops that Thaw does not know, described by their user: functions that are called while
// a model is loaded and add nodes to its graph.
//
//   thaw::CustomObjects objects;
//   objects.layers["CustomDenseLayer"] = {
//       [](const thaw::CustomConfig&) -> std::vector<thaw::CustomVariable> {
//         return {{"kernel"}, {"bias"}};
//       },
//       [](thaw::CustomCall& call) -> std::vector<thaw::GraphValue> {
//         const auto y = call.add("matmul", {call.inputs()[0], call.variable("kernel")});
//         return call.add("binary {kind = add}", {y[0], call.variable("bias")});
//       }};
//   thaw::LoadOptions options;
//   options.custom = std::make_shared<thaw::CustomObjects>(std::move(objects));
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "thaw/custom_function.h"
#include "thaw/tensor.h"

namespace thaw {

/// A tensor of the graph under construction; `id` < 0: none.
struct GraphValue {
  std::int32_t id = -1;
};

/// What a file says about a layer (its configuration) or an op (its attributes).
class THAW_API CustomConfig {
 public:
  virtual ~CustomConfig() = default;
  /// "encoder/attention".
  virtual const std::string& name() const = 0;
  /// As the file has it: "package>Attention", "Attention"; the type of an op.
  virtual const std::string& class_name() const = 0;
  /// All of it as JSON.
  virtual std::string json() const = 0;
  /// The value of `key`, or `otherwise` when it is absent or null. Throw Error(invalid_argument)
  /// when it has another type.
  virtual bool flag(const std::string& key, bool otherwise) const = 0;
  virtual std::int64_t integer(const std::string& key, std::int64_t otherwise) const = 0;
  virtual double real(const std::string& key, double otherwise) const = 0;
  virtual std::string text(const std::string& key, const std::string& otherwise) const = 0;
  virtual std::vector<std::int64_t> ints(const std::string& key,
                                         const std::vector<std::int64_t>& otherwise) const = 0;
};

/// One call of a layer or one node of an op: its operands, its weights, and the graph to add to.
/// Valid during the user's function only. All methods throw Error, which the user's function lets
/// pass: it becomes the error of the load, naming the layer or node.
class THAW_API CustomCall : public CustomConfig {
 public:
  /// The tensors of the positional arguments, in order.
  virtual const std::vector<GraphValue>& inputs() const = 0;
  /// The tensor that a layer's call has as keyword argument `key`; none if it has none.
  virtual GraphValue keyword(const std::string& key) const = 0;
  /// Its value as JSON when it is no tensor; empty if the call does not have it.
  virtual std::string keyword_json(const std::string& key) const = 0;
  /// The Keras mask of the first input (bool, true = keep), if it carries one.
  virtual GraphValue mask() const = 0;
  /// Element type and shape, as far as it is known at load.
  virtual const TensorType& type(GraphValue value) const = 0;
  /// The stored elements of a variable of the layer.
  virtual Tensor weight(const std::string& variable) const = 0;
  /// The same as a constant of the graph, in the layer's compute type.
  virtual GraphValue variable(const std::string& variable) = 0;
  virtual GraphValue constant(const Tensor& tensor) = 0;
  /// Adds one of Thaw's ops, written as in a graph's text (docs/graph-text.md): "matmul",
  /// "softmax {axes = [-1]}", "reduce {kind = mean, keep_dims = true}".
  virtual std::vector<GraphValue> add(const std::string& op,
                                      const std::vector<GraphValue>& operands, int results = 1) = 0;
  /// Adds a function of the user's own, which runs on the host with whole tensors.
  virtual std::vector<GraphValue> call(CustomFunction function,
                                       const std::vector<GraphValue>& operands,
                                       int results = 1) = 0;
};

/// A variable that a layer creates: "kernel", or "dense/kernel" for one of a layer that it holds.
struct CustomVariable {
  std::string name;
  bool trainable = true;
};

struct CustomLayer {
  /// The variables in the order in which the layer creates them; empty: it has none.
  std::function<std::vector<CustomVariable>(const CustomConfig& config)> variables;
  /// The layer's outputs.
  std::function<std::vector<GraphValue>(CustomCall& call)> build;
  /// As Keras's `supports_masking`: the outputs carry the first input's mask.
  bool supports_masking = false;
};

struct CustomOp {
  /// The node's results.
  std::function<std::vector<GraphValue>(CustomCall& call)> build;
};

/// What LoadOptions::custom holds. Entries go before Thaw's own layers and ops of the same name.
struct CustomObjects {
  std::map<std::string, CustomLayer> layers;   // by registered name "package>Class", or by class
  std::map<std::string, CustomLayer> lambdas;  // Lambda layers by the layer's name
  std::map<std::string, CustomOp> ops;         // TensorFlow ops by type
};

}  // namespace thaw
