// What the importer of a layer class sees: the layer, its inputs, its weights, and a way to import
// inner layers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loaders/keras/config.h"
#include "loaders/keras/policy.h"
#include "runtime/ir/builder.h"

namespace thaw::keras {

constexpr ValueId kNoValue = -1;

/// A tensor and its Keras mask (bool, true = keep), if it carries one.
struct MaskedValue {
  ValueId value = kNoValue;
  ValueId mask = kNoValue;
  ValueId splits = kNoValue;  // row splits of a ragged tensor, whose values `value` has

  bool has_mask() const { return mask != kNoValue; }
  bool is_ragged() const { return splits != kNoValue; }
};

struct Outputs {
  std::vector<MaskedValue> values;
  bool poisoned = false;  // stands behind a layer that cannot be imported

  Outputs() = default;
  Outputs(ValueId value) : values{{value, kNoValue}} {}              // NOLINT: implicit on purpose
  Outputs(std::vector<MaskedValue> all) : values(std::move(all)) {}  // NOLINT
};

/// A call's argument with its tensors resolved.
struct Operand {
  Argument::Kind kind = Argument::Kind::value;
  Json value;
  MaskedValue tensor;
  std::vector<Operand> items;
  std::vector<std::string> keys;  // of a dict, parallel to items
};
void flatten(const Operand& operand, std::vector<MaskedValue>& tensors);

class ImportContext;

/// One call of one layer. Accessors throw Error naming the layer and the argument.
class Layer {
 public:
  const LayerConfig& config;
  std::string name;  // with the names of the models around it: "encoder/dense"
  std::string path;  // of its variables
  const Writer& writer;
  DtypePolicy policy;
  std::vector<MaskedValue> inputs;  // the first argument, flattened
  std::vector<Operand> args;        // all positional arguments
  std::vector<std::pair<std::string, Operand>> kwargs;
  ImportContext& context;

  ValueId input() const;  // the first input; an error if there is none
  const std::string& class_name() const { return config.class_name; }
  bool keras3() const { return writer.major == 3; }

  /// The mask that the call works with: the `mask` argument, else the first input's own.
  ValueId mask() const;
  const Operand* argument(std::string_view key) const;
  /// Tensors of a keyword argument, flattened; empty if absent or None.
  std::vector<MaskedValue> tensors(std::string_view key) const;

  /// Null if the configuration does not have it or has null there.
  const Json* find(const char* key) const;
  bool has(const char* key) const { return find(key) != nullptr; }
  bool flag(const char* key, bool otherwise) const;
  std::int64_t integer(const char* key, std::int64_t otherwise) const;
  std::int64_t integer(const char* key) const;  // required
  double real(const char* key, double otherwise) const;
  std::string text(const char* key, const std::string& otherwise) const;
  /// An integer or a list of them as a list.
  std::vector<std::int64_t> ints(const char* key, const std::vector<std::int64_t>& otherwise) const;
  /// `rank` positive integers; one number stands for all.
  std::vector<std::int64_t> sizes(const char* key, int rank, std::int64_t otherwise) const;
  /// True for channels_first. Any other value than the two is an error.
  bool channels_first() const;

  /// Throws: this attribute value (or use) is not supported. Collected with others.
  [[noreturn]] void unsupported(const std::string& why) const;
  /// Throws Error(invalid_argument): the file contradicts itself.
  [[noreturn]] void bad(const std::string& what) const;
  /// "layer 'encoder/dense' (Dense)".
  std::string title() const;
  /// The bytes of a file that the layer keeps in the archive's assets ("vocabulary.txt",
  /// "_lookup_layer/vocabulary.txt"), or nothing: no such file, or a form without assets.
  std::optional<std::string> asset(const std::string& file) const;
  /// Checks the rank of an input. Throws.
  void expect_rank(const GraphBuilder& g, ValueId value, int rank) const;

  /// Imports a layer that this one holds under `attribute`, on these inputs.
  Outputs import_inner(const LayerConfig& inner, const std::string& attribute,
                       std::vector<MaskedValue> inner_inputs,
                       std::vector<std::pair<std::string, Operand>> inner_kwargs = {}) const;
};

/// The weights of the layer being imported.
class Weights {
 public:
  Weights(ImportContext& context, const Layer& layer) : context_(context), layer_(layer) {}
  /// Variable `name` as a constant in the layer's compute type. `shape` is what the layer expects;
  /// unknown dimensions take what the file has. Throws Error(invalid_argument) naming layer,
  /// variable, found and expected.
  ValueId get(const std::string& name, const Shape& shape);
  /// The same in another type.
  ValueId get(const std::string& name, const Shape& shape, DType dtype);
  /// The stored elements.
  Tensor tensor(const std::string& name, const Shape& shape);
  bool has(const std::string& name) const;
  /// A state of the layer that survives between runs: one per layer and `name`, shared by its
  /// calls, zero first.
  VariableId state(const std::string& name, DType dtype, const Shape& shape);

 private:
  ImportContext& context_;
  const Layer& layer_;
};

}  // namespace thaw::keras
