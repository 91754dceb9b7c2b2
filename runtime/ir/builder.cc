#include "runtime/ir/builder.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "runtime/base/check.h"
#include "runtime/base/half.h"
#include "runtime/ir/infer.h"

namespace thaw {
namespace {

// Ops whose folding replaces weights by weights of the same size: worth it at any size.
bool only_moves_elements(const Op& op) {
  return std::holds_alternative<ops::Reshape>(op) || std::holds_alternative<ops::Transpose>(op) ||
         std::holds_alternative<ops::ExpandDims>(op) || std::holds_alternative<ops::Squeeze>(op) ||
         std::holds_alternative<ops::Reverse>(op) || std::holds_alternative<ops::Cast>(op) ||
         std::holds_alternative<ops::Identity>(op) || std::holds_alternative<ops::Slice>(op) ||
         std::holds_alternative<ops::StridedSlice>(op) || std::holds_alternative<ops::Split>(op) ||
         std::holds_alternative<ops::Unstack>(op);
}

bool foldable(const Op& op) {
  return !std::holds_alternative<ops::Input>(op) && !std::holds_alternative<ops::Constant>(op) &&
         !std::holds_alternative<ops::VariableRead>(op) && !has_effect(op) &&
         is_deterministic(op) &&
         !std::holds_alternative<ops::If>(op) && !std::holds_alternative<ops::While>(op);
}

constexpr std::int64_t kMaxFoldedElements = 4096;

template <class T>
Tensor filled(T value) {
  return Tensor::from<T>(Shape{}, {value});
}

}  // namespace

GraphBuilder::GraphBuilder(Graph& graph, Evaluator evaluator)
    : graph_(graph), evaluator_(std::move(evaluator)) {}

void GraphBuilder::set_scope(std::string name, std::string description) {
  scope_ = std::move(name);
  description_ = std::move(description);
}

void GraphBuilder::rethrow(const Error& error, const Op& op) const {
  const std::string place =
      description_.empty() ? fmt::format("'{}'", printable(scope_)) : description_;
  throw Error(error.code(), fmt::format("{}: {}: {}", place, name_of(op), error.what()));
}

const TensorType& GraphBuilder::type(ValueId value) const { return graph_.values[at(value)].type; }
const Tensor* GraphBuilder::constant_of(ValueId value) const {
  return thaw::constant_of(graph_, value);
}

ValueId GraphBuilder::input(const std::string& name, TensorType type) {
  const auto id = static_cast<ValueId>(graph_.values.size());
  graph_.values.push_back({name, std::move(type), static_cast<NodeId>(graph_.nodes.size())});
  graph_.nodes.push_back({ops::Input{}, {}, {id}, name});
  graph_.inputs.push_back(id);
  graph_.input_names.push_back(name);
  return id;
}

void GraphBuilder::output(const std::string& name, ValueId value) {
  graph_.outputs.push_back(value);
  graph_.output_names.push_back(name);
}

ValueId GraphBuilder::constant(Tensor value, const std::string& name) {
  const auto id = static_cast<ValueId>(graph_.values.size());
  graph_.values.push_back(
      {name.empty() ? scope_ : name, value.type(), static_cast<NodeId>(graph_.nodes.size())});
  graph_.nodes.push_back({ops::Constant{std::move(value)}, {}, {id}, name.empty() ? scope_ : name});
  return id;
}

ValueId GraphBuilder::scalar(double value, DType dtype) {
  switch (dtype) {
    case DType::float32: return constant(filled(static_cast<float>(value)));
    case DType::float64: return constant(filled(value));
    case DType::float16: return constant(filled(float16_from(static_cast<float>(value))));
    case DType::bfloat16: return constant(filled(bfloat16_from(static_cast<float>(value))));
    case DType::int8: return constant(filled(static_cast<std::int8_t>(value)));
    case DType::int16: return constant(filled(static_cast<std::int16_t>(value)));
    case DType::int32: return constant(filled(static_cast<std::int32_t>(value)));
    case DType::int64: return constant(filled(static_cast<std::int64_t>(value)));
    case DType::uint8: return constant(filled(static_cast<std::uint8_t>(value)));
    case DType::uint16: return constant(filled(static_cast<std::uint16_t>(value)));
    case DType::uint32: return constant(filled(static_cast<std::uint32_t>(value)));
    case DType::uint64: return constant(filled(static_cast<std::uint64_t>(value)));
    case DType::boolean: {
      Tensor tensor(DType::boolean, Shape{});
      *tensor.mutable_data<bool>() = value != 0;
      return constant(std::move(tensor));
    }
    case DType::complex64:
    case DType::complex128: return cast(scalar(value, DType::float64), dtype);
    default: fail(ErrorCode::invalid_argument, "{}: no scalar of {}", description_, name_of(dtype));
  }
}

ValueId GraphBuilder::ints(const std::vector<std::int64_t>& values) {
  return constant(Tensor::from(Shape{static_cast<std::int64_t>(values.size())}, values));
}

VariableId GraphBuilder::variable(const std::string& name, Tensor initial) {
  graph_.variables.push_back({name, std::move(initial)});
  return static_cast<VariableId>(graph_.variables.size() - 1);
}

std::vector<ValueId> GraphBuilder::add(Op op, std::vector<ValueId> inputs, int outputs) {
  std::vector<Operand> operands;
  operands.reserve(inputs.size());
  for (ValueId input : inputs) operands.push_back({type(input), constant_of(input)});
  std::vector<TensorType> types;
  try {
    types = infer(op, operands, outputs, &graph_);
    if (auto folded = fold(op, inputs, types)) return *folded;
  } catch (const Error& error) {
    rethrow(error, op);
  }
  std::vector<ValueId> results;
  const auto node = static_cast<NodeId>(graph_.nodes.size());
  for (TensorType& result : types) {
    results.push_back(static_cast<ValueId>(graph_.values.size()));
    graph_.values.push_back({scope_, std::move(result), node});
  }
  graph_.nodes.push_back({std::move(op), std::move(inputs), results, scope_});
  return results;
}

std::optional<std::vector<ValueId>> GraphBuilder::fold(const Op& op,
                                                       const std::vector<ValueId>& inputs,
                                                       const std::vector<TensorType>& types) {
  // A shape query needs no elements: a static type is enough.
  if (const auto* query = std::get_if<ops::ShapeQuery>(&op)) {
    const Shape& shape = type(inputs[0]).shape;
    std::vector<std::int64_t> values;
    if (query->kind == ShapeQueryKind::rank && shape.has_rank()) {
      values = {shape.rank()};
    } else if (query->kind == ShapeQueryKind::size && shape.is_static()) {
      values = {shape.num_elements()};
    } else if (query->kind == ShapeQueryKind::shape && shape.is_static()) {
      values = shape.dims();
    } else {
      return std::nullopt;
    }
    const Shape result = query->kind == ShapeQueryKind::shape ? Shape{shape.rank()} : Shape{};
    const ValueId value = constant(Tensor::from(result, values));
    return std::vector<ValueId>{cast(value, query->dtype)};
  }
  if (!evaluator_ || inputs.empty() || !foldable(op)) return std::nullopt;
  std::vector<Tensor> operands;
  std::int64_t operand_elements = 0;
  for (ValueId input : inputs) {
    const Tensor* value = constant_of(input);
    if (value == nullptr) return std::nullopt;
    operand_elements = std::max(operand_elements, value->num_elements());
    operands.push_back(*value);
  }
  for (const TensorType& result : types) {
    if (result.dtype == DType::tensor_list || result.dtype == DType::table) return std::nullopt;
    if (!result.shape.is_static()) continue;
    const std::int64_t elements = result.shape.num_elements();
    const bool small = std::max(elements, operand_elements) <= kMaxFoldedElements;
    if (!small && !(only_moves_elements(op) && elements <= operand_elements)) return std::nullopt;
  }
  std::vector<Tensor> results;
  if (!evaluator_(op, operands, types, results)) return std::nullopt;
  std::vector<ValueId> values;
  for (Tensor& result : results) values.push_back(constant(std::move(result)));
  return values;
}

// ---- the common ops by name
// ---------------------------------------------------------------------------

ValueId GraphBuilder::unary(UnaryFn fn, ValueId x) {
  return fn.kind == UnaryKind::linear ? x : add1(ops::Unary{fn}, {x});
}

ValueId GraphBuilder::binary(BinaryKind kind, ValueId x, ValueId y) {
  return add1(ops::Binary{kind}, {x, y});
}

ValueId GraphBuilder::cast(ValueId x, DType to) {
  return dtype(x) == to ? x : add1(ops::Cast{to}, {x});
}

ValueId GraphBuilder::matmul(ValueId a, ValueId b, bool transpose_a, bool transpose_b) {
  return add1(ops::MatMul{transpose_a, transpose_b, {}}, {a, b});
}

ValueId GraphBuilder::reduce(ReduceKind kind, ValueId x, const std::vector<std::int64_t>& axes,
                             bool keep_dims) {
  return add1(ops::Reduce{kind, keep_dims}, {x, ints(axes)});
}

ValueId GraphBuilder::transpose(ValueId x, const std::vector<std::int64_t>& permutation) {
  return add1(ops::Transpose{}, {x, ints(permutation)});
}

ValueId GraphBuilder::expand_dims(ValueId x, std::int64_t axis) {
  return add1(ops::ExpandDims{{axis}}, {x});
}

ValueId GraphBuilder::squeeze(ValueId x, std::int64_t axis) {
  return add1(ops::Squeeze{{axis}}, {x});
}

ValueId GraphBuilder::concat(const std::vector<ValueId>& xs, std::int64_t axis) {
  return add1(ops::Concat{axis}, xs);
}

ValueId GraphBuilder::reverse(ValueId x, std::int64_t axis) {
  return add1(ops::Reverse{{axis}}, {x});
}

ValueId GraphBuilder::select(ValueId condition, ValueId x, ValueId y) {
  return add1(ops::Select{}, {condition, x, y});
}

ValueId GraphBuilder::pad(ValueId x, const std::vector<std::int64_t>& paddings) {
  const Shape shape{static_cast<std::int64_t>(paddings.size() / 2), 2};
  return add1(ops::Pad{PadMode::constant}, {x, constant(Tensor::from(shape, paddings))});
}

ValueId GraphBuilder::slice_axis(ValueId x, std::int64_t axis, std::int64_t begin,
                                 std::int64_t end) {
  if (axis < 0) {
    if (!shape(x).has_rank()) {
      fail(ErrorCode::invalid_argument, "{}: slice of a value of unknown rank", description_);
    }
    axis += shape(x).rank();
  }
  std::vector<std::int64_t> begins(static_cast<std::size_t>(axis) + 1, 0), ends = begins;
  const std::vector<std::int64_t> strides(begins.size(), 1);
  ops::StridedSlice slice;
  slice.begin_mask = slice.end_mask = (std::int64_t{1} << axis) - 1;  // whole axes in front
  begins.back() = begin;
  ends.back() = end;
  if (end == kToEnd) slice.end_mask |= std::int64_t{1} << axis;
  return add1(slice, {x, ints(begins), ints(ends), ints(strides)});
}

ValueId GraphBuilder::gather(ValueId params, ValueId indices, std::int64_t axis) {
  return add1(ops::Gather{axis, 0}, {params, indices});
}

ValueId GraphBuilder::dims(ValueId source, const std::vector<std::int64_t>& dims) {
  const Shape& from = shape(source);
  std::vector<std::int64_t> known = dims;
  bool complete = true;
  for (std::int64_t& dim : known) {
    if (dim >= -1) continue;
    const auto axis = static_cast<int>(-2 - dim);
    if (from.has_rank() && axis < from.rank() && from[axis] != kUnknownDim) {
      dim = from[axis];
    } else {
      complete = false;
    }
  }
  if (complete) return ints(known);
  const ValueId sizes = add1(ops::ShapeQuery{ShapeQueryKind::shape, DType::int64}, {source});
  std::vector<ValueId> parts;
  for (std::int64_t dim : known) {
    if (dim >= -1) {
      parts.push_back(ints({dim}));
    } else {
      parts.push_back(slice_axis(sizes, 0, -2 - dim, -1 - dim));
    }
  }
  return parts.size() == 1 ? parts[0] : concat(parts, 0);
}

ValueId GraphBuilder::reshape(ValueId x, const std::vector<std::int64_t>& wanted) {
  return reshape_like(x, x, wanted);
}

ValueId GraphBuilder::reshape_like(ValueId x, ValueId source,
                                   const std::vector<std::int64_t>& wanted) {
  // A single unknown copied dimension can be left to inference: -1 says the same with a constant.
  std::vector<std::int64_t> simple = wanted;
  const Shape& from = shape(source);
  int unknown = static_cast<int>(std::count(wanted.begin(), wanted.end(), -1));
  bool has_zero = false;
  for (std::int64_t& dim : simple) {
    if (dim < -1 && from.has_rank() && -2 - dim < from.rank()) {
      const std::int64_t size = from[static_cast<int>(-2 - dim)];
      if (size == kUnknownDim) ++unknown;
      dim = size;
    } else if (dim < -1) {
      unknown = 2;
    }
    has_zero |= dim == 0;
  }
  const ValueId target = unknown <= 1 && !has_zero ? ints(simple) : dims(source, wanted);
  const ValueId result = add1(ops::Reshape{}, {x, target});
  // What inference cannot see through the computed shape is known here.
  Shape& shape_of_result = graph_.values[at(result)].type.shape;
  if (shape_of_result.has_rank() && shape_of_result.rank() == static_cast<int>(simple.size())) {
    for (int i = 0; i < shape_of_result.rank(); ++i) {
      if (shape_of_result[i] == kUnknownDim && simple[static_cast<std::size_t>(i)] >= 0) {
        shape_of_result[i] = simple[static_cast<std::size_t>(i)];
      }
    }
  }
  return result;
}

ValueId GraphBuilder::broadcast_like(ValueId x, ValueId source,
                                     const std::vector<std::int64_t>& wanted) {
  const ValueId result = add1(ops::BroadcastTo{}, {x, dims(source, wanted)});
  Shape& known = graph_.values[at(result)].type.shape;
  if (!known.has_rank()) known = Shape(std::vector<std::int64_t>(wanted.size(), kUnknownDim));
  for (int i = 0; i < known.rank() && i < static_cast<int>(wanted.size()); ++i) {
    if (known[i] == kUnknownDim && wanted[static_cast<std::size_t>(i)] >= 0) {
      known[i] = wanted[static_cast<std::size_t>(i)];
    }
  }
  return result;
}

}  // namespace thaw
