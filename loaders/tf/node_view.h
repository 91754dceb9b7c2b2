// One NodeDef with typed access to its attributes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loaders/tf/op_defs.h"
#include "runtime/base/check.h"
#include "thaw/options.h"
#include "thaw/tensor.h"

namespace thaw::tf {

class AttrValue;
class NameAttrList;
class NodeDef;
class TensorProto;
class TensorShapeProto;

/// Strips the mark of reference types. Throws Error: unimplemented naming types without a tensor
/// form, invalid_argument for numbers that are no types. Quantised types are their integers; as far
/// as types of graph values go, DT_RESOURCE is DType::table and DT_VARIANT DType::tensor_list.
DType dtype_from_proto(int dtype);
/// The kind of an 8-bit float that Thaw holds as float32 whose values that type has: "e4m3fn" or
/// "e5m2"; empty for any other type.
std::string_view float8_kind(int dtype);
/// Throws Error: invalid_argument for dimensions below -1 and ranks that TensorFlow does not have,
/// resource_exhausted for ranks above `max_rank`.
Shape shape_from_proto(const TensorShapeProto& shape, int max_rank);
/// TensorFlow's decoding of a constant. `owner` keeps the message alive: large contents are
/// borrowed. Throws Error: invalid_argument (contradictory), resource_exhausted (limits),
/// unimplemented (type).
Tensor tensor_from_proto(const TensorProto& proto, const Limits& limits,
                         const std::shared_ptr<const void>& owner);

/// A view into the parsed file, which must outlive it. Every getter takes the attribute from the
/// node, else the op's default, else throws Error(invalid_argument) naming node and attribute, as
/// it does when the attribute has another kind.
class NodeView {
 public:
  /// `bindings`: what the call of the function gives for placeholder attributes; may be null.
  NodeView(const NodeDef& def, const NameAttrList* bindings, const Limits& limits,
           const std::shared_ptr<const void>& owner);

  const std::string& name() const;
  const std::string& op() const;
  const OpSchema* schema() const { return schema_; }
  const NodeDef& def() const { return *def_; }
  /// "node 'model/dense/MatMul' (MatMul)"
  std::string description() const;

  int num_inputs() const;
  const std::string& input(int i) const;

  /// Present on the node itself, not by default.
  bool has(std::string_view attr) const { return find(attr) != nullptr; }
  bool flag(std::string_view attr) const;
  std::int64_t integer(std::string_view attr) const;
  double number(std::string_view attr) const;
  std::string text(std::string_view attr) const;
  DType type(std::string_view attr) const;
  /// float8_kind of a type attribute of the node, or of one type of a list.
  std::string_view float8(std::string_view attr, std::int64_t index = 0) const;
  Shape shape(std::string_view attr) const;
  Tensor tensor(std::string_view attr) const;
  std::vector<std::int64_t> integers(std::string_view attr) const;
  std::vector<double> numbers(std::string_view attr) const;
  /// Lists that are absent count as empty where the op's default says so.
  std::vector<std::string> texts(std::string_view attr) const;
  std::vector<DType> types(std::string_view attr) const;
  std::vector<Shape> shapes(std::string_view attr) const;
  /// Name of the function that the attribute holds; `bindings` are the attributes given with it.
  struct Function {
    std::string name;
    const NameAttrList* bindings = nullptr;
    const NameAttrList* outer = nullptr;  // what placeholders among the bindings stand for
  };
  Function function(std::string_view attr) const;
  std::vector<Function> functions(std::string_view attr) const;
  /// All functions that any attribute names.
  std::vector<Function> all_functions() const;
  /// Length of the list that the attribute gives: a number, or a list of types.
  std::int64_t list_length(std::string_view attr) const;

  /// Number of results. Only for ops in the table. Checked against a bound on absurd counts.
  std::int64_t num_outputs() const;
  /// Flat position of "output:index". Throws naming the output when the op has none of that name.
  std::int64_t output_position(std::string_view output, std::int64_t index) const;
  /// Attributes that the op does not have (written by a version Thaw does not know), without the
  /// inert ones that start with '_'.
  std::vector<std::string> unknown_attrs() const;
  bool has_placeholder_attrs() const;
  const NameAttrList* bindings() const { return bindings_; }

  template <class... Args>
  [[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(code, description() + ": " + fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  DType held_as(int type) const;
  const AttrValue* find(std::string_view attr) const;
  /// The list, or null for an empty one that is written as no value or left to the default "[]".
  const AttrValue* find_list(std::string_view attr) const;
  std::string_view fallback(std::string_view attr) const;
  [[noreturn]] void wrong_kind(std::string_view attr, const char* expected) const;

  const NodeDef* def_;
  const OpSchema* schema_;
  const NameAttrList* bindings_;
  const Limits* limits_;
  const std::shared_ptr<const void>* owner_;
};

}  // namespace thaw::tf
