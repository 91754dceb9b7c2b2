#include "runtime/passes/pass_util.h"

#include <cstring>

#include "runtime/base/check.h"
#include "runtime/base/half.h"

namespace thaw {

bool for_subgraphs(Graph& graph, bool (*pass)(Graph&)) {
  bool changed = false;
  for (Graph& subgraph : graph.subgraphs) changed = pass(subgraph) || changed;
  return changed;
}

void empty_node(Graph& graph, NodeId id) {
  Node& node = node_at(graph, id);
  node.op = std::monostate{};
  node.inputs.clear();
  node.outputs.clear();
}

ValueId append_constant(Graph& graph, Tensor value, std::string name) {
  const auto id = static_cast<ValueId>(graph.values.size());
  graph.values.push_back({name, value.type(), static_cast<NodeId>(graph.nodes.size())});
  graph.nodes.push_back({ops::Constant{std::move(value)}, {}, {id}, std::move(name)});
  return id;
}

ValueId append_node(Graph& graph, Op op, std::vector<ValueId> inputs, TensorType type,
                    std::string name) {
  const auto id = static_cast<ValueId>(graph.values.size());
  graph.values.push_back({name, std::move(type), static_cast<NodeId>(graph.nodes.size())});
  graph.nodes.push_back({std::move(op), std::move(inputs), {id}, std::move(name)});
  return id;
}

std::vector<NodeId> single_users(const Graph& graph) {
  std::vector<NodeId> users(graph.values.size(), kNoNode);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const ValueId id : graph.nodes[i].inputs) {
      users[static_cast<std::size_t>(id)] = static_cast<NodeId>(i);
    }
  }
  const std::vector<int> uses = use_counts(graph);
  for (std::size_t i = 0; i < users.size(); ++i) {
    if (uses[i] != 1) users[i] = kNoNode;
  }
  return users;
}

std::vector<double> to_doubles(const Tensor& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.num_elements()));
  const auto convert = [&]<class T, class To>(T, To to) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      T element;
      std::memcpy(&element, static_cast<const char*>(tensor.data()) + i * sizeof(T), sizeof(T));
      values[i] = to(element);
    }
  };
  switch (tensor.dtype()) {
    case DType::float16: convert(std::uint16_t{}, half_to_float); break;
    case DType::bfloat16: convert(std::uint16_t{}, bfloat_to_float); break;
    case DType::float32: convert(float{}, [](float x) { return x; }); break;
    case DType::float64: convert(double{}, [](double x) { return x; }); break;
    default: fail(ErrorCode::internal, "expected floats, found {}", name_of(tensor.dtype()));
  }
  return values;
}

Tensor from_doubles(DType dtype, const Shape& shape, const std::vector<double>& values) {
  Tensor tensor(dtype, shape);
  const auto convert = [&]<class T, class From>(T, From from) {
    T* out = static_cast<T*>(tensor.mutable_data());
    for (std::size_t i = 0; i < values.size(); ++i) out[i] = from(values[i]);
  };
  const auto single = [](double x) { return static_cast<float>(x); };
  switch (dtype) {
    case DType::float16:
      convert(std::uint16_t{}, [&](double x) { return float_to_half(single(x)); });
      break;
    case DType::bfloat16:
      convert(std::uint16_t{}, [&](double x) { return float_to_bfloat(single(x)); });
      break;
    case DType::float32: convert(float{}, single); break;
    case DType::float64: convert(double{}, [](double x) { return x; }); break;
    default: fail(ErrorCode::internal, "expected a floating type, found {}", name_of(dtype));
  }
  return tensor;
}

double smallest_normal(DType dtype) {
  switch (dtype) {
    case DType::float16: return 0x1p-14;
    case DType::bfloat16:
    case DType::float32: return 0x1p-126;
    default: return 0x1p-1022;
  }
}

std::optional<LinearNode> linear_node(const Graph& graph, NodeId id) {
  const Node& node = node_at(graph, id);
  LinearNode found;
  found.node = id;
  int from_the_end = 1;
  if (const auto* conv = std::get_if<ops::Conv>(&node.op)) {
    if (conv->activation.kind != UnaryKind::linear || conv->pool > 1) return std::nullopt;
    found.bias_operand = 2;
  } else if (std::holds_alternative<ops::ConvTranspose>(node.op)) {
    from_the_end = 2;
    found.bias_operand = 3;
  } else if (const auto* matmul = std::get_if<ops::MatMul>(&node.op)) {
    if (matmul->activation.kind != UnaryKind::linear) return std::nullopt;
    from_the_end = matmul->transpose_b ? 2 : 1;
    found.bias_operand = 2;
  } else {
    return std::nullopt;
  }
  found.weights = constant_of(graph, node.inputs[1]);
  if (found.weights == nullptr || !is_floating(found.weights->dtype())) return std::nullopt;
  if (found.weights->shape().rank() < from_the_end) return std::nullopt;
  found.weight_axis = found.weights->shape().rank() - from_the_end;
  found.channels = found.weights->shape()[found.weight_axis];
  if (node.inputs.size() > static_cast<std::size_t>(found.bias_operand)) {
    found.bias = constant_of(graph, node.inputs.back());
    if (found.bias == nullptr || found.bias->num_elements() != found.channels) return std::nullopt;
  }
  return found;
}

const Tensor* channel_constant(const Graph& graph, const Node& user, ValueId value,
                               std::int64_t channels) {
  if (user.inputs.size() != 2) return nullptr;
  const ValueId other = user.inputs[user.inputs[0] == value ? 1 : 0];
  const Tensor* constant = constant_of(graph, other);
  const Shape& shape = type_of(graph, value).shape;
  if (constant == nullptr || !is_floating(constant->dtype()) || !shape.has_rank()) return nullptr;
  const Shape& factors = constant->shape();
  if (factors.rank() > shape.rank()) return nullptr;  // would add dimensions
  for (int i = 0; i < factors.rank(); ++i) {
    const bool last = i + 1 == factors.rank();
    if (factors[i] != 1 && !(last && factors[i] == channels)) return nullptr;
  }
  return constant;
}

}  // namespace thaw
