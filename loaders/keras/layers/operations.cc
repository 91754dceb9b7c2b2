// Operation nodes of Keras 3: what masks are made of, and the plain arithmetic.
#include <algorithm>
#include <map>

#include "loaders/keras/layers/layers.h"
#include "runtime/base/check.h"

namespace thaw::keras {
namespace {

// An argument's number, by position, by name, or from the operation's own configuration; null if it
// is a tensor.
const Json* plain_argument(const Layer& layer, std::size_t position, const char* name) {
  if (const Operand* operand = layer.argument(name);
      operand && operand->kind == Argument::Kind::value) {
    return &operand->value;
  }
  if (layer.args.size() > position && layer.args[position].kind == Argument::Kind::value) {
    return &layer.args[position].value;
  }
  return layer.find(name);
}

ValueId tensor_or_scalar(const Layer& layer, const Operand& operand, DType like, GraphBuilder& g) {
  if (operand.kind == Argument::Kind::tensor) return operand.tensor.value;
  if (operand.kind == Argument::Kind::value && operand.value.is_number()) {
    const bool whole = operand.value.is_integer();
    // A fraction turns integers into floats, as in numpy.
    return g.scalar(operand.value.number(), whole || is_floating(like) ? like : DType::float32);
  }
  if (operand.kind == Argument::Kind::value && operand.value.is_bool()) {
    return g.scalar(operand.value.boolean() ? 1 : 0, like);
  }
  layer.unsupported("an argument that is neither a tensor nor a number");
}

DType common_dtype(DType a, DType b) {
  if (a == b || b == DType::boolean) return a;
  if (a == DType::boolean) return b;
  if (is_floating(a) != is_floating(b)) return is_floating(a) ? a : b;
  return size_of(a) >= size_of(b) ? a : b;
}

const Operand& operand_at(const Layer& layer, std::size_t position, const char* name) {
  if (const Operand* operand = layer.argument(name)) return *operand;
  if (layer.args.size() <= position) layer.bad(fmt::format("argument {} is missing", name));
  return layer.args[position];
}

std::vector<std::int64_t> axes_argument(const Layer& layer, const Shape& shape, const char* name) {
  const Json* value = plain_argument(layer, 1, name);
  std::vector<std::int64_t> axes;
  if (value == nullptr || value->is_null()) {
    for (int axis = 0; axis < shape.rank(); ++axis) axes.push_back(axis);
    return axes;
  }
  if (value->is_integer()) return {value->integer()};
  const Json::Array* list = list_of(*value);
  if (list == nullptr) layer.bad(fmt::format("{} is {}", name, printable(value->dump())));
  for (const Json& item : *list) {
    if (!item.is_integer()) layer.bad(fmt::format("{} is {}", name, printable(value->dump())));
    axes.push_back(item.integer());
  }
  return axes;
}

DType dtype_argument(const Layer& layer, std::size_t position, DType otherwise) {
  const Json* value = plain_argument(layer, position, "dtype");
  if (value == nullptr || value->is_null()) return otherwise;
  const DType dtype = value->is_string() ? dtype_from_name(value->string()) : DType::invalid;
  if (dtype == DType::invalid) layer.unsupported(fmt::format("dtype={}", printable(value->dump())));
  return dtype;
}

}  // namespace

Outputs binary_operation(const Layer& layer, Weights&, GraphBuilder& g) {
  static const std::map<std::string, BinaryKind> kinds = {
      {"Add", BinaryKind::add},
      {"Subtract", BinaryKind::sub},
      {"Multiply", BinaryKind::mul},
      {"Divide", BinaryKind::div},
      {"TrueDivide", BinaryKind::div},
      {"Power", BinaryKind::pow},
      {"Maximum", BinaryKind::maximum},
      {"Minimum", BinaryKind::minimum},
      {"Equal", BinaryKind::equal},
      {"NotEqual", BinaryKind::not_equal},
      {"Less", BinaryKind::less},
      {"LessEqual", BinaryKind::less_equal},
      {"Greater", BinaryKind::greater},
      {"GreaterEqual", BinaryKind::greater_equal},
      {"LogicalAnd", BinaryKind::logical_and},
      {"LogicalOr", BinaryKind::logical_or}};
  const BinaryKind kind = kinds.at(layer.class_name());
  const Operand& left = operand_at(layer, 0, "x1");
  const Operand& right = operand_at(layer, 1, "x2");
  const bool left_first = left.kind == Argument::Kind::tensor;
  const Operand& tensor = left_first ? left : right;
  if (tensor.kind != Argument::Kind::tensor) layer.bad("called without a tensor");
  const DType like = g.dtype(tensor.tensor.value);
  ValueId x = tensor_or_scalar(layer, left, like, g), y = tensor_or_scalar(layer, right, like, g);
  DType dtype = common_dtype(g.dtype(x), g.dtype(y));
  if (kind == BinaryKind::logical_and || kind == BinaryKind::logical_or) dtype = DType::boolean;
  if (kind == BinaryKind::div && !is_floating(dtype)) dtype = DType::float32;
  return g.binary(kind, g.cast(x, dtype), g.cast(y, dtype));
}

Outputs unary_operation(const Layer& layer, Weights&, GraphBuilder& g) {
  static const std::map<std::string, UnaryKind> kinds = {
      {"Absolute", UnaryKind::abs},  {"Negative", UnaryKind::neg},
      {"Square", UnaryKind::square}, {"Sqrt", UnaryKind::sqrt},
      {"Exp", UnaryKind::exp},       {"Log", UnaryKind::log},
      {"Tanh", UnaryKind::tanh},     {"Sigmoid", UnaryKind::sigmoid},
      {"Relu", UnaryKind::relu},     {"LogicalNot", UnaryKind::logical_not}};
  const UnaryKind kind = kinds.at(layer.class_name());
  ValueId x = layer.input();
  if (kind == UnaryKind::logical_not) return g.unary({kind}, g.cast(x, DType::boolean));
  const bool exact = kind == UnaryKind::abs || kind == UnaryKind::neg ||
                     kind == UnaryKind::square || kind == UnaryKind::relu;
  if (!exact && !is_floating(g.dtype(x))) x = g.cast(x, DType::float32);
  return g.unary({kind}, x);
}

Outputs reduce_operation(const Layer& layer, Weights&, GraphBuilder& g) {
  static const std::map<std::string, ReduceKind> kinds = {
      {"Any", ReduceKind::any},   {"All", ReduceKind::all}, {"Sum", ReduceKind::sum},
      {"Mean", ReduceKind::mean}, {"Max", ReduceKind::max}, {"Min", ReduceKind::min}};
  const ReduceKind kind = kinds.at(layer.class_name());
  ValueId x = layer.input();
  const DType dtype = g.dtype(x);
  if (kind == ReduceKind::any || kind == ReduceKind::all) {
    x = g.cast(x, DType::boolean);
  } else if (kind == ReduceKind::mean && !is_floating(dtype)) {
    x = g.cast(x, DType::float32);
  } else if (kind == ReduceKind::sum &&
             (dtype == DType::boolean || dtype == DType::int8 || dtype == DType::int16)) {
    x = g.cast(x, DType::int32);
  }
  if (layer.has("initial")) layer.unsupported("initial");
  return g.reduce(kind, x, axes_argument(layer, g.shape(x), "axis"), layer.flag("keepdims", false));
}

Outputs cast_operation(const Layer& layer, Weights&, GraphBuilder& g) {
  return g.cast(layer.input(), dtype_argument(layer, 1, g.dtype(layer.input())));
}

Outputs expand_dims_operation(const Layer& layer, Weights&, GraphBuilder& g) {
  const Json* axis = plain_argument(layer, 1, "axis");
  if (axis == nullptr || !axis->is_integer()) layer.unsupported("an axis that is no integer");
  return g.expand_dims(layer.input(), axis->integer());
}

Outputs squeeze_operation(const Layer& layer, Weights&, GraphBuilder& g) {
  const Json* axis = plain_argument(layer, 1, "axis");
  if (axis == nullptr || !axis->is_integer()) layer.unsupported("an axis that is no integer");
  return g.squeeze(layer.input(), axis->integer());
}

Outputs like_operation(const Layer& layer, Weights&, GraphBuilder& g) {
  const ValueId x = layer.input();
  const DType dtype = dtype_argument(layer, 1, g.dtype(x));
  return in_shape_of(g.scalar(layer.class_name() == "OnesLike" ? 1 : 0, dtype), x, g);
}

Outputs concatenate_operation(const Layer& layer, Weights&, GraphBuilder& g) {
  if (layer.inputs.empty()) layer.bad("called without inputs");
  std::vector<ValueId> values;
  DType dtype = g.dtype(layer.inputs[0].value);
  for (const MaskedValue& input : layer.inputs) dtype = common_dtype(dtype, g.dtype(input.value));
  for (const MaskedValue& input : layer.inputs) values.push_back(g.cast(input.value, dtype));
  const Json* axis = plain_argument(layer, 1, "axis");
  return g.concat(values, axis == nullptr ? 0 : axis->integer());
}

Outputs where_operation(const Layer& layer, Weights&, GraphBuilder& g) {
  const Operand& condition = operand_at(layer, 0, "condition");
  const Operand& left = operand_at(layer, 1, "x1");
  const Operand& right = operand_at(layer, 2, "x2");
  if (condition.kind != Argument::Kind::tensor) layer.unsupported("a condition that is no tensor");
  const bool left_first = left.kind == Argument::Kind::tensor;
  const Operand& tensor = left_first ? left : right;
  const DType like =
      tensor.kind == Argument::Kind::tensor ? g.dtype(tensor.tensor.value) : DType::float32;
  const ValueId x = tensor_or_scalar(layer, left, like, g),
                y = tensor_or_scalar(layer, right, like, g);
  const DType dtype = common_dtype(g.dtype(x), g.dtype(y));
  return g.select(g.cast(condition.tensor.value, DType::boolean), g.cast(x, dtype),
                  g.cast(y, dtype));
}

}  // namespace thaw::keras
