#include "loaders/keras/functions/function_call.h"

#include <algorithm>
#include <map>

#include "loaders/keras/operations/getitem.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

using Families = std::span<const FunctionRow> (*)();
constexpr Families kFamilies[] = {elementwise_functions, reduction_functions,   shape_functions,
                                  indexing_functions,    network_functions,     array_functions,
                                  image_functions,       image_frame_functions, op_functions,
                                  signal_functions};

std::map<std::string_view, const FunctionRow*> join() {
  std::map<std::string_view, const FunctionRow*> rows;
  for (Families family : kFamilies) {
    for (const FunctionRow& row : family()) {
      const bool fresh = rows.emplace(row.name, &row).second;
      THAW_CHECK(fresh, "two rows for one function");
    }
  }
  return rows;
}

std::string_view without_version(std::string_view name) {
  for (std::string_view prefix : {"compat.v1.", "compat.v2.", "tf."}) {
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  }
  return name;
}

// Functions that return the very tensor they are given, with its mask, where there is nothing to
// do.
bool may_return_argument(std::string_view name) {
  constexpr std::string_view names[] = {"cast",      "convert_to_tensor", "math.conj",
                                        "math.real", "math.round",        "to_double",
                                        "to_float",  "to_int32",          "to_int64"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

const FunctionRow* find_function(std::string_view name) {
  static const std::map<std::string_view, const FunctionRow*> rows = join();
  const auto found = rows.find(without_version(name));
  return found == rows.end() ? nullptr : found->second;
}

const Operand* first_of(const OpCall& c, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const Operand* operand = c.find(name)) return operand;
  }
  return nullptr;
}

const Operand& need_first(const OpCall& c, std::initializer_list<const char*> names) {
  const Operand* operand = first_of(c, names);
  if (operand == nullptr)
    c.unsupported(fmt::format("argument {} is missing from the file", *names.begin()));
  return *operand;
}

std::pair<Expr, Expr> matched(const OpCall& c, const Operand& x, const Operand& y) {
  const bool x_plain = x.kind == Argument::Kind::value, y_plain = y.kind == Argument::Kind::value;
  if (x_plain && !y_plain) {
    const Expr right = c.tensor(y);
    return {c.tensor(x, right.dtype()), right};
  }
  const Expr left = c.tensor(x);
  const Expr right = y_plain ? c.tensor(y, left.dtype()) : c.tensor(y);
  if (left.dtype() != right.dtype()) {
    c.bad(
        fmt::format("operands of types {} and {}", name_of(left.dtype()), name_of(right.dtype())));
  }
  return {left, right};
}

Results matched(const OpCall& c, const Operand& list) {
  const std::vector<Operand> items = items_of(list);
  DType dtype = DType::invalid;
  for (const Operand& item : items) {
    if (item.kind == Argument::Kind::tensor && dtype == DType::invalid)
      dtype = c.g.dtype(item.tensor.value);
  }
  Results tensors;
  for (const Operand& item : items)
    tensors.push_back(item.kind == Argument::Kind::tensor ? c.tensor(item) : c.tensor(item, dtype));
  if (tensors.empty()) c.bad("an empty list of tensors");
  return tensors;
}

Expr int_vector(const OpCall& c, const Operand& operand) {
  const Expr x = c.tensor(operand);
  if (!is_integer(x.dtype()) && !(x.shape().is_static() && x.shape().num_elements() == 0))
    c.bad("expected integers");
  const Expr whole = x.dtype() == DType::int64 ? x : cast(x, DType::int32);
  return whole.rank() == 0 ? reshape(whole, {1}) : whole;
}

Axes reduction_axes(const OpCall& c, int rank) {
  for (const char* name : {"axis", "reduction_indices", "axes", "dim"}) {
    if (c.has(name)) return c.axes(name, rank);
  }
  return c.axes("axis", rank);
}

bool keeps_dims(const OpCall& c) {
  return c.has("keepdims") ? c.flag("keepdims", false) : c.flag("keep_dims", false);
}

Outputs tf_function(const Layer& layer, Weights&, GraphBuilder& g) {
  const std::string function = layer.text("function", "");
  const FunctionRow* row = find_function(function);
  if (row == nullptr) {
    const bool random = without_version(function).starts_with("random.");
    layer.unsupported(fmt::format("TensorFlow function {}{}", printable(function),
                                  random ? ", which draws random numbers" : ""));
  }
  const OperationRow parameters(row->name, row->parameters, static_cast<Expr (*)(OpCall&)>(nullptr),
                                row->kind);
  OpCall call(layer, parameters, g, false);
  std::vector<MaskedValue> values;
  for (const Expr& result : row->import(call, *row)) {
    MaskedValue value{result.id};
    if (may_return_argument(row->name) && !layer.inputs.empty() &&
        layer.inputs[0].value == result.id)
      value = layer.inputs[0];
    values.push_back(value);
  }
  return values;
}

// x[...], and functions that pick like it.
Outputs tf_slicing(const Layer& layer, Weights& weights, GraphBuilder& g) {
  const std::string function = layer.text("function", "__operators__.getitem");
  if (function != "__operators__.getitem") return tf_function(layer, weights, g);
  const Operand* spec = layer.argument("slice_spec");
  if (spec == nullptr) layer.bad("called without a slice");
  return get_item(layer, {&g, layer.input()}, items_of(*spec)).id;
}

// A NodeDef and the operands that were constants, by position.
Outputs tf_node(const Layer& layer, Weights&, GraphBuilder& g) {
  const Json* node = layer.find("node_def");
  if (node == nullptr) layer.bad("node_def is missing");
  std::vector<ValueId> operands;
  for (const MaskedValue& input : layer.inputs) operands.push_back(input.value);
  std::map<std::int64_t, const Json*> constants;
  if (const Json* stored = layer.find("constants")) {
    for (const auto& [key, value] : stored->object()) {
      if (key.empty() || key.size() > 4 ||
          !std::all_of(key.begin(), key.end(), [](char ch) { return ch >= '0' && ch <= '9'; }))
        layer.bad(fmt::format("constant {} has no position", printable(key)));
      constants[std::stol(key)] = &value;
    }
  }
  for (const auto& [position, json] : constants) {
    if (position > static_cast<std::int64_t>(operands.size()))
      layer.bad(fmt::format("a constant as operand {}", position));
    Tensor value = constant_tensor(*json, DType::invalid);
    // JSON has no types: a fraction is float32 here, and takes the type of the node's tensors.
    ValueId constant = g.constant(value);
    if (value.dtype() == DType::float32 && !layer.inputs.empty() &&
        is_floating(g.dtype(layer.inputs[0].value)))
      constant = g.constant(constant_tensor(*json, g.dtype(layer.inputs[0].value)));
    operands.insert(operands.begin() + position, constant);
  }
  const std::string op = tensorflow_node_op(*node, Limits{});
  if (!has_tensorflow_op(op)) layer.unsupported(fmt::format("TensorFlow op {}", printable(op)));
  const std::vector<ValueId> results = add_tensorflow_node_def(g, *node, operands, Limits{});
  std::vector<MaskedValue> values;
  for (ValueId result : results) values.push_back({result});
  return values;
}

}  // namespace thaw::keras
